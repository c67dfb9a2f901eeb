"""Procrastinate's connector on asyncpg, and connections that outlive an absent server (hazards H1, H3, H5)."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, cast

import asyncpg
import structlog
from procrastinate import connector, exceptions, manager, types

from contracts.errors import Unavailable
from db.pool import open_pool
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx

#: How long to wait for a server that is away before an ordinary call gives up, in seconds.
PATIENCE_S = 300.0
#: What the server says while it comes up or has no room: worth waiting for, nothing was sent yet.
_AWAY = (*CONNECTION_ERRORS, asyncpg.TooManyConnectionsError)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
#: Plans made on an empty table must not become sequential scans of a full one (H12).
SESSION = {
    "role": DbRole.SYSTEM.value,
    "search_path": "queue,app,pg_catalog",
    "timezone": "UTC",
    "enable_seqscan": "off",
    "jit": "off",
}
log = structlog.get_logger("worker.queue")


async def open_queue_pool(
    url: str, *, name: str = "headwater queue", size: int = 4, command_timeout_s: float = 30
) -> Pool:
    """The worker's pool for deliveries: each connection acts as the system role in schema `queue`, one statement a transaction.

    Raises: Unavailable when the server does not answer.
    """
    return await open_pool(
        url,
        name=name,
        size=size,
        command_timeout_s=command_timeout_s,
        idle_in_transaction_s=3,
        settings=SESSION,
    )


async def connect(url: str, *, name: str, timeout_s: float = 5.0) -> asyncpg.Connection[asyncpg.Record]:
    """One direct connection of the same kind, for LISTEN and heartbeats."""
    return await asyncpg.connect(
        url,
        timeout=timeout_s,
        command_timeout=timeout_s,
        server_settings={**SESSION, "application_name": name},
    )


async def acquire(pool: Pool, patience_s: float = PATIENCE_S) -> Tx:
    """Take a connection, waiting for a server that is away. Nothing was sent yet, so trying again is safe.

    Raises: Unavailable after `patience_s` seconds.
    """
    deadline = time.monotonic() + patience_s
    pause = 0.05
    while True:
        try:
            return await pool.acquire(timeout=10)
        except _AWAY as error:
            if time.monotonic() + pause > deadline or pool.is_closing():
                raise Unavailable(
                    f"the database has not answered for {patience_s:.0f} s ({error}); check that it runs",
                    after_s=5,
                ) from error
        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
        pause = min(2.0, pause * 2)


class Line:
    """One connection kept from a pool for a stream of single statements; replaced once it breaks."""

    def __init__(self, pool: Pool, patience_s: float = PATIENCE_S) -> None:
        self._pool = pool
        self._patience_s = patience_s
        self._kept: Tx | None = None

    async def take(self) -> Tx:
        """The connection, freshly acquired if need be. Raises: Unavailable."""
        if self._kept is not None and not self._kept.is_closed():
            return self._kept
        await self.give_back()
        self._kept = await acquire(self._pool, self._patience_s)
        return self._kept

    async def cut(self) -> None:
        """Throw the connection away: its state is unknown after an error."""
        if self._kept is not None:
            self._kept.terminate()
            await self.give_back()

    async def give_back(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._pool.release(cast("Any", kept), timeout=5)


class Listener:
    """Listens on a direct connection for ever: probes it, reconnects, and calls `on_relisten` after each (re)LISTEN.

    Whatever was notified while nobody listened is lost, so `on_relisten` has to look for itself.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "headwater listen",
        probe_s: float = 15.0,
        on_relisten: Callable[[], object] | None = None,
    ) -> None:
        self._url, self._name, self._probe_s = url, name, probe_s
        self.on_relisten = on_relisten
        #: How often we had to begin anew, and whether somebody listens right now.
        self.connected = 0
        self.listening = False

    async def run(self, channels: Iterable[str], heard: Callable[[str, str], None]) -> None:
        """Call `heard(channel, payload)` for each notification. Ends only by cancellation."""
        wanted = tuple(channels)
        pause = 0.05
        while True:
            try:
                await self._session(wanted, heard)
            except (*_AWAY, asyncpg.PostgresError) as error:
                log.warning("listener_lost", error=str(error) or type(error).__name__, again_in_s=pause)
            if self.listening:
                self.listening, pause = False, 0.05
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)

    async def _session(self, channels: tuple[str, ...], heard: Callable[[str, str], None]) -> None:
        connection = await connect(self._url, name=self._name)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            for channel in channels:
                await connection.add_listener(
                    channel, lambda _c, _p, at, payload: heard(at, cast("str", payload))
                )
            self.connected += 1
            self.listening = True
            if self.on_relisten:
                self.on_relisten()
            while not lost.is_set():
                try:
                    await asyncio.wait_for(lost.wait(), self._probe_s)
                except TimeoutError:
                    # A peer that vanished without a word is only found out by asking.
                    await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()


@cache
def translate(query: str) -> tuple[str, tuple[str, ...]]:
    """psycopg's `%(name)s` into asyncpg's `$n`, with the names in order."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACEHOLDER.sub(numbered, query), tuple(names)


def _composite(value: object) -> object:
    if isinstance(value, list) and value and isinstance(value[0], types.JobToDefer):
        return [
            (j.queue_name, j.task_name, j.priority, j.lock, j.queueing_lock, j.args, j.scheduled_at)
            for j in value
        ]
    return list(value) if isinstance(value, (set, tuple)) else value


class AsyncpgConnector(connector.BaseAsyncConnector):
    """Procrastinate's queries over an asyncpg pool made by `open_queue_pool`; LISTEN on a direct connection to `listen_url`."""

    def __init__(self, pool: Pool, listen_url: str, *, patience_s: float = PATIENCE_S) -> None:
        self._pool = pool
        self._patience_s = patience_s
        self.listener = Listener(listen_url)

    def get_sync_connector(self) -> connector.BaseConnector:
        return self

    async def open_async(self, pool: Pool | None = None) -> None:
        """The pool belongs to whoever made it; another may be put in its place."""
        self._pool = pool or self._pool

    async def close_async(self) -> None:
        """The pool belongs to whoever made it."""

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        await self._on_pool(query, arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        return _first(await self._on_pool(query, arguments))

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        return await self._on_pool(query, arguments)

    async def execute_query_one_async_with_connection(
        self, connection: Tx, query: str, **arguments: Any
    ) -> dict[str, Any]:
        return _first(await _run(connection, query, arguments))

    async def execute_query_all_async_with_connection(
        self, connection: Tx, query: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        return await _run(connection, query, arguments)

    async def listen_notify(self, on_notification: connector.Notify, channels: Iterable[str]) -> None:
        """Listen for ever; `on_notification` runs as its own task for each message."""
        running: set[asyncio.Future[None]] = set()

        def heard(channel: str, payload: str) -> None:
            told = asyncio.ensure_future(on_notification(channel=channel, payload=payload))
            running.add(told)
            told.add_done_callback(running.discard)

        await self.listener.run(channels, heard)

    async def _on_pool(self, query: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            connection = await acquire(self._pool, self._patience_s)
        except Unavailable as error:
            raise exceptions.ConnectorException(error.detail) from error
        try:
            return await _run(connection, query, arguments)
        finally:
            await self._pool.release(cast("Any", connection))


def _first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        raise exceptions.NoResult
    return rows[0]


async def _run(connection: Tx, query: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    text, names = translate(query)
    try:
        statement = await connection.prepare(text)
        # `$1 || ' SECOND'` makes a number a text parameter: the driver wants it spelt.
        values = [
            str(value) if kind.name in ("text", "varchar") and isinstance(value, (int, float)) else value
            for kind, value in zip(
                statement.get_parameters(), (_composite(arguments[n]) for n in names), strict=True
            )
        ]
        return [dict(row) for row in await statement.fetch(*values)]
    except asyncpg.UniqueViolationError as error:
        raise exceptions.UniqueViolation(
            constraint_name=error.constraint_name, queueing_lock=_queueing_lock(error)
        ) from error
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        raise exceptions.ConnectorException(str(error) or None) from error


def _queueing_lock(error: asyncpg.UniqueViolationError) -> str | None:
    if error.constraint_name != manager.QUEUEING_LOCK_CONSTRAINT:
        return None
    found = re.fullmatch(r"Key \(queueing_lock\)=\((.*)\) already exists\.", error.detail or "", re.DOTALL)
    return found[1] if found else None
