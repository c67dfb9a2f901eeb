"""SQL of `headwater soak`: its own record of causes and effects, and the questions asked at the end. Only ever run on a
database of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from contracts.errors import Unavailable
from db.direct import direct
from db.pool import open_pool
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("soak")
#: Name of the sessions that watch a soak: no blow falls on them.
WATCH = "headwater soak watch"
#: The questions at the end look at everything, in seconds.
PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an event is emitted. `key`: of a coalesced change; `due_at`: of an event that must wait."""

    probe: UUID
    kind: str
    key: str = ""
    due_at: datetime | None = None


@asynccontextmanager
async def scratch(url: str, *, keep: bool) -> AsyncIterator[str]:
    """The URL of a new database on the server of `url`, dropped on leaving unless it is kept. Raises: Unavailable."""
    name = f"headwater_soak_{secrets.token_hex(4)}"
    async with direct(url) as connection:
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        except asyncpg.PostgresError as error:
            raise Unavailable(f"cannot make a scratch database ({error}): name a user who may create one") from error
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        if not keep:
            async with direct(url) as connection:
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def make_tables(login: Tx) -> None:
    """The soak's own tables, in a schema of their own."""
    await login.execute(SQL["tables"])


async def watching(url: str) -> Pool:
    """A pool to watch with, and to ask the long questions at the end. Raises: Unavailable."""
    return await open_pool(url, name=WATCH, size=2, command_timeout_s=PATIENCE_S)


async def record(tx: Tx, tenant: UUID, causes: Sequence[Cause]) -> None:
    """Note causes in the transaction that emits their events."""
    await tx.execute(
        SQL["record"],
        tenant,
        [c.probe for c in causes],
        [c.kind for c in causes],
        [c.key for c in causes],
        [c.due_at for c in causes],
    )


async def cause(tx: Tx, tenant: UUID, probe: UUID) -> Cause | None:
    """The first cause under this name."""
    row = await tx.fetchrow(SQL["cause"], tenant, probe)
    return Cause(probe, row["kind"], row["key"]) if row else None


async def effect(tx: Tx, tenant: UUID, probe: UUID, execution_id: UUID, token: int) -> None:
    """What a job does, in the transaction of its done mark."""
    await tx.execute(SQL["effect"], tenant, probe, execution_id, token)


async def changes(tx: Tx, tenant: UUID, key: str) -> int:
    """The state a coalesced job reads: committed changes of its key."""
    return int(await tx.fetchval(SQL["changes"], tenant, key))


async def touch(tx: Tx, tenant: UUID, key: str, seen: int, execution_id: UUID) -> None:
    """What it makes of it."""
    await tx.execute(SQL["touch"], tenant, key, seen, execution_id)


async def backlog(tx: Tx, limit: int) -> int:
    """Events in the outbox, counted up to `limit`."""
    return int(await tx.fetchval(SQL["backlog"], limit))


async def progress(pool: Pool) -> dict[str, int]:
    """{"causes", "waiting", "queued", "runs"}: committed, in the outbox, in the queue, runs that have not ended."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        row = await tx.fetchrow(SQL["progress"])
    return dict(row) if row else {}


async def unfinished(pool: Pool) -> int:
    """Executions that have not ended."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return int(await tx.fetchval(SQL["unfinished"]))


async def gave_up(tx: Tx) -> list[dict[str, Any]]:
    """Executions that are dead or quarantined, with `crashes` and the error classes of their attempts."""
    return [dict(row) for row in await tx.fetch(SQL["gave_up"])]


async def compare(pool: Pool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(totals, breaches by kind): the record against what was done, in one snapshot each.

    Statistics first: a restart loses what would have had them made, and without them the comparison takes minutes.
    """
    connection = await pool.acquire(timeout=10)
    try:
        await connection.execute(SQL["analyze"])
    finally:
        await pool.release(connection)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute(SQL["roomy"])
        totals = await tx.fetchrow(SQL["totals"])
        breaches = await tx.fetch(SQL["breaches"])
    return dict(totals or {}), [dict(row) for row in breaches]


async def rescues(tx: Tx) -> list[dict[str, Any]]:
    """Whose executions were rescued: worker's row, process id, when first, how many."""
    return [dict(row) for row in await tx.fetch(SQL["rescues"])]


async def runs_of(tx: Tx, tenant: UUID) -> list[dict[str, Any]]:
    """All runs of a tenant, oldest first."""
    return [dict(row) for row in await tx.fetch(SQL["runs"], tenant)]


async def bill(tx: Tx, vendor: str) -> dict[str, Any]:
    """What the ledger says about a vendor's paid calls, and `twice`: items it paid for more than once."""
    row = await tx.fetchrow(SQL["bill"], vendor)
    return {**dict(row or {}), "twice": await tx.fetchval(SQL["items_answered_twice"], vendor)}


async def terminate(pool: Pool, sessions: int) -> int:
    """End that many sessions at random; returns how many ended."""
    connection = await pool.acquire(timeout=10)
    try:
        return int(await connection.fetchval(SQL["terminate"], sessions))
    finally:
        await pool.release(connection)


async def sessions(pool: Pool) -> int:
    """Sessions of ours that are open, our own aside."""
    connection = await pool.acquire(timeout=10)
    try:
        return int(await connection.fetchval(SQL["sessions"]))
    finally:
        await pool.release(connection)
