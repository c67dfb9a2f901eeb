"""Look-ups through the ledger: asked once, in batches; what was paid for is kept, what was lost is not bought again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from contracts import budgets
from contracts.errors import BadAnswer, Conflict, Hopeless, VendorBusy, VendorDown, VendorRefused
from contracts.providers import OperationSpec
from contracts.settings import Settings
from db import alerts, ledger
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.asking import Checker, attempt, checker, died, queries
from worker import ask, breaker
from worker.patience import Seats
from worker.providers import lookups

CALLS = "SELECT state, units_reserved, units_spent, found, missed, suppressed FROM app.vendor_calls ORDER BY id"


async def calls(conn: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await conn.fetch(CALLS)]


async def test_many_are_asked_in_batches_each_once_and_answered_in_their_order(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S3.05
    ctx, vendor = await attempt(pool, tenant), checker()
    asked = queries("ann", "no-one", "bob", "ann", "hush", "cid", "dan", "eve")
    replies = await ask.items(ctx, vendor, asked)

    said = [(r.outcome, r.value and r.value.email) for r in replies]
    assert said == [
        ("found", "ann@example.com"), ("miss", None), ("found", "bob@example.com"), ("found", "ann@example.com"),
        ("suppressed", None), ("found", "cid@example.com"), ("found", "dan@example.com"), ("found", "eve@example.com"),
    ]  # fmt: skip
    assert [len(addresses) for _, addresses in vendor.asked] == [3, 3, 1]
    # A miss that the vendor refunds is not counted as spent.
    assert sum(row[2] for row in await calls(conn)) == sum(vendor.bill.values()) == 6
    assert [sum(column) for column in list(zip(*await calls(conn), strict=True))[3:]] == [5, 1, 1]

    again = await ask.items(await attempt(pool, tenant), vendor, [*asked, *queries("fay")])
    assert [r.outcome for r in again] == [*[r.outcome for r in replies], "found"]
    assert again[0].model_dump(exclude={"value"}) == replies[0].model_dump(exclude={"value"})
    assert [addresses for _, addresses in vendor.asked[3:]] == [["fay@example.com"]]


async def test_the_only_item_that_is_lost_ends_the_job_and_is_never_bought_again(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S3.05, S2.14
    ctx, vendor = await attempt(pool, tenant), Checker(troubles=[VendorDown("cut", sent=True)])
    for _ in range(2):
        with pytest.raises(Hopeless) as caught:
            await ask.items(ctx, vendor, queries("ann"))
        assert caught.value.code == "forfeited"
    assert len(vendor.asked) == 1
    assert (await calls(conn))[0][:3] == ("forfeited", 1, 1)
    async with transaction(pool, tenant) as tx:
        (alert,) = await alerts.standing(tx, [tenant])
    assert (alert.rule, alert.severity, alert.count) == ("vendor.answer_lost", "warning", 1)


@pytest.mark.parametrize("trouble", [VendorDown("cut", sent=True), BadAnswer("not JSON")])
async def test_a_batch_that_is_lost_leaves_gaps_and_the_rest_stands(
    pool: Pool, tenant: UUID, trouble: Exception
) -> None:
    # S3.05
    ctx, vendor = await attempt(pool, tenant), checker()
    await ask.items(ctx, vendor, queries("ann"))
    vendor.troubles = [trouble]
    replies = await ask.items(ctx, vendor, queries("bob", "ann", "cid"))
    assert [(r.outcome, r.note) for r in replies] == [("miss", "forfeited"), ("found", None), ("miss", "forfeited")]
    assert [r.note for r in await ask.items(ctx, vendor, queries("cid", "ann"))] == ["forfeited", None]
    assert vendor.bill == {"ann@example.com": 1, "bob@example.com": 1, "cid@example.com": 1}


async def test_trouble_between_two_batches_keeps_what_was_answered(pool: Pool, tenant: UUID) -> None:
    # S3.05: nothing of the first batch is bought again, nothing of the lost one either.
    ctx, vendor = await attempt(pool, tenant), checker()
    asked = queries(*"abcdefgh")

    async def then_fail() -> None:
        vendor.troubles = [VendorDown("cut", sent=True)] if len(vendor.asked) == 1 else []

    vendor.meanwhile = then_fail
    with pytest.raises(VendorDown):
        await ask.items(ctx, vendor, asked)
    replies = await ask.items(ctx, vendor, asked)
    assert sorted(r.note or r.outcome for r in replies) == ["forfeited"] * 3 + ["found"] * 5
    assert set(vendor.bill.values()) == {1}


@pytest.mark.parametrize(
    "refused", [VendorBusy("slow down", after_s=3), VendorDown("no route", sent=False), VendorRefused("no credits")]
)
async def test_what_was_not_served_costs_nothing_and_may_be_asked_again(
    conn: Connection, pool: Pool, tenant: UUID, refused: Exception
) -> None:
    # S2.14
    ctx, vendor = await attempt(pool, tenant), Checker(troubles=[refused], acts=False)
    with pytest.raises(type(refused)):
        await ask.items(ctx, vendor, queries("ann", "bob"))
    assert (await ask.items(ctx, vendor, queries("ann", "bob")))[0].outcome == "found"
    assert [row[:3] for row in await calls(conn)] == [("released", 2, 0), ("answered", 2, 2)]


async def test_a_sender_that_was_given_up_too_soon_undoes_nothing(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S3.05: the one who took over is still waiting when the first one fails.
    vendor = checker(resend=True)
    first, second = await attempt(pool, tenant), await attempt(pool, tenant)
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        vendor.meanwhile = None
        inside.set()
        await gate.wait()
        raise VendorDown("cut", sent=False)

    vendor.meanwhile = wait
    slow = asyncio.create_task(ask.items(first, vendor, queries("ann")))
    await inside.wait()
    await died(pool, first)

    async def let_go() -> None:
        vendor.meanwhile = None
        gate.set()
        with pytest.raises(VendorDown):
            await slow

    vendor.meanwhile = let_go
    assert (await ask.items(second, vendor, queries("ann")))[0].outcome == "found"
    assert [row[:3] for row in await calls(conn)] == [("answered", 1, 1)]
    assert (await ask.items(first, vendor, queries("ann")))[0].outcome == "found"
    assert vendor.bill == {"ann@example.com": 1}


async def test_who_lost_its_call_to_another_does_not_tell_that_its_answer_is_lost(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # law 4: the one who took over asks again for nothing, and has its answer.
    vendor = checker(repeats_free=True)
    first, second = await attempt(pool, tenant), await attempt(pool, tenant)

    async def garbled() -> None:
        vendor.meanwhile = None
        await died(pool, first)
        assert (await ask.items(second, vendor, queries("ann")))[0].outcome == "found"
        raise BadAnswer("half a page")

    vendor.meanwhile = garbled
    with pytest.raises((BadAnswer, Hopeless)):
        await ask.items(first, vendor, queries("ann"))
    assert [row[:3] for row in await calls(conn)] == [("answered", 1, 1)]
    async with transaction(pool, tenant) as tx:
        assert await alerts.standing(tx, [tenant]) == []


async def test_what_another_is_asking_right_now_is_waited_for(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S3.05
    vendor = checker()
    first, second = await attempt(pool, tenant), await attempt(pool, tenant)

    async def also() -> None:
        vendor.meanwhile = None
        with pytest.raises(VendorBusy) as caught:
            await ask.items(second, vendor, queries("bob", "cid"))
        assert (caught.value.code, caught.value.after_s) == ("asked_elsewhere", 0.5)

    vendor.meanwhile = also
    await ask.items(first, vendor, queries("ann", "bob"))
    assert [r.outcome for r in await ask.items(second, vendor, queries("bob", "cid"))] == ["found", "found"]
    assert set(vendor.bill.values()) == {1}
    assert len(vendor.asked) == 2


async def test_a_full_budget_refuses_before_anything_is_sent(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R11, B.06
    vendor = checker(vendor="zerobounce")
    ctx = await attempt(pool, tenant, zerobounce_max_verifications=4)
    await ask.items(ctx, vendor, queries("ann", "no-one"))
    with pytest.raises(VendorRefused) as caught:
        await ask.items(ctx, vendor, queries("ann", *"bcdef"))
    error = caught.value
    assert error.code == "budget_spent"
    assert "4 verifications a day" in error.detail
    assert "resets" in error.detail
    assert len(vendor.asked) == 2  # one item of ours is free; the batch of three fits, the next one does not
    assert await conn.fetchval("SELECT spent FROM app.budget_counters") == 4
    assert await conn.fetchval("SELECT reserved FROM app.budget_counters") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.vendor_calls WHERE state <> 'answered'") == 0
    assert (await ask.items(ctx, vendor, queries("ann")))[0].outcome == "found"


class Gate:
    """The pace: what it is told of each turn."""

    def __init__(self, *closed: Exception) -> None:
        self.closed, self.learnt = list(closed), list[str]()

    @asynccontextmanager
    async def turn(self, _spec: OperationSpec, _credential: str, *, patience_s: float) -> AsyncIterator[None]:
        assert patience_s > 0
        if self.closed:
            raise self.closed.pop()
        try:
            yield
        except Exception as error:
            self.learnt.append(type(error).__name__)
            raise
        self.learnt.append("well")


async def test_waiting_for_a_turn_spends_nothing_and_our_own_refusals_are_not_the_vendors(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S2.14, S3.05
    gate = Gate(VendorBusy("the breaker is open", after_s=9, code="breaker_open"))
    vendor = Checker(troubles=[VendorDown("cut", sent=True)])
    ctx = await attempt(pool, tenant, pacer=gate)
    with pytest.raises(VendorBusy):
        await ask.items(ctx, vendor, queries("ann"))
    assert (await calls(conn), vendor.asked, gate.learnt) == ([], [], [])

    with pytest.raises(Hopeless):
        await ask.items(ctx, vendor, queries("ann"))
    await ask.items(ctx, vendor, queries("bob"))
    await ask.items(ctx, vendor, queries("bob"))  # stored: no turn is taken
    assert gate.learnt == ["VendorDown", "well"]

    await conn.execute(
        "INSERT INTO app.budgets (tenant_id, scope, vendor, unit, period, limit_units)"
        " VALUES ($1, 'tenant', 'checker', 'verification', 'day', 0)",
        tenant,
    )
    with pytest.raises(VendorRefused):
        await ask.items(ctx, vendor, queries("cid"))
    assert gate.learnt == ["VendorDown", "well", "BudgetSpent"]  # which is no word of a vendor's
    assert breaker.lesson_of(ledger.BudgetSpent({})) == "nothing"


async def test_an_answer_that_may_not_be_kept_is_still_given_once(pool: Pool, tenant: UUID) -> None:
    # S3.05: kept for no time at all, each purchase asks anew, and ends.
    ctx, vendor = await attempt(pool, tenant), checker(keep_s=0.0, keep_miss_s=0.0)
    for n in (1, 2):
        assert [r.outcome for r in await ask.items(ctx, vendor, queries("ann", "no-one"))] == ["found", "miss"]
        assert len(vendor.asked) == n


async def test_the_vendors_own_record_is_kept_apart_and_for_a_shorter_time(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S3.05
    ctx, vendor = await attempt(pool, tenant), checker(keep_raw_s=0.0)
    await ask.items(ctx, vendor, queries("ann"))
    assert (await ask.items(ctx, vendor, queries("ann")))[0].raw == {"said": "ann@example.com"}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await ledger.drop_raw(tx) == 1
        assert await ledger.drop_raw(tx) == 0
    (reply,) = await ask.items(ctx, vendor, queries("ann"))
    assert (reply.raw, reply.value and reply.value.standing) == (None, "valid")


async def test_an_operator_may_have_a_lost_item_sent_again(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S3.05: audited; what the first one cost stays on the books.
    ctx, vendor = await attempt(pool, tenant), Checker(troubles=[VendorDown("cut", sent=True)])
    with pytest.raises(Hopeless):
        await ask.items(ctx, vendor, queries("ann"))
    async with transaction(pool, tenant) as tx:
        (lost,) = await ledger.forfeited(tx, tenant)
        await ledger.resend(tx, tenant, lost["id"], by="ops")
    with pytest.raises(Conflict):
        async with transaction(pool, tenant) as tx:
            await ledger.resend(tx, tenant, lost["id"], by="ops")
    assert (await ask.items(ctx, vendor, queries("ann")))[0].outcome == "found"
    assert [row[:3] for row in await calls(conn)] == [("forfeited", 1, 1), ("answered", 1, 1)]
    audited = await conn.fetch("SELECT actor, subject_id FROM app.audit_log WHERE action = 'ledger.resend'")
    assert [tuple(row) for row in audited] == [("ops", str(lost["id"]))]


async def test_a_call_that_nobody_comes_back_for_is_written_off_in_time(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.06: what it held goes back, or counts as spent.
    vendor = checker(resend=True, vendor="zerobounce")
    vendor.troubles = [VendorDown("cut", sent=True)]
    with pytest.raises(VendorDown):
        await ask.items(await attempt(pool, tenant), vendor, queries("ann", "bob"))
    counter = "SELECT reserved, spent FROM app.budget_counters"
    assert tuple(await conn.fetchrow(counter) or ()) == (2, 0)
    assert await ledger.write_off_adrift(pool) == 0
    assert await ledger.write_off_adrift(pool, after_s=0) == 1
    assert tuple(await conn.fetchrow(counter) or ()) == (0, 2)
    assert (await calls(conn))[0][0] == "forfeited"


def test_every_budget_of_the_settings_binds_some_operation() -> None:
    # S3.08, R11: a unit that no operation counts in would be a limit that never holds.
    keys: dict[str, Any] = {
        name: SecretStr("k" * 40) for name in Settings.model_fields if name.endswith(("_key", "_token"))
    }
    operations, _ = lookups.build(Settings.model_construct(**keys, langchain_model="m"))
    counted = {(op.spec.vendor, op.spec.unit) for op in operations.values() if op.spec.billable}
    bound = {(each.vendor, each.unit) for each in budgets.defaults(Settings.model_construct()).values()}
    assert bound <= counted


async def test_a_job_is_let_through_once_a_vendor_was_asked_for_it(pool: Pool, tenant: UUID) -> None:
    # S3.13: in this attempt or in one before
    ctx, vendor = await attempt(pool, tenant), Checker()
    for asked in (1, 1):
        with Seats(4).attempt(300) as ctx.patience:
            assert not ctx.patience.seated
            await ask.items(ctx, vendor, queries("ann"))
            assert (ctx.patience.seated, len(vendor.asked)) == (True, asked)
