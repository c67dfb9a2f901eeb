"""A real Postgres for every test: one server a test process, one migrated template, a fresh database each.

`TEST_DATABASE_URL` names a server to use instead (its user must be allowed to create databases and roles);
`HEADWATER_PG=docker|system|embedded` chooses which one to bring along. Nothing starts before a test asks.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from db import migrate
from db.server import Server, choose

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

# A shell that runs us in the background has these ignored, and our children would inherit that: they are tested for real.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler)

T = TypeVar("T")
Prefer = Literal["auto", "embedded", "docker", "system"]


class Databases:
    """Makes and drops databases of one server over a connection of its own, on a loop no test shares."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        # Copying files is quickest where nothing is flushed; elsewhere it would force a checkpoint each time.
        self.strategy = "wal_log" if os.environ.get("TEST_DATABASE_URL") else "file_copy"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: Connection = self.run(asyncpg.connect(self.url))
        self._numbers = itertools.count(1)
        self._prefix = f"headwater_test_{os.getpid()}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=100)

    def execute(self, statement: str) -> None:
        self.run(self._connection.execute(statement))

    def create(self, template: str | None = None) -> str:
        """A new database, from `template` or empty; gives its URL."""
        name = f"{self._prefix}_{next(self._numbers)}"
        source = f"TEMPLATE {template} STRATEGY {self.strategy}" if template else ""
        self.execute(f"CREATE DATABASE {name} {source}")
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def close(self) -> None:
        self.run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    # C.01: the containers' road is taken when asked for, and falls through when no engine answers.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    folder = Path(tempfile.mkdtemp(prefix="headwater-test-", dir=memory if roomy else None))
    prefer = cast(Prefer, os.environ.get("HEADWATER_PG") or "auto")
    try:
        with choose(os.environ.get("TEST_DATABASE_URL"), prefer, folder, durable=False) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(database_server: Server) -> Iterator[Databases]:
    made = Databases(database_server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def template(databases: Databases) -> Iterator[str]:
    url = databases.create()
    databases.run(migrate.migrate(url))
    name = urlsplit(url).path[1:]
    databases.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    yield name
    databases.drop(url)


@pytest.fixture
def db_url(databases: Databases, template: str) -> Iterator[str]:
    """A migrated database of this test's own, as a postgresql:// URL of the login user."""
    url = databases.create(template)
    yield url
    databases.drop(url)


@pytest.fixture
def empty_db_url(databases: Databases) -> Iterator[str]:
    """A database without our schema."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def new_db_url(databases: Databases, template: str) -> Iterator[Callable[[], str]]:
    """Makes further migrated databases; they go with the test."""
    made: list[str] = []

    def make() -> str:
        made.append(databases.create(template))
        return made[-1]

    yield make
    for url in made:
        databases.drop(url)


@pytest.fixture
async def conn(db_url: str) -> AsyncIterator[Connection]:
    """A connection to `db_url` as the login user: it sees everything."""
    connection = await asyncpg.connect(db_url)
    yield connection
    await connection.close()


def _remove(folder: Path) -> None:
    """Delete `folder`. A server whose owner a test killed may still be writing its last files: it is given 10 s to end."""
    deadline = time.monotonic() + 10
    while True:
        try:
            shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(0.05)


@contextmanager
def open_folder(memory: Path | None = None) -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's: a durable server run by root would put its data elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-test-", dir=memory if memory and memory.is_dir() else None))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        _remove(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """Such a folder, in memory where there is some."""
    with open_folder(Path("/dev/shm")) as folder:
        yield folder
