"""The nightly proof that walls hold: a canary's secrets are planted in every table, and looked for from every tenant's role (B.07).

All of it happens in transactions that are rolled back: the canary is never committed, so nothing of it can be dispatched, counted
or left behind, and what a role sees of it is decided by the very policies that guard real rows. Real rows of other tenants are
looked for as well.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from contracts.isolation import RULE, IsolationCheck, Leak
from contracts.tenants import SYSTEM_TENANT
from db import alerts, retention
from db.ids import new_id
from db.planting import Planted, plant
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("isolation")
#: Tenants whose roles are tried in one transaction, and how many others each looks for beside the canary.
BATCH = 50
OTHERS = 10
#: Functions that act with more rights than their caller -> how to ask them for the canary's; what is counted was given away.
FUNCTIONS: Mapping[str, str] = {
    "similar_companies": SQL["ask_similar_companies"],
    "settle_call": SQL["ask_settle_call"],
    "hold_units": SQL["ask_hold_units"],
    "night_may_begin": SQL["ask_night_may_begin"],
    "nights_waiting": SQL["ask_nights_waiting"],
}
log = structlog.get_logger("db.isolation")


@dataclass(slots=True)
class _Seen:
    """place -> (tenants who saw something, one of them, most rows at once)."""

    places: dict[str, Leak]

    def add(self, where: str, who: UUID | None, rows: int) -> None:
        leak = self.places.setdefault(where, Leak(where=where, tenants=0, example=who, rows=0))
        leak.tenants += 1
        leak.rows = max(leak.rows, rows)


async def nightly(pool: Pool) -> IsolationCheck | None:
    """Once in 20 hours, by whoever comes first. None: it was somebody else, or it is too early."""
    if not await retention.take(pool, "(isolation)", retention.HOURS):
        return None
    try:
        return await check(pool)
    except BaseException:
        await retention.give_back(pool, "(isolation)")
        raise


async def check(pool: Pool) -> IsolationCheck:
    """Look from every tenant's role, store what was found, raise or resolve the reserved tenant's alerts `isolation_canary`."""
    began, seen, after, tenants = time.monotonic(), _Seen({}), UUID(int=0), 0
    while True:
        async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
            batch = [r["id"] for r in await tx.fetch(SQL["tenants"], after, BATCH)]
        if not batch and tenants:
            break
        # Whoever has not said who it is looks too, once.
        looking: list[UUID | None] = [*batch, *([] if tenants else [None])]
        looked = await _look(pool, looking, seen)
        tenants += len(batch)
        if not batch:
            break
        after = batch[-1]
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        for row in await tx.fetch(SQL["crossed"]):
            if row["rows"]:
                seen.add(row["what"], None, row["rows"])
    found = sorted(seen.places.values(), key=lambda leak: leak.where)
    return await _keep(pool, tenants, looked, time.monotonic() - began, found)


@dataclass(frozen=True, slots=True)
class _Looked:
    relations: int
    functions: int
    unplanted: list[str]


async def _look(pool: Pool, tenants: Sequence[UUID | None], seen: _Seen) -> _Looked:
    canary, secret = new_id(), f"canary-{secrets.token_hex(4)}"
    try:
        async with transaction(pool, None, role=DbRole.OWNER) as tx:
            await tx.execute(SQL["plant_tenant"], canary, f"canary-{canary.hex[:12]}")
            planted = await plant(tx, canary, secret)
            readable = await tx.fetch(SQL["readable"])
            functions = [r["name"] for r in await tx.fetch(SQL["raised_functions"])]
            probe = _probe(readable)
            blind = await _blind(tx, probe, canary, secret, planted)
            for who in tenants:
                others = [canary, *[t for t in tenants if t not in (who, None)][:OTHERS]]
                await _act_as(tx, who)
                for row in await tx.fetch(probe, others, secret):
                    if row["rows"]:
                        seen.add(row["name"], who, row["rows"])
                await _call(tx, functions, planted, secret, who, seen)
            unasked = [f"{name}()" for name in functions if name not in FUNCTIONS]
            raise _Undone(_Looked(len(readable), len(functions), sorted({*planted.missing, *blind, *unasked})))
    except _Undone as undone:
        return undone.looked


class _Undone(Exception):
    """Nothing of the canary may stay: the transaction is rolled back, and only what was learnt leaves it."""

    def __init__(self, looked: _Looked) -> None:
        super().__init__()
        self.looked = looked


def _probe(readable: Sequence[Any]) -> str:
    """One statement for all that can be read: rows of the tenants $1; where there is no tenant, rows that hold the secret $2."""
    parts = []
    for each in readable:
        where = "t.tenant_id = ANY ($1::uuid[])" if each["tenanted"] else "position($2::text IN t::text) > 0"
        name = each["name"]
        found = f"SELECT count(*) FROM (SELECT FROM {name} t WHERE {where} LIMIT 100) s"
        parts.append(f"SELECT '{name}' AS name, ({found}) AS rows")
    return "\nUNION ALL\n".join(
        [*parts, "SELECT '', CASE WHEN $1::uuid[] IS NULL OR $2::text IS NULL THEN 1 ELSE 0 END"]
    )


async def _blind(tx: Tx, probe: str, canary: UUID, secret: str, planted: Planted) -> list[str]:
    """Tables where the canary does not see its own row: a search there finds nothing whatever leaks."""
    await _act_as(tx, canary)
    sees = {row["name"] for row in await tx.fetch(probe, [canary], secret) if row["rows"]}
    looked_at = {row["name"] for row in await tx.fetch(probe, [canary], secret)}
    return [name for name in planted.rows if name in looked_at and name not in sees]


async def _call(tx: Tx, functions: Sequence[str], planted: Planted, secret: str, who: UUID | None, seen: _Seen) -> None:
    company, call = (
        planted.rows.get(f"app.{table}", {}).get("id", str(UUID(int=0))) for table in ("companies", "vendor_calls")
    )
    for name in functions:
        if name not in FUNCTIONS:
            continue
        await tx.execute("SAVEPOINT called")
        try:
            if rows := await tx.fetchval(FUNCTIONS[name], secret, company, call):
                seen.add(f"app.{name}()", who, rows)
        except Exception as error:  # a refusal gives nothing away, unless it repeats what it was not shown
            if secret in str(error):
                seen.add(f"app.{name}()", who, 1)
        finally:
            await tx.execute("ROLLBACK TO SAVEPOINT called")


async def _act_as(tx: Tx, tenant: UUID | None) -> None:
    await tx.execute(f"SET LOCAL ROLE {DbRole.APP.value}; SET LOCAL request.tenant_id = '{tenant or ''}'")


async def _keep(pool: Pool, tenants: int, looked: _Looked, seconds: float, leaks: list[Leak]) -> IsolationCheck:
    said = [leak.model_dump(mode="json") for leak in leaks]
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        row = await tx.fetchrow(
            SQL["store"], SYSTEM_TENANT, tenants, looked.relations, looked.functions, seconds, said, looked.unplanted
        )
        assert row is not None
        places = {leak.where[:200] for leak in leaks}
        for leak, evidence in zip(leaks, said, strict=True):
            await alerts.raise_(tx, SYSTEM_TENANT, RULE, leak.where, "critical", {**evidence, "check": str(row["id"])})
        for open_one in await tx.fetch(SQL["open_alerts"], SYSTEM_TENANT, RULE):
            if open_one["scope"] not in places:
                await alerts.resolve(tx, SYSTEM_TENANT, RULE, open_one["scope"])
    for leak in leaks:
        log.error("isolation_leak", where=leak.where, tenants=leak.tenants, nextStep="headwater doctor")
    return IsolationCheck(
        id=row["id"], at=row["at"], tenants=tenants, relations=looked.relations, functions=looked.functions,
        seconds=seconds, leaks=leaks, unplanted=looked.unplanted,
    )  # fmt: skip


async def latest(tx: Tx) -> IsolationCheck | None:
    """The last check; None: there was none yet. System role."""
    row = await tx.fetchrow(SQL["latest"], SYSTEM_TENANT)
    return IsolationCheck(**dict(row)) if row else None
