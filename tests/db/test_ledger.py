"""The ledger: an item is asked for once, an answer is kept, a lost one is written off (design law 5)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.events import SliceReady
from db import ledger, queue
from db.ledger import Adrift, Answer, Busy, Buyer, Forfeited, Item, Reserved, Stored
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher, emit

ITEM = Item("tavily", "search.google", {"query": "workwear", "cursor": None, "limit": 20})
ANSWER: dict[str, Any] = {"companies": [], "next_cursor": None, "units": 1.0}


async def _attempts(pool: Pool, tenant: UUID, count: int = 1) -> list[Delivery]:
    """Jobs that are running right now."""
    await emit(pool, tenant, *[SliceReady(run_id=uuid4(), slice_id=uuid4(), page=0) for _ in range(count)])
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        return await queue.fetch(tx, worker, ["discovery"], count)


def buyer(by: Delivery, *, billable: bool = True, **about: Any) -> Buyer:
    given: dict[str, Any] = {"vendor": ITEM.vendor, "operation": ITEM.operation, "run_id": by.run_id, **about}
    return Buyer(tenant=by.tenant_id, execution_id=by.execution_id, token=by.token, billable=billable, **given)


async def _reserve(pool: Pool, by: Delivery, item: Item = ITEM, *, billable: bool = True) -> Any:
    """What stands for it, else a reservation; calls without a sender are written off first."""
    async with transaction(pool, by.tenant_id) as tx:
        found = await ledger.look(tx, by.tenant_id, item)
        if isinstance(found, Adrift):
            await ledger.write_off(tx, by.tenant_id, found)
            found = await ledger.look(tx, by.tenant_id, item)
        return found or await ledger.reserve(tx, buyer(by, billable=billable), [item], 1.0) or Busy()


async def _settle(pool: Pool, by: Delivery, held: Reserved, end: Any = "answered", **how: Any) -> None:
    async with transaction(pool, by.tenant_id) as tx:
        if end == "answered":
            answers = [Answer(each, "found", ANSWER, how.get("keep_s", 60.0), 1.0) for each in held.item_ids]
            await ledger.store(tx, by.tenant_id, held.call_id, answers)
        else:
            await ledger.give_up(tx, by.tenant_id, held.call_id, end, (by.execution_id, by.token), **how)


async def test_an_answer_past_its_time_is_no_answer_to_anybody(pool: Pool, tenant: UUID) -> None:
    # R3: a dry run only looks; it must say what the real run would pay.
    (one,) = await _attempts(pool, tenant)
    await _settle(pool, one, await _reserve(pool, one), keep_s=0.0)
    async with transaction(pool, tenant) as tx:
        assert await ledger.look(tx, tenant, ITEM) is None
    assert isinstance(await _reserve(pool, one), Reserved)


async def test_an_answer_is_bought_once_and_read_again(conn: Connection, pool: Pool, tenant: UUID) -> None:
    (one,) = await _attempts(pool, tenant)
    held = await _reserve(pool, one)
    assert isinstance(held, Reserved)
    await _settle(pool, one, held)
    found = await _reserve(pool, one)
    assert isinstance(found, Stored)
    assert (found.item_id, found.response) == (held.item_ids[0], ANSWER)
    call = await conn.fetchrow(
        "SELECT state, units_reserved, units_spent, settled_at IS NOT NULL FROM app.vendor_calls"
    )
    assert call is not None
    assert tuple(call) == ("answered", 1, 1, True)


async def test_of_many_who_ask_at_once_one_may_send(conn: Connection, pool: Pool, tenant: UUID) -> None:
    many = await _attempts(pool, tenant, 10)
    answers = await asyncio.gather(*[_reserve(pool, one) for one in many])
    assert sorted(type(a).__name__ for a in answers) == ["Busy"] * 9 + ["Reserved"]
    assert await conn.fetchval("SELECT count(*) FROM app.vendor_calls") == 1


@pytest.mark.parametrize(
    ("billable", "found", "state"), [(True, Forfeited, ["forfeited"]), (False, Reserved, ["released", "sent"])]
)
async def test_a_sender_that_died_leaves_a_write_off_or_a_free_second_try(
    conn: Connection, pool: Pool, tenant: UUID, billable: bool, found: type, state: list[str]
) -> None:
    first, second = await _attempts(pool, tenant, 2)
    await _reserve(pool, first, billable=billable)
    assert isinstance(await _reserve(pool, second, billable=billable), Busy)
    await conn.execute("UPDATE app.job_executions SET token = token + 1 WHERE id = $1", first.execution_id)  # rescued

    assert isinstance(await _reserve(pool, second, billable=billable), found)
    calls = await conn.fetch("SELECT state, units_spent FROM app.vendor_calls ORDER BY id")
    assert [c["state"] for c in calls] == state
    assert calls[0]["units_spent"] == (1 if billable else 0)
    if billable:  # and it stays written off
        assert isinstance(await _reserve(pool, first), Forfeited)


async def test_an_answer_that_comes_after_the_write_off_is_kept(conn: Connection, pool: Pool, tenant: UUID) -> None:
    first, second = await _attempts(pool, tenant, 2)
    held = await _reserve(pool, first)
    await conn.execute("UPDATE app.job_executions SET token = token + 1 WHERE id = $1", first.execution_id)
    await _reserve(pool, second)
    await _settle(pool, first, held)

    assert isinstance(await _reserve(pool, second), Stored)
    assert await conn.fetchval("SELECT state FROM app.vendor_calls") == "answered"
    await _settle(pool, first, held, "forfeited")  # and an answer is not taken back
    assert isinstance(await _reserve(pool, second), Stored)


async def test_an_answer_that_comes_after_it_was_asked_again_changes_nothing(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # law 4: the one whose answer stands is the one that was let ask
    books = (
        "SELECT i.state, i.live, v.state AS call, v.found, v.settled_at"
        " FROM app.vendor_items i JOIN app.vendor_calls v ON v.id = i.call_id ORDER BY i.id"
    )
    first, second = await _attempts(pool, tenant, 2)
    held = await _reserve(pool, first, billable=False)
    await conn.execute("UPDATE app.job_executions SET token = token + 1 WHERE id = $1", first.execution_id)
    again = await _reserve(pool, second, billable=False)
    before = await conn.fetch(books)
    await _settle(pool, first, held)
    assert await conn.fetch(books) == before
    await _settle(pool, second, again)
    assert [(r["state"], r["live"], r["call"]) for r in await conn.fetch(books)] == [
        ("released", False, "released"),
        ("answered", True, "answered"),
    ]


async def test_what_was_surely_not_billed_may_be_sent_again(conn: Connection, pool: Pool, tenant: UUID) -> None:
    (one,) = await _attempts(pool, tenant)
    held = await _reserve(pool, one)
    await _settle(pool, one, held, "released", spent=0, error="429")
    assert isinstance(await _reserve(pool, one), Reserved)
    assert await conn.fetchval("SELECT sum(units_spent) FROM app.vendor_calls") == 0


async def test_an_answer_past_its_time_makes_room_for_a_new_one(pool: Pool, tenant: UUID) -> None:
    (one,) = await _attempts(pool, tenant)
    await _settle(pool, one, await _reserve(pool, one), keep_s=0)
    assert isinstance(await _reserve(pool, one), Reserved)


async def test_a_stored_answer_is_nobody_elses(pool: Pool, tenant: UUID) -> None:
    # R16
    (one,) = await _attempts(pool, tenant)
    await _settle(pool, one, await _reserve(pool, one))
    (other,) = await _attempts(pool, await new_tenant(pool))
    assert isinstance(await _reserve(pool, other), Reserved)


async def test_requests_differ_in_every_part_but_not_in_order() -> None:
    swapped = Item("tavily", "search.google", {"limit": 20, "cursor": None, "query": "workwear"})
    assert swapped.fingerprint == ITEM.fingerprint
    others = [
        Item("gleif", "search.google", ITEM.request), Item("tavily", "search.keyword", ITEM.request),
        Item("tavily", "search.google", {**ITEM.request, "cursor": "20"}),
        Item("tavily", "search.google", {**ITEM.request, "limit": 10}),
    ]  # fmt: skip
    assert len({i.fingerprint for i in (ITEM, *others)}) == 5
