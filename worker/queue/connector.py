"""Procrastinate's connector on asyncpg: one driver for everything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

import asyncpg
from procrastinate import connector, exceptions, manager, types

from contracts.errors import Unavailable
from db.transaction import CONNECTION_ERRORS, Pool, Tx
from worker.queue.listener import Listener
from worker.queue.pool import PATIENCE_S, acquire

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


class AsyncpgConnector(connector.BaseAsyncConnector):
    """Procrastinate's queries over a pool made by `open_queue_pool`, LISTEN on a direct connection.

    The pool belongs to whoever made it. Errors are Procrastinate's own.
    """

    def __init__(self, pool: Pool, listen_url: str | None, *, patience_s: float = PATIENCE_S) -> None:
        self._pool = pool
        self._patience_s = patience_s
        self.listener = Listener(listen_url)

    def get_sync_connector(self) -> connector.BaseConnector:
        """Itself: its sync methods run the async ones."""
        return self

    async def open_async(self, pool: Pool | None = None) -> None:
        """Nothing to open; another pool may be put in place of the first."""
        self._pool = pool or self._pool

    async def close_async(self) -> None:
        """Nothing to close."""

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Run a `%(name)s` query."""
        await self._on_pool(query, arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Its first row. Raises: NoResult."""
        return _first(await self._on_pool(query, arguments))

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Its rows."""
        return await self._on_pool(query, arguments)

    async def execute_query_one_async_with_connection(
        self, connection: Tx, query: str, **arguments: Any
    ) -> dict[str, Any]:
        """Its first row, in the caller's transaction. Raises: NoResult."""
        return _first(await _run(connection, query, arguments))

    async def execute_query_all_async_with_connection(
        self, connection: Tx, query: str, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Its rows, in the caller's transaction."""
        return await _run(connection, query, arguments)

    async def listen_notify(self, on_notification: connector.Notify, channels: Iterable[str]) -> None:
        """Listen for ever; each message is told in a task of its own."""
        telling: set[asyncio.Future[None]] = set()

        def heard(channel: str, payload: str) -> None:
            told = asyncio.ensure_future(on_notification(channel=channel, payload=payload))
            telling.add(told)
            told.add_done_callback(telling.discard)

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


def _first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        raise exceptions.NoResult
    return rows[0]


async def _run(connection: Tx, query: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    text, names = translate(query)
    try:
        statement = await connection.prepare(text)
        kinds = [kind.name for kind in statement.get_parameters()]
        values = [_value(arguments[name], kind) for name, kind in zip(names, kinds, strict=True)]
        return [dict(row) for row in await statement.fetch(*values)]
    except asyncpg.UniqueViolationError as error:
        raise exceptions.UniqueViolation(
            constraint_name=error.constraint_name, queueing_lock=_queueing_lock(error)
        ) from error
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        raise exceptions.ConnectorException(str(error) or None) from error


def _value(value: Any, kind: str) -> Any:
    if kind == "text" and isinstance(value, (int, float)):
        # `$1 || ' SECOND'` makes a number a text parameter: this driver wants it spelt.
        return str(value)
    if isinstance(value, list) and value and isinstance(value[0], types.JobToDefer):
        return [(j.queue_name, j.task_name, j.priority, j.lock, j.queueing_lock, j.args, j.scheduled_at) for j in value]
    return list(value) if isinstance(value, (set, tuple)) else value


def _queueing_lock(error: asyncpg.UniqueViolationError) -> str | None:
    if error.constraint_name != manager.QUEUEING_LOCK_CONSTRAINT:
        return None
    found = re.fullmatch(r"Key \(queueing_lock\)=\((.*)\) already exists\.", error.detail or "", re.DOTALL)
    return found[1] if found else None
