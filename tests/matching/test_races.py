"""Merges against what else happens to the same companies: no hit, lead or person goes to a company that is no more,
nothing deadlocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import asyncpg

from contracts.errors import Conflict, Unavailable
from contracts.providers import FoundCompany
from db import leads, merges
from db.transaction import transaction
from tests.matching.ground import Ground

BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"


async def until_blocked(ground: Ground) -> None:
    """Wait until somebody stands before a lock."""
    async with asyncio.timeout(30):
        while not await ground.conn.fetchval(BLOCKED):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def merge(ground: Ground, match_id: UUID) -> object:
    try:
        async with transaction(ground.pool, ground.tenant) as tx:
            return await merges.merge(tx, ground.tenant, match_id, by="ada")
    except Conflict as error:
        return error.code


async def behind(ground: Ground, companies: list[UUID], *works: Awaitable[Any]) -> list[Any]:
    """Let works begin while somebody holds the companies, and let go when all of them wait."""
    async with transaction(ground.pool, ground.tenant) as tx:
        await merges.lock(tx, ground.tenant, companies)
        running = [asyncio.ensure_future(work) for work in works]
        async with asyncio.timeout(30):
            while await ground.conn.fetchval(BLOCKED) < len(works):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    return await asyncio.gather(*running, return_exceptions=True)


async def three(ground: Ground) -> list[UUID]:
    return [await ground.company(f"Karoo {n}", domain=f"{n}.example", country="ZA") for n in "abc"]


async def test_a_hit_for_a_company_that_is_being_merged_lands_on_the_survivor(ground: Ground) -> None:
    # R13
    older, younger, _ = await three(ground)
    match_id = await ground.pair(older, younger)
    hit = FoundCompany(external_id="x", name="Karoo b again", domain="b.example")

    async def type_in() -> UUID:
        async with transaction(ground.pool, ground.tenant) as tx:
            return await leads.create(tx, ground.tenant, hit, icp_profile_id=None)

    async with transaction(ground.pool, ground.tenant) as tx:
        await merges.merge(tx, ground.tenant, match_id, by="ada")
        typed = asyncio.ensure_future(type_in())  # it has read the younger one's key, and stands before its lock
        await until_blocked(ground)
    with_lead = await asyncio.gather(typed, return_exceptions=True)
    assert isinstance(with_lead[0], Unavailable)  # rolled back whole: whoever asks again finds the survivor
    try:
        await type_in()
    except Conflict as error:
        held = await ground.conn.fetchval(
            "SELECT company_id FROM app.leads WHERE id = $1::text::uuid", error.members["lead_id"]
        )
        assert held == older
    loose = "SELECT count(*) FROM app.entity_keys k JOIN app.companies c ON c.id = k.entity_id WHERE c.merged_into IS NOT NULL"
    assert await ground.conn.fetchval(loose) == 0


async def test_two_merges_of_one_cluster(ground: Ground) -> None:
    # B.04: in whatever order, one survivor, and never a circle
    a, b, c = await three(ground)
    ab, bc = await ground.pair(a, b), await ground.pair(b, c)
    outcomes = await behind(ground, [a, b, c], merge(ground, ab), merge(ground, bc))
    assert not [o for o in outcomes if isinstance(o, BaseException)]
    into = {r["id"]: r["merged_into"] for r in await ground.conn.fetch("SELECT id, merged_into FROM app.companies")}
    assert into[a] is None
    assert into[b] == a
    assert into[c] in (b, None)
    assert into[c] == b or "already_merged" in outcomes
    for company in (a, b, c):
        async with transaction(ground.pool, ground.tenant) as tx:
            assert await merges.root(tx, ground.tenant, company) == (a if into[company] or company == a else c)


async def test_the_same_merge_twice_at_once_happens_once(ground: Ground) -> None:
    a, b, _ = await three(ground)
    match_id = await ground.pair(a, b)
    outcomes = await behind(ground, [a], merge(ground, match_id), merge(ground, match_id))
    assert sorted(map(str, outcomes)) == sorted([str(a), "match_decided"])
    assert await ground.conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'company.merged'") == 1


async def test_an_undo_against_a_merge_on_top(ground: Ground) -> None:
    # B.04
    a, b, c = await three(ground)
    first, second = await ground.pair(b, c), await ground.pair(a, b)
    await merge(ground, first)

    async def undo() -> object:
        try:
            async with transaction(ground.pool, ground.tenant) as tx:
                return await merges.undo(tx, ground.tenant, first, by="ada")
        except Conflict as error:
            return error.code

    outcomes = await behind(ground, [b], undo(), merge(ground, second))
    assert not [o for o in outcomes if isinstance(o, asyncpg.PostgresError)]
    assert outcomes[1] == a
    assert outcomes[0] in (c, "merged_further")
    left = await ground.conn.fetchval("SELECT merged_into FROM app.companies WHERE id = $1", c)
    assert left == (None if outcomes[0] == c else b)
