"""SQL of `headwater bench`: only ever run on a database of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from db.sql import load
from db.transaction import Tx

SQL = load("bench")
_BUSINESS = "INSERT INTO app.bench_business (tenant_id, body) VALUES ($1, $2)"
_BASELINE = """INSERT INTO app.bench_baseline (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
    correlation_id, sink, priority, state, available_at, attempts, created_at)
    VALUES ($1, $2, 'probe', $2, 'Probed', 1, $3, '{}', $2, 'queue', 0, 'pending', now(), 0, now()) RETURNING event_id"""


async def empty(tx: Tx) -> None:
    await tx.execute(SQL["empty"])


async def analyze(connection: Any) -> None:
    await connection.execute(SQL["analyze"])


async def done(tx: Tx) -> tuple[int, int]:
    """(executions done, distinct events among them)."""
    row = await tx.fetchrow(SQL["done"])
    return (row["done"], row["events"]) if row else (0, 0)


async def accounted(tx: Tx, events: int) -> tuple[int, int]:
    """Of `events` committed in all: (those without a trace and jobs nobody delivers, what is there more than once)."""
    row = await tx.fetchrow(SQL["accounted"], timeout=600)
    assert row is not None
    lost = max(0, events - row["events"]) + row["undelivered"]
    more = max(0, row["events"] - events) + row["found"] - row["events"] + row["deliveries"] - row["delivered"]
    return lost, more


async def standing(tx: Tx) -> bool:
    """Does any job stand in the queue, or run?"""
    return bool(await tx.fetchval(SQL["standing"]))


async def make_baseline(tx: Tx) -> None:
    """Tables for the emit figure (owner role)."""
    for name in ("baseline_table", "baseline_business", "grant_bench"):
        await tx.execute(SQL[name])


async def business(tx: Tx, tenant: UUID, body: dict[str, Any]) -> None:
    await tx.execute(_BUSINESS, tenant, body)


async def baseline(tx: Tx, tenant: UUID, event_id: UUID, payload: dict[str, Any]) -> None:
    await tx.fetchval(_BASELINE, tenant, event_id, payload)


async def bucket(tx: Tx, distance_s: float) -> float:
    """A turn of a shared bucket without leases; gives the seconds to wait for it."""
    return float(await tx.fetchval(SQL["bucket"], distance_s))


async def row_writes(tx: Tx) -> int:
    """How often rows of paces were changed by sessions that have ended."""
    return int(await tx.fetchval(SQL["row_writes"]))


async def add_companies(tx: Tx, tenant: UUID, companies: Sequence[tuple[str, str, str]]) -> None:
    """(name, core name, country) each."""
    names, cores, countries = (list(column) for column in zip(*companies, strict=True))
    await tx.execute(SQL["add_companies"], tenant, names, cores, countries)


async def analyze_companies(connection: Any) -> None:
    await connection.execute(SQL["analyze_companies"])


async def decided(tx: Tx, tenant: UUID) -> list[Any]:
    """decision, a, b by core names."""
    return list(await tx.fetch(SQL["decided"], tenant))


async def load_companies(tx: Tx, tenant: UUID, companies: Sequence[tuple[str, str, str]]) -> None:
    """(name, core name, country) each, with the indexes over names made anew at the end (owner role)."""
    made = [r[0] for r in await tx.fetch(SQL["trigram_indexes"])]
    await tx.execute(SQL["drop_trigram_indexes"])
    await add_companies(tx, tenant, companies)
    for each in made:
        await tx.execute(each)
