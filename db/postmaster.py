"""The postmaster process: spawned under a lifeline, awaited, ended.

It runs under a small shell that waits on a pipe from us: however we end, the pipe closes and the server is
told to stop, so that not even `kill -9` leaves an orphan.
"""

# What is started here are Postgres's programs and sh, with arguments of our own making.
# ruff: noqa: S603, S607

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import Unavailable
from db import cluster, engines

#: How long a start may take, recovery after a crash included, in seconds.
START_S = 60.0
PORT_TRIES = 5

# `wait` returns when the server ends, by itself or because the guard saw our pipe close. The pipe must be
# stdin: dash takes no descriptor above 9. SIGINT is the fast shutdown. A throw-away folder ($1) goes too.
LIFELINE = """
folder=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- & server=$!
{ read -r _ <&3; kill -INT $server; } 2>/dev/null & guard=$!
exec 3<&-
wait $server; status=$?
kill $guard 2>/dev/null
[ $status -ne 0 ] || [ -z "$folder" ] || rm -rf "$folder" 2>/dev/null
exit $status
"""


@dataclass
class Process:
    """The shell around a server. `pipe` is the end we hold: closing it stops the server."""

    shell: subprocess.Popen[bytes]
    pipe: int
    port: int

    def end(self) -> None:
        os.close(self.pipe)
        for harder in (signal.SIGQUIT, signal.SIGKILL):
            with suppress(subprocess.TimeoutExpired):
                self.shell.wait(cluster.STOP_S)
                return
            os.killpg(self.shell.pid, harder)


def run(engine: engines.Engine, data: Path, durable: bool, settings: Mapping[str, str], port: int | None) -> Process:
    for left in reversed(range(PORT_TRIES)):
        process = _spawn(engine, data, durable, settings, port or _free_port())
        try:
            if _await_ready(process, data):
                return process
        except BaseException:
            process.end()
            raise
        process.end()
        said = (data / "postgres.log").read_text(errors="replace")
        if "could not bind" not in said:
            raise Unavailable(f"Postgres did not start on {data}; its log ends: {said[-800:].strip() or 'empty'}")
        if port or not left:
            raise Unavailable(f"port {process.port} on 127.0.0.1 is taken: stop who holds it, or choose another port")
    raise AssertionError("unreachable")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _spawn(engine: engines.Engine, data: Path, durable: bool, settings: Mapping[str, str], port: int) -> Process:
    command: list[str | Path] = [
        engine.bin / "postgres",
        "-D",
        data / "cluster",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-k",
        cluster.sockets(data) or "",
    ]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    said = data / "postgres.log"
    with suppress(FileNotFoundError):
        said.replace(data / "postgres.log.1")
    theirs, ours = os.pipe()
    try:
        with said.open("wb") as output:
            # In a session of its own, so that Ctrl-C reaches us first and the server ends after its users.
            shell = subprocess.Popen(
                ["sh", "-c", LIFELINE, "sh", "" if durable else data, *command],
                stdin=theirs,
                stdout=output,
                stderr=output,
                cwd="/",
                env=engines.environment(),
                start_new_session=True,
                **engines.identity(),
            )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return Process(shell, ours, port)


def _await_ready(process: Process, data: Path) -> bool:
    """Wait until the server takes connections, at most START_S; False when it ended instead."""
    deadline = time.monotonic() + START_S
    while process.shell.poll() is None:
        status = cluster.pid_file(data / "cluster")
        if ready(status) and status[3].strip() == str(process.port) and _in_group(int(status[0]), process.shell.pid):
            return True
        if time.monotonic() > deadline:
            raise Unavailable(f"Postgres was not ready within {START_S:.0f} s: see {data / 'postgres.log'}")
        time.sleep(0.01)
    return False


def ready(status: list[str]) -> bool:
    return len(status) >= 8 and status[7].strip() == "ready" and status[0].strip().isdigit()


def _in_group(pid: int, group: int) -> bool:
    # A pid file left by a crash may name our very port: only a child of our shell is our server.
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False
