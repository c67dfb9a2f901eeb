"""The Postgres under a storm: an embedded, durable server of its own, or a scratch database on somebody's server."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from contracts.errors import Unavailable
from db import cluster, server, soak

#: Ports outside of what kernels give to outgoing connections: during a restart nobody else takes it.
PORTS = range(15_500, 25_000)
#: How long a server may take to end at once, in seconds.
STOP_S = 30.0
#: What a server says that was not shut down.
RECOVERY = "automatic recovery in progress"


@dataclass
class Ground:
    """`url` leads straight to the database. Only a server of our own (`data`) can be restarted."""

    url: str
    source: str
    data: Path | None = None
    running: server.Server | None = None
    #: Restarts after which the server said that it recovered from a crash.
    recoveries: int = 0
    #: The longest that one took to stop, and to be ready again, in seconds.
    longest_stop_s: float = 0.0
    longest_start_s: float = 0.0

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 5432

    def through(self, port: int) -> str:
        """The same database behind a proxy on `port` of 127.0.0.1."""
        parts = urlsplit(self.url)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}"))

    async def restart(self, away_s: float = 0.0) -> None:
        """Stop the server at once, as `pg_ctl -m immediate` does, and start it `away_s` seconds later: it recovers from its log.

        Not cancellable.
        """
        working = asyncio.create_task(asyncio.to_thread(self._restart, away_s))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await working
            raise

    def _restart(self, away_s: float) -> None:
        assert self.data is not None
        assert self.running is not None
        here, port = self.data.resolve() / "cluster", self.address[1]
        pid = int(cluster.pid_file(here)[0])
        began = time.monotonic()
        os.kill(pid, signal.SIGQUIT)
        while cluster.serves(pid, here):
            if time.monotonic() - began > STOP_S:
                raise Unavailable(f"Postgres (pid {pid}) did not stop within {STOP_S:.0f} s")
            time.sleep(0.01)
        self.running.stop()
        self.longest_stop_s = max(self.longest_stop_s, time.monotonic() - began)
        time.sleep(away_s)
        stopped = time.monotonic()
        self.running = server.start(self.data, durable=True, port=port)
        self.longest_start_s = max(self.longest_start_s, time.monotonic() - stopped)
        said = (self.data / "postgres.log").read_text(errors="replace")
        self.recoveries += RECOVERY in said

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()

    def temporary_files(self) -> int:
        """Files that queries or crashes left in the server's folder."""
        if self.data is None:
            return 0
        return sum(1 for path in (self.data.resolve() / "cluster" / "base").glob("pgsql_tmp/*"))


@asynccontextmanager
async def ground(database_url: str | None, folder: Path, *, keep: bool) -> AsyncIterator[Ground]:
    """The database for one soak; on leaving, its server is stopped or the scratch database dropped. Raises: Unavailable."""
    async with AsyncExitStack() as held:
        if database_url:
            _check_one_host(database_url)
            url = await held.enter_async_context(soak.scratch(database_url, keep=keep))
            yield Ground(url, "DATABASE_URL")
            return
        # Not in a thread: one that is cancelled would leave its server behind.
        running = server.start(folder / "pg", durable=True, port=_free_port())
        made = Ground(running.url, running.source, folder / "pg", running)
        held.callback(made.stop)
        yield made


def _check_one_host(url: str) -> None:
    """The proxy leads to one host and port; guessing would storm, and give the password to, whoever listens there."""
    parts = urlsplit(url)
    told = parse_qs(parts.query)
    if parts.hostname is None or "," in parts.netloc.rpartition("@")[2] or "host" in told or "port" in told:
        raise Unavailable(
            "a soak goes through TCP to one server: name it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        )


def _free_port() -> int:
    for port in random.sample(PORTS, len(PORTS)):  # two that start at once meet seldom
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Unavailable(f"no port between {PORTS.start} and {PORTS.stop} is free")


def free_ports(n: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on right now."""
    held = [socket.socket() for _ in range(n)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
