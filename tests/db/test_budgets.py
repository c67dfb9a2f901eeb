"""Budgets: what is reserved and spent never passes a limit, however many ask at once; and nobody sees another's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.budgets import BudgetRule, BudgetScope, Period, defaults
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import alerts, budgets, ledger
from db.ledger import Answer, BudgetSpent, Buyer, Item, Reserved
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.db.test_walls import acting

COUNTERS = "SELECT scope, period, bucket, limit_units, reserved, spent FROM app.budget_counters ORDER BY 1, 2, 3"

GENEROUS = (
    "INSERT INTO app.budgets (tenant_id, scope, vendor, unit, period, limit_units)"
    " VALUES ($1, 'credential', 'sam', 'call', 'day', 1e9)"
)


def rule(limit: float, scope: BudgetScope = "tenant", period: Period = "day") -> BudgetRule:
    return BudgetRule(scope=scope, vendor="sam", unit="call", period=period, limit=limit)


async def reserve(
    pool: Pool, tenant: UUID, units: float, limits: Sequence[BudgetRule], run_id: UUID | None = None, what: str = ""
) -> Reserved:
    item = Item("sam", "search", {"q": what or uuid4().hex})
    async with transaction(pool, tenant) as tx:
        buyer = Buyer(tenant, uuid4(), 1, "sam", "search", True, run_id, "call", limits=limits)
        held = await ledger.reserve(tx, buyer, [item], units)
    assert held is not None
    return held


async def settle(pool: Pool, tenant: UUID, held: Reserved, units: float) -> None:
    async with transaction(pool, tenant) as tx:
        await ledger.store(tx, tenant, held.call_id, [Answer(held.item_ids[0], "found", {}, 60, units)])


async def give_up(pool: Pool, conn: Connection, tenant: UUID, held: Reserved, end: Any, spent: float) -> None:
    who = await conn.fetchrow("SELECT execution_id, execution_token FROM app.vendor_calls WHERE id = $1", held.call_id)
    assert who is not None
    async with transaction(pool, tenant) as tx:
        await ledger.give_up(tx, tenant, held.call_id, end, tuple(who), spent=spent)


async def test_no_interleaving_of_many_passes_a_limit(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R11, B.06: two tenants under one credential, each with limits of its own; a watcher looks all the while.
    other = await new_tenant(pool)
    limits = [rule(40, "credential"), rule(25), rule(30, period="month")]
    lot, refused = random.Random(7), list[str]()

    async def one(who: UUID, units: float, spend: float, end: str) -> float:
        try:
            held = await reserve(pool, who, units, limits)
        except BudgetSpent as error:
            refused.append(error.members["scope"] + error.members["period"])
            return 0.0
        await asyncio.sleep(0)
        if end == "answered":
            await settle(pool, who, held, spend)
        else:
            async with transaction(pool, who) as tx:
                row = await tx.fetchrow(
                    "SELECT execution_id, execution_token FROM app.vendor_calls WHERE id = $1", held.call_id
                )
                assert row is not None
                await ledger.give_up(tx, who, held.call_id, end, tuple(row), spent=units if end == "forfeited" else 0)  # type: ignore[arg-type]
        return {"answered": spend, "forfeited": units, "released": 0.0}[end]

    over, looking = list[Any](), True

    async def watch() -> None:
        while looking:
            over.extend(r for r in await conn.fetch(COUNTERS) if r["reserved"] + r["spent"] > r["limit_units"])
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    asked = []
    for n in range(80):
        units = lot.choice([0.5, 1, 2, 3.5])
        end = lot.choice(["answered"] * 4 + ["released", "forfeited"])
        asked.append(one(other if n % 2 else tenant, units, lot.choice([0, units / 2, units]), end))
    spent = await asyncio.gather(*asked)
    looking = False
    await watcher

    assert over == []
    assert refused
    rows = {(r["scope"], r["period"]): r for r in await conn.fetch(COUNTERS)}
    assert [r["reserved"] for r in await conn.fetch(COUNTERS)] == [0] * 5
    assert (
        rows["credential", "day"]["spent"]
        == sum(spent)
        == await conn.fetchval("SELECT sum(units_spent) FROM app.vendor_calls")
    )
    mine = await conn.fetchval("SELECT spent FROM app.budget_counters WHERE tenant_id = $1 AND period = 'day'", tenant)
    assert mine == sum(spent[::2])


async def test_a_limit_is_reached_to_the_last_unit_and_not_passed(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R11
    limits = [rule(3)]
    helds = [await reserve(pool, tenant, 1, limits) for _ in range(3)]
    with pytest.raises(BudgetSpent) as caught:
        await reserve(pool, tenant, 0.5, limits)
    assert caught.value.members | {"bucket": ""} == {
        "scope": "tenant",
        "period": "day",
        "bucket": "",
        "limit": 3,
        "asked": 0.5,
    }
    await settle(pool, tenant, helds[0], 0.5)
    await reserve(pool, tenant, 0.5, limits)
    assert await conn.fetchval("SELECT count(*) FROM app.vendor_items") == 4, (
        "a refused reservation leaves no item behind"
    )


async def test_all_or_none_of_the_budgets_are_charged(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.06
    with pytest.raises(BudgetSpent):
        await reserve(pool, tenant, 2, [rule(10, "credential"), rule(1)])
    assert await conn.fetch(COUNTERS) == []


async def test_periods_are_utc_days_utc_months_and_runs(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R11
    run, another = uuid4(), uuid4()
    limits = [rule(5), rule(9, period="month"), rule(2, period="run")]
    await on_day(conn, 10)
    await reserve(pool, tenant, 2, limits, run)
    with pytest.raises(BudgetSpent, match="run"):
        await reserve(pool, tenant, 1, limits, run)
    await reserve(pool, tenant, 2, limits, another)
    await reserve(pool, tenant, 1, limits)
    assert [tuple(row)[1:2] + tuple(row)[4:] for row in await conn.fetch(COUNTERS)] == [
        ("day", 5, 0), ("month", 5, 0), ("run", 2, 0), ("run", 2, 0),
    ]  # fmt: skip
    await on_day(conn, 11)
    with pytest.raises(BudgetSpent, match="month"):
        await reserve(pool, tenant, 5, [rule(5), rule(5, period="month")])
    await reserve(pool, tenant, 4, [rule(5)])
    await on_day(conn, 11, months=1)
    await reserve(pool, tenant, 5, [rule(5, period="month")])


async def on_day(conn: Connection, day: int, *, months: int = 0) -> None:
    """Let the database's clock show that day of this month, or of a later one: the test is the same on any date."""
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN"
        f" date_trunc('month', clock_timestamp(), 'UTC') + interval '{months} month {day - 1} days'; END $$"
    )


async def test_a_row_overrides_the_settings_and_each_change_is_audited(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # R11, S3.08
    settings = Settings.model_construct(tavily_max_queries=8)
    own = BudgetRule(scope="tenant", vendor="tavily", unit="credit", period="day", limit=2)
    async with transaction(pool, tenant) as tx:
        before = await budgets.standing(tx, tenant, defaults(settings))
        await budgets.put(tx, tenant, own, by="ops")
        after = await budgets.standing(tx, tenant, defaults(settings))
        assert await budgets.take_back(tx, tenant, own, by="ops")
        assert not await budgets.take_back(tx, tenant, own, by="ops")
    shown = [(v.vendor, v.limit, v.left, v.source) for v in before]
    assert shown == [
        ("llm", 150_000, 150_000, "openai_daily_tokens_cap"), ("lusha", 500, 500, "lusha_max_contact_lookups"),
        ("tavily", 8, 8, "tavily_max_queries"), ("zerobounce", 1_000, 1_000, "zerobounce_max_verifications"),
    ]  # fmt: skip
    assert [(v.limit, v.source) for v in after if v.vendor == "tavily"] == [(2, "set")]
    assert all(v.resets_at is not None for v in before)
    actions = await conn.fetch("SELECT action FROM app.audit_log WHERE subject_type = 'budget' ORDER BY id")
    assert [row[0] for row in actions] == ["budget.set", "budget.unset"]

    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await budgets.put(tx, tenant, rule(1, "credential"), by="ops")
    with pytest.raises(BudgetSpent):
        await reserve(pool, tenant, 2, [rule(100, "credential")])


async def test_an_answer_that_cost_more_is_kept_and_somebody_is_told(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.06: settling never refuses; the next reservation does.
    limits = [rule(3)]
    held = await reserve(pool, tenant, 2, limits)
    await settle(pool, tenant, held, 5)
    assert tuple(await conn.fetchrow(COUNTERS) or ())[3:] == (3, 0, 5)
    async with transaction(pool, tenant) as tx:
        told = {a.rule: a.severity for a in await alerts.standing(tx, [tenant])}
    assert told == {"vendor.worst_case_passed": "warning", "budget.overrun": "error"}
    with pytest.raises(BudgetSpent):
        await reserve(pool, tenant, 0.5, limits)
    await settle(pool, tenant, held, 5)
    assert tuple(await conn.fetchrow(COUNTERS) or ())[3:] == (3, 0, 5), "settled once"


async def test_a_late_answer_corrects_the_books(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.06
    held = await reserve(pool, tenant, 2, [rule(3)])
    await give_up(pool, conn, tenant, held, "unknown", 0)
    assert tuple(await conn.fetchrow(COUNTERS) or ())[4:] == (2, 0)
    await give_up(pool, conn, tenant, held, "forfeited", 2)
    assert tuple(await conn.fetchrow(COUNTERS) or ())[4:] == (0, 2)
    await settle(pool, tenant, held, 0.5)
    assert tuple(await conn.fetchrow(COUNTERS) or ())[4:] == (0, 0.5)


async def test_the_functions_that_act_as_the_owner_keep_to_the_callers_own(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # R18: a tenant neither sees nor ends another's call, nor reads what the house's credential has spent.
    held = await reserve(pool, tenant, 2, [rule(9, "credential"), rule(9)])
    other = await new_tenant(pool)
    before = await conn.fetch(f"SELECT * FROM ({COUNTERS}) c")
    for who in (None, other):
        async with acting(conn, who):
            ended = "SELECT * FROM app.settle_call($1, 'released', 0, NULL, '{0,0,0,0}', NULL, NULL)"
            assert await conn.fetch(ended, held.call_id) == []
            assert await conn.fetch("SELECT * FROM app.budget_counters") == []
            assert await conn.fetch("SELECT * FROM app.budgets") == []
    assert await conn.fetch(f"SELECT * FROM ({COUNTERS}) c") == before
    async with acting(conn, tenant):
        assert [r["scope"] for r in await conn.fetch("SELECT scope FROM app.budget_counters")] == ["tenant"]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("UPDATE app.budget_counters SET spent = 0")
    for who, words in ((None, "1"), (other, "-1"), (other, "'NaN'")):
        async with acting(conn, who):
            with pytest.raises(asyncpg.PostgresError):
                await conn.fetch(f"SELECT app.hold_units('sam', 'call', {words}, NULL, '[]')")
    async with acting(conn, other):
        with pytest.raises(asyncpg.PostgresError):  # a limit of the house's credential is the system tenant's to set
            await conn.execute(
                GENEROUS,
                other,
            )
    async with acting(conn, other):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(
                GENEROUS,
                SYSTEM_TENANT,
            )
