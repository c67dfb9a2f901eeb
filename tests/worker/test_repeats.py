"""Answers that were lost, and are asked for again where that costs nothing: under a key, or once a period."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from contracts.errors import BadAnswer, Hopeless, VendorBusy, VendorDown, VendorRefused
from contracts.providers import RequestKey
from db import alerts
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.worker.asking import attempt, checker, died, queries
from tests.worker.test_ask import calls
from worker import ask


@pytest.fixture(autouse=True)
async def noon(conn: Connection) -> None:
    """The database's clock stands at the next noon (UTC): what is free for a day must not end while a test runs."""
    ahead = await conn.fetchval(
        "SELECT (extract(epoch FROM date_trunc('day', n.utc + interval '12 hours') + interval '12 hours' - n.utc))::int"
        " FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS utc) n"
    )
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT interval '{ahead} s' $$"
    )


@pytest.mark.parametrize("acts", [True, False], ids=["it had acted", "it had not"])
@pytest.mark.parametrize("ability", ["resend", "repeats_free", "recoverable"])
@pytest.mark.parametrize("how", ["lost", "died"])
async def test_a_lost_answer_is_had_again_where_the_vendor_lets_us(
    conn: Connection, pool: Pool, tenant: UUID, ability: str, acts: bool, how: str
) -> None:
    # S3.05: by the key it was asked under; whoever comes next asks for the whole of it, though he wants only a part.
    vendor = checker(**{ability: True})
    vendor.troubles, vendor.acts = [VendorDown("cut", sent=True) if how == "lost" else asyncio.CancelledError()], acts
    first = await attempt(pool, tenant)
    with pytest.raises((VendorDown, VendorBusy, asyncio.CancelledError)):
        await ask.items(first, vendor, queries("ann", "bob", "no-one"))
    assert [row[0] for row in await calls(conn)] == ["unknown" if how == "lost" else "sent"]
    assert await conn.fetchval("SELECT reserved FROM app.budget_counters") is None
    if how == "died":
        await died(pool, first)

    replies = await ask.items(await attempt(pool, tenant), vendor, queries("bob", "no-one"))
    assert [r.outcome for r in replies] == ["found", "miss"]
    replies = await ask.items(await attempt(pool, tenant), vendor, queries("ann", "bob", "no-one"))
    assert [r.outcome for r in replies] == ["found", "found", "miss"]
    assert {k: v for k, v in vendor.bill.items() if v} == {"ann@example.com": 1, "bob@example.com": 1}
    if ability != "recoverable":
        assert len({key for key, _ in vendor.asked}) == 1
        assert vendor.asked[0] == vendor.asked[1]
    assert sum(row[2] for row in await calls(conn)) == 2


@pytest.mark.parametrize("how", ["lost", "died"])
@pytest.mark.parametrize(
    "changed",
    [
        "sent_at = date_trunc('day', app.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '1 second'",
        "sent_at = date_trunc('day', app.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '4 minutes'",
        "account = 'anothers'",
    ],
    ids=["on another day", "so near midnight that it may have been another day", "under another key"],
)
async def test_a_free_repeat_is_none_once_it_may_be_charged(
    conn: Connection, pool: Pool, tenant: UUID, changed: str, how: str
) -> None:
    # S3.05: a vendor that charges the same question once a period may begin the next one at midnight UTC.
    vendor = checker(repeats_free=True)
    vendor.troubles = [VendorDown("cut", sent=True) if how == "lost" else asyncio.CancelledError()]
    first = await attempt(pool, tenant)
    with pytest.raises((VendorBusy, asyncio.CancelledError)):
        await ask.items(first, vendor, queries("ann"))
    if how == "died":
        await died(pool, first)
    await conn.execute(f"UPDATE app.vendor_calls SET {changed}")
    with pytest.raises(Hopeless) as caught:
        await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
    assert caught.value.code == "forfeited"
    assert len(vendor.asked) == 1
    assert (await calls(conn))[0][:3] == ("forfeited", 1, 1)


@pytest.mark.parametrize("trouble", [VendorDown("cut", sent=True), TimeoutError()])
async def test_a_free_repeat_is_waited_for_once_before_a_dearer_vendor_is_asked(
    pool: Pool, tenant: UUID, trouble: Exception
) -> None:
    # S3.05: a waterfall waits for who is busy for a moment, and goes on past who is down.
    vendor = checker(repeats_free=True)
    vendor.troubles = [trouble, trouble]
    with pytest.raises(VendorBusy) as first:
        await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
    assert (first.value.code, first.value.after_s) == ("answer_lost", 2.0)
    with pytest.raises(type(trouble)):
        await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
    assert (await ask.items(await attempt(pool, tenant), vendor, queries("ann")))[0].outcome == "found"
    assert vendor.bill == {"ann@example.com": 1}


@pytest.mark.parametrize("ability", ["resend", "repeats_free"])
@pytest.mark.parametrize(
    "then", [VendorDown("no route", sent=False), VendorBusy("slow down", after_s=3), VendorRefused("no credits")]
)
async def test_a_repeat_that_was_surely_not_billed_says_nothing_of_the_first_request(
    conn: Connection, pool: Pool, tenant: UUID, ability: str, then: Exception
) -> None:
    # S3.05 S2.14: released, it would be bought anew some day, and its first charge stand on no book.
    vendor = checker(**{ability: True})
    vendor.troubles = [VendorDown("cut", sent=True), then]
    for expected in ((VendorDown, VendorBusy), type(then)):
        with pytest.raises(expected):
            await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
    assert [row[:3] for row in await calls(conn)] == [("unknown", 1, 0)]
    if ability == "repeats_free":
        await conn.execute("UPDATE app.vendor_calls SET sent_at = sent_at - interval '1 day'")
        with pytest.raises(Hopeless):
            await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
        assert len(vendor.asked) == 2
        assert [row[:3] for row in await calls(conn)] == [("forfeited", 1, 1)]
        async with transaction(pool, tenant) as tx:
            (alert,) = await alerts.standing(tx, [tenant])
        assert (alert.rule, alert.count) == ("vendor.answer_lost", 1)
    else:
        assert (await ask.items(await attempt(pool, tenant), vendor, queries("ann")))[0].outcome == "found"
        assert len({key for key, _ in vendor.asked}) == 1
    assert vendor.bill == {"ann@example.com": 1}


async def test_what_cannot_be_read_is_not_repeated(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S3.05: it would come again.
    vendor = checker(repeats_free=True)
    vendor.troubles = [BadAnswer("not JSON")]
    for expected in (BadAnswer, Hopeless):
        with pytest.raises(expected):
            await ask.items(await attempt(pool, tenant), vendor, queries("ann"))
    assert len(vendor.asked) == 1
    assert (await calls(conn))[0][:3] == ("forfeited", 1, 1)


async def test_a_request_that_is_sent_again_keeps_its_key_and_names_its_new_attempt(pool: Pool, tenant: UUID) -> None:
    # Law 5: the vendor knows it again by the key; who sent it this time is no part of that.
    vendor = checker(resend=True)
    vendor.troubles = [VendorDown("cut", sent=True)]
    first, second = await attempt(pool, tenant), await attempt(pool, tenant)
    with pytest.raises(VendorDown):
        await ask.items(first, vendor, queries("ann"))
    await ask.items(second, vendor, queries("ann"))
    (one, _), (other, _) = vendor.asked
    assert isinstance(one, RequestKey)
    assert isinstance(other, RequestKey)
    assert one == other
    said = [f"{each.delivery.execution_id}.{each.delivery.token}" for each in (first, second)]
    assert [one.attempt, other.attempt] == said
    assert said[0] != said[1]
