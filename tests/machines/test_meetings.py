"""Two who want the same thing at the same time: an item of the ledger, or a company that each knows by another key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.events import Probed
from contracts.providers import FoundCompany
from db import jobs, ledger
from db.ledger import Adrift, Answer, Busy, Buyer, Forfeited, Item, Reserved, Stored
from db.queue import Delivery
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.machines.pages import Shelf, company, fetch, planned, shown, taken
from tests.machines.stepping import both_ways
from tests.worker.dispatching import emit

ITEM = Item("shelf", "search", {"query": "a"})


async def _reserve(pool: Pool, d: Delivery) -> Any:
    async with transaction(pool, d.tenant_id) as tx:
        found = await ledger.look(tx, d.tenant_id, ITEM)
        if isinstance(found, Adrift):
            await ledger.write_off(tx, d.tenant_id, found)
            found = await ledger.look(tx, d.tenant_id, ITEM)
        who = Buyer(d.tenant_id, d.execution_id, d.token, ITEM.vendor, ITEM.operation, billable=True)
        return found or await ledger.reserve(tx, who, [ITEM], 1.0) or Busy()


@pytest.mark.parametrize("dead", [False, True], ids=["sender at work", "sender dead"])
async def test_an_answer_against_another_who_asks(conn: Connection, pool: Pool, tenant: UUID, dead: bool) -> None:
    # The answer is kept and counted once, whoever comes first; nobody sends the request again.
    async def prepare() -> tuple[Reserved, Delivery]:
        await conn.execute("DELETE FROM app.vendor_items; DELETE FROM app.vendor_calls")
        await emit(pool, tenant, Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
        first, second = await taken(pool)
        held = await _reserve(pool, first)
        if dead:
            async with transaction(pool, tenant) as tx:
                assert await jobs.end(
                    tx,
                    tenant,
                    first.execution_id,
                    first.token,
                    state="dead",
                    error_class="x",
                    error="x",
                    traceback=None,
                )
        return held, second

    async def answer(on: Pool, scene: tuple[Reserved, Delivery]) -> None:
        async with transaction(on, tenant) as tx:
            held = scene[0]
            await ledger.store(tx, tenant, held.call_id, [Answer(held.item_ids[0], "found", {"n": 1}, 100, 1.0)])

    async def ask(on: Pool, scene: tuple[Reserved, Delivery]) -> Any:
        return await _reserve(on, scene[1])

    seen: set[type] = set()
    async for scene, answered, asked in both_ways(pool, conn, prepare, answer, ask):
        assert answered is None
        seen.add(type(asked))
        calls = await conn.fetch("SELECT state, units_spent FROM app.vendor_calls")
        assert [tuple(c) for c in calls] == [("answered", 1.0)]
        later = await _reserve(pool, scene[1])
        assert isinstance(later, Stored)
        assert later.response == {"n": 1}
    assert seen == {Stored, Forfeited if dead else Busy}


async def test_two_who_ask_at_once(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # One request leaves.
    async def prepare() -> list[Delivery]:
        await conn.execute("DELETE FROM app.vendor_items; DELETE FROM app.vendor_calls")
        await emit(pool, tenant, Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
        return await taken(pool)

    async def one(on: Pool, scene: list[Delivery]) -> Any:
        return await _reserve(on, scene[0])

    async def other(on: Pool, scene: list[Delivery]) -> Any:
        return await _reserve(on, scene[1])

    async for _, first, second in both_ways(pool, conn, prepare, one, other):
        assert {type(first), type(second)} == {Reserved, Busy}
        assert await conn.fetchval("SELECT count(*) FROM app.vendor_calls") == 1


#: What two pages bring, and how many companies that is.
PAIRS: dict[str, tuple[Sequence[FoundCompany], Sequence[FoundCompany], int]] = {
    "the same key": ([company("x", domain="x.example")], [company("y", domain="x.example")], 1),
    "a weaker key in common": (
        [company("x", domain="x.example")],
        [company("y", domain="x.example", registry_id="lei:1")],
        1,
    ),
    "two registry numbers": (
        [company("x", domain="x.example", registry_id="lei:1")],
        [company("x", domain="x.example", registry_id="lei:2")],
        2,
    ),
    "in another order": (
        [company("x", domain="x.example"), company("y", domain="y.example")],
        [company("y", domain="y.example"), company("x", domain="x.example")],
        2,
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("which", PAIRS)
async def test_two_pages_that_bring_one_company(conn: Connection, pool: Pool, tenant: UUID, which: str) -> None:
    # B.01: as many companies as there are, one lead each, and counts that add up, whichever page is first.
    ours, theirs, expected = PAIRS[which]
    shelf = Shelf({"ours": [ours], "theirs": [theirs]}, billable=False)

    async def prepare() -> list[tuple[UUID, Delivery]]:
        await conn.execute(
            "DELETE FROM app.source_records; DELETE FROM app.leads; DELETE FROM app.companies; DELETE FROM app.entity_keys;"
            " DELETE FROM app.outbox_events; DELETE FROM queue.procrastinate_jobs; DELETE FROM app.runs"
        )
        scene = []
        for query in shelf.pages:
            run_id = await planned(pool, tenant, [query])
            scene.append((run_id, (await taken(pool))[0]))
        return scene

    async def one(on: Pool, scene: list[tuple[UUID, Delivery]]) -> None:
        await fetch(on, shelf, scene[0][1])

    async def other(on: Pool, scene: list[tuple[UUID, Delivery]]) -> None:
        await fetch(on, shelf, scene[1][1])

    async for scene, first, second in both_ways(pool, conn, prepare, one, other):
        assert (first, second) == (None, None)
        assert await conn.fetchval("SELECT count(*) FROM app.companies") == expected
        assert await conn.fetchval("SELECT count(*) FROM app.leads") == expected
        astray = "SELECT count(*) FROM app.entity_keys k WHERE NOT EXISTS (SELECT FROM app.companies c WHERE c.id = k.entity_id)"
        assert await conn.fetchval(astray) == 0
        for run_id, _ in scene:
            _, check = await shown(pool, tenant, run_id)
            assert check.ok, check.findings
    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
