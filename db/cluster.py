"""The folder of an embedded Postgres: made, locked, recognised.

lock           held by the one process that runs a server here; holds its pid
password       of the login role, 0600 (durable folders only)
postgres.log   what the server says; postgres.log.1 of the start before
cluster/       what initdb made
run/           the server's socket, for processes of this host; absent where no socket can have the path
"""

# What is started here are Postgres's programs and sh, with arguments of our own making.
# ruff: noqa: S603, S607

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from contracts.errors import Unavailable
from db import engines

ROLE = "headwater"
DATABASE = "headwater"
#: How long a server may take to stop, in seconds.
STOP_S = 30.0
#: Bytes that a socket's path may have on every system we know (Linux 107, macOS 103).
_LONGEST_SOCKET = 103


def url(data: Path, port: int) -> str:
    """How to connect to the server on `data`: with its password, or without one to a throw-away."""
    with suppress(FileNotFoundError):
        secret = quote((data / "password").read_text().strip(), safe="")
        return f"postgresql://{ROLE}:{secret}@127.0.0.1:{port}/{DATABASE}"
    return f"postgresql://{ROLE}@127.0.0.1:{port}/postgres"


def socket_url(data: Path, port: int) -> str:
    """The quickest way there from this host: by the socket, a fifth cheaper a round trip, else as `url`."""
    if not (data / "run" / f".s.PGSQL.{port}").exists():
        return url(data, port)
    by_tcp = urlsplit(url(data, port))
    return f"postgresql://{by_tcp.netloc.rpartition('@')[0]}@{by_tcp.path}?host={quote(str(data / 'run'))}&port={port}"


def sockets(data: Path) -> Path | None:
    """An empty folder for the socket, closed to all but the server's user and root.

    None: its path would be too long, or have a comma, which separates folders for the server and for clients.
    """
    run = data / "run"
    if "," in str(run) or len(os.fsencode(run / ".s.PGSQL.65535.lock")) > _LONGEST_SOCKET:
        return None
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(mode=0o700)
    if who := engines.identity():
        os.chown(run, who["user"], who["group"])
    return run


def folder(data: Path, durable: bool) -> Path:
    """Make the folder, or accept the one that is there; give the path that the server's user can reach.

    Root's closed folders stay closed: the data then live in `engines.ROOT_HOME`, and `data` links there.
    """
    if data.is_symlink() and not data.exists():
        data.unlink()
    data.mkdir(parents=True, exist_ok=True)
    real = data.resolve()
    if any(real.iterdir()):
        if not (real / "lock").exists():
            raise Unavailable(f"{data} holds other things than a database: choose an empty or new folder (--data DIR)")
        return real
    who = engines.identity()
    _hand_over(real, durable, who)
    if who and not _enterable(real, who):
        home = Path(tempfile.mkdtemp(prefix="data-", dir=engines.root_home()))
        _hand_over(home, durable, who)
        real.rmdir()
        real.symlink_to(home)
        return home
    return real


def _hand_over(folder: Path, durable: bool, who: engines.Identity) -> None:
    """Root keeps a durable folder and lets the server pass; a throw-away is the server's to remove."""
    folder.chmod(0o711 if who and durable else 0o700)
    if who and not durable:
        os.chown(folder, who["user"], who["group"])


def _enterable(folder: Path, who: engines.Identity) -> bool:
    tried = subprocess.run(["sh", "-c", 'cd -- "$1"', "sh", folder], cwd="/", stderr=subprocess.DEVNULL, **who)
    return tried.returncode == 0


def lock(data: Path) -> IO[str]:
    """Take the folder until the file is closed. Raises: Unavailable, naming the pid of who has it."""
    held = (data / "lock").open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        holder = held.read().strip() or "unknown"
        held.close()
        raise Unavailable(
            f"{data} is in use by process {holder}: stop that process, share its server "
            "(DATABASE_URL=$(headwater db url)), or choose another folder (--data DIR)"
        ) from None
    held.truncate(0)
    held.write(f"{os.getpid()}\n")
    held.flush()
    return held


def await_end(cluster: Path) -> None:
    """Wait for a server whose owner died a moment ago; forget a pid file whose number is another's now."""
    status = pid_file(cluster)
    if not status or not status[0].strip().isdigit():
        return
    pid = int(status[0])
    deadline = time.monotonic() + STOP_S
    while serves(pid, cluster):
        if time.monotonic() > deadline:
            raise Unavailable(f"an older Postgres (pid {pid}) still runs on {cluster}: stop it with `kill -INT {pid}`")
        time.sleep(0.02)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def pid_file(cluster: Path) -> list[str]:
    """Lines of postmaster.pid: pid, folder, start, port, socket folder, address, memory key, status."""
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def serves(pid: int, cluster: Path) -> bool:
    """Does process `pid` run a server on this very folder? The number alone proves nothing."""
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cwd").readlink() == cluster
        # In a container root may not look there; what a process was started with is everybody's to read.
        with suppress(OSError):
            return os.fsencode(cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return False
    said = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True)
    return str(cluster) in said.stdout


def init(engine: engines.Engine, data: Path, durable: bool) -> None:
    """Make the cluster unless there is one. It appears under its name only when it is complete."""
    cluster = data / "cluster"
    if (cluster / "PG_VERSION").exists():
        written = (cluster / "PG_VERSION").read_text().strip()
        if written != str(engine.major):
            raise Unavailable(
                f"{data} was written by PostgreSQL {written}, this is {engine.version} ({engine.source}): "
                f"move the folder away to begin anew, "
                f"or set DATABASE_URL to a server of version {written} on {cluster}"
            )
        return
    for leftover in data.glob(".new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    who = engines.identity()
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=data))
    secret = data / "password"
    if durable:
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
    if who:
        for path in (fresh, secret) if durable else (fresh,):
            os.chown(path, who["user"], who["group"])
    access = ["-A", "scram-sha-256", f"--pwfile={secret}"] if durable else ["-A", "trust", "--no-sync"]
    # Code-point order and Unicode case rules, the same everywhere; before 17 only the C library has them.
    collation = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if engine.major >= 17 else ["--lc-ctype=C.UTF-8"]
    )
    _program([engine.bin / "initdb", "-D", fresh, "-U", ROLE, "-E", "UTF8", "--locale=C", *collation, *access], who)
    if durable:
        # Single-user mode needs neither port nor password.
        _program(
            [engine.bin / "postgres", "--single", "-D", fresh, "postgres"],
            who,
            f"CREATE DATABASE {DATABASE};\n",
        )
    fresh.rename(cluster)


def _program(command: Sequence[str | Path], who: engines.Identity, text: str = "") -> None:
    ran = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=engines.environment(),
        start_new_session=True,
        **who,
    )
    try:
        _, said = ran.communicate(text)
    except BaseException:
        # initdb has children of its own, which would go on writing into a folder that is about to be removed.
        os.killpg(ran.pid, signal.SIGKILL)
        ran.wait()
        raise
    if ran.returncode != 0:
        raise Unavailable(
            f"{Path(command[0]).name} failed: {said.strip()[-800:]}; mend that, or set DATABASE_URL to a server"
        )
