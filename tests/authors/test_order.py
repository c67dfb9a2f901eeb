"""Events of one ordering key, one at a time and in order, whatever becomes of one of them; events without a key notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.errors import VendorDown
from contracts.settings import Settings
from db import executions, explanations, inspection, outbox, queue, sinks, turns
from db.transaction import DbRole, Pool, transaction
from tests.authors.stage import performer, probe, said, taken, worked, worker
from tests.conftest import Connection
from tests.queue.seeding import TENANT, hand_off, states
from tests.queue.working import until, working
from worker.context import Context
from worker.dispatcher import Dispatcher

KEY = "company 7"


async def advanced(pool: Pool) -> int:
    """One look at whose turn it is, and a handoff; gives how many jobs were made."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await turns.advance(tx, turns.Round())
    return await hand_off(pool)


@asynccontextmanager
async def house(pool: Pool, queue_pool: Pool, url: str, body: Any, dispatchers: int = 1) -> AsyncIterator[None]:
    """A worker and dispatchers, as in a worker process; finished work wakes them by their poll."""
    settings = Settings.model_construct(**(Settings.model_construct().model_dump() | {"dispatch_poll_s": 0.2}))
    made = [Dispatcher(pool, settings) for _ in range(dispatchers)]
    running = [asyncio.create_task(each.run()) for each in made]
    frame = performer(pool, body)

    def wake() -> None:
        for each in made:
            each.wake()

    frame.wake = wake
    async with working(queue_pool, url, frame, poll_s=0.05):
        yield
        for each in made:
            each.stop()
        await asyncio.gather(*running)


@pytest.mark.parametrize("dispatchers", [1, 2])
async def test_keys_are_in_order_one_at_a_time_and_beside_each_other(
    conn: Connection, pool: Pool, queue_pool: Pool, db_url: str, dispatchers: int
) -> None:
    keys = [f"company {n}" for n in range(4)]
    want = {key: [probe() for _ in range(6)] for key in keys}
    of = {event.probe_id: key for key, events in want.items() for event in events}
    seen: dict[str, list[UUID]] = {key: [] for key in keys}
    running: set[str] = set()
    most = 0

    async def body(ctx: Context, args: Any) -> None:
        nonlocal most
        key = of.get(args.probe_id)
        if key is None:
            return
        assert key not in running
        running.add(key)
        most = max(most, len(running))
        await ctx.progress(1)  # something to wait for
        seen[key].append(args.probe_id)
        running.discard(key)

    for nth in range(6):
        for key in keys:
            await said(pool, want[key][nth], ordering_key=key)
    await said(pool, *(probe() for _ in range(20)))
    async with house(pool, queue_pool, db_url, body, dispatchers):

        async def over() -> bool:
            return await states(pool) == {"done": 44}

        await until(over)
    assert seen == {key: [event.probe_id for event in events] for key, events in want.items()}
    assert most > 1
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 0
    assert await conn.fetchval("SELECT count(*) FROM app.ordering_turns") == 4


async def test_the_next_waits_for_the_jobs_of_the_one_before(conn: Connection, pool: Pool) -> None:
    first, second = await said(pool, probe(), probe(), ordering_key=KEY)
    assert await advanced(pool) == 1
    assert await advanced(pool) == 0  # queued
    who = await worker(pool)
    (held,) = await taken(pool, who)
    assert held.event_id == first
    assert await advanced(pool) == 0  # running
    await performer(pool)(held)
    assert await states(pool) == {"running": 1}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.finish(tx, [held])
    assert await advanced(pool) == 1
    assert (await taken(pool, who))[0].event_id == second


async def failing(ctx: Context, args: Any) -> None:
    raise VendorDown("away", after_s=0.0)


async def broken(ctx: Context, args: Any) -> None:
    raise ValueError("a bug")


async def test_park_goes_on_once_the_failed_one_is_set_aside(conn: Connection, pool: Pool) -> None:
    await said(pool, probe(), probe(), ordering_key=KEY)
    who = await worker(pool)
    await advanced(pool)
    await worked(pool, who, failing)
    assert await states(pool) == {"waiting": 1}
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    assert await advanced(pool) == 1  # only the retry: it may still succeed
    await worked(pool, who, broken)
    assert await states(pool) == {"dead": 1}
    assert await advanced(pool) == 1
    assert await states(pool) == {"dead": 1, "queued": 1}


async def test_block_waits_until_an_operator_has_answered(conn: Connection, pool: Pool) -> None:
    # R8
    first, second, third = await said(pool, probe(), probe(), probe(), ordering_key=KEY, on_failure="block")
    who = await worker(pool)
    await advanced(pool)
    await worked(pool, who, broken)
    assert await advanced(pool) == 0
    why = await explained(pool, third)
    assert why[0].code == "key_blocked"
    assert f"waits behind event {first}, which was given up and blocks" in why[0].text
    assert f"1 events of its ordering key go before it, the last of them event {second}" in why[1].text
    async with transaction(pool, TENANT) as tx:
        await executions.retry_execution(tx, [TENANT], first, "olga")
    assert await advanced(pool) == 1
    assert (await explained(pool, second))[0].code == "behind"
    await worked(pool, who)
    assert await advanced(pool) == 1  # the second
    await worked(pool, who, broken)
    assert await advanced(pool) == 0
    async with transaction(pool, TENANT) as tx:
        assert await executions.dismiss(tx, [TENANT], second, "olga") == 1
    assert await advanced(pool) == 1  # the third
    assert await conn.fetchval("SELECT resolution FROM app.dead_letters WHERE event_id = $1", second) == "dismissed"
    assert await conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'dead_letter.dismiss'") == 1


async def test_skip_goes_on_at_the_first_failure_and_the_failed_one_is_tried_out_of_order(
    conn: Connection, pool: Pool
) -> None:
    first, second = await said(pool, probe(), probe(), ordering_key=KEY, on_failure="skip")
    who = await worker(pool)
    await advanced(pool)
    await worked(pool, who, failing)
    await conn.execute(
        "UPDATE app.outbox_events SET available_at = available_at + interval '1 hour' WHERE type = 'Redelivery'"
    )
    assert await advanced(pool) == 1
    (held,) = await taken(pool, who)
    assert held.event_id == second
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    assert await advanced(pool) == 1
    assert (await taken(pool, who))[0].event_id == first


@pytest.mark.parametrize(("choice", "then"), [("block", 0), ("park", 1), ("skip", 1)])
async def test_an_event_that_cannot_be_handed_off_holds_its_key_as_its_choice_says(
    conn: Connection, pool: Pool, choice: Any, then: int
) -> None:
    first, second = await said(pool, probe(), probe(), ordering_key=KEY, on_failure=choice)
    await conn.execute("UPDATE app.outbox_events SET type = 'Forgotten' WHERE event_id = $1", first)
    dispatcher = Dispatcher(
        pool, Settings.model_construct(**(Settings.model_construct().model_dump() | {"outbox_max_attempts": 2}))
    )
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await turns.advance(tx, turns.Round())
    await dispatcher.dispatch_batch()
    assert await conn.fetchval("SELECT state FROM app.outbox_events WHERE event_id = $1", first) == "failed"
    assert await advanced(pool) == (1 if choice == "skip" else 0)
    if choice != "skip":
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
        await dispatcher.dispatch_batch()
        assert await advanced(pool) == then
        assert await conn.fetchval("SELECT count(*) FROM app.dead_letters WHERE event_id = $1", first) == 1
    assert await conn.fetchval("SELECT count(*) FROM app.job_executions WHERE event_id = $1", second) == then


async def test_an_absorbed_event_holds_its_key_until_the_one_that_absorbed_it_has_ended(
    conn: Connection, pool: Pool
) -> None:
    await said(pool, probe("stock", scope="exclusive"))
    await hand_off(pool)
    await said(pool, probe("stock", scope="exclusive"), probe(), ordering_key=KEY)
    await advanced(pool)
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 1
    assert await advanced(pool) == 0
    assert await worked(pool, await worker(pool), job="probe.single") == 1
    assert await advanced(pool) == 1


async def test_what_is_not_due_yet_holds_the_rest_of_its_key(conn: Connection, pool: Pool) -> None:
    first, _ = await said(pool, probe(), probe(), ordering_key=KEY)
    await conn.execute(
        "UPDATE app.outbox_events SET available_at = app.now() + interval '1 hour' WHERE event_id = $1", first
    )
    assert await advanced(pool) == 0
    await conn.execute("UPDATE app.outbox_events SET available_at = app.now() WHERE event_id = $1", first)
    assert await advanced(pool) == 1


async def test_two_who_see_a_turn_free_take_it_once(conn: Connection, pool: Pool, db_url: str) -> None:
    for _ in range(5):
        await said(pool, *(probe() for _ in range(4)), ordering_key=uuid4().hex)

    async def look() -> int:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await turns.advance(tx, turns.Round())

    assert sum(await asyncio.gather(*(look() for _ in range(4)))) == 5
    assert sum(await asyncio.gather(*(look() for _ in range(4)))) == 0
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE sink = 'queue'") == 5


async def test_a_look_goes_on_where_the_last_one_stopped(conn: Connection, pool: Pool) -> None:
    for nth in range(5):
        await said(pool, probe(), ordering_key=f"k{nth}")
    around, went = turns.Round(), []
    for _ in range(3):
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            went.append(await turns.advance(tx, around, keys=2))
    assert went == [2, 2, 1]
    assert around == turns.Round()


async def test_blocked_keys_cost_other_events_nothing(conn: Connection, pool: Pool) -> None:
    # No claim may walk over what may not go yet: 20,000 events of one key, then one without a key.
    await said(pool, probe(), ordering_key=KEY)
    await advanced(pool)
    await conn.execute(
        "INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, sink, ordering_key,"
        " available_at, created_at)"
        " SELECT $1, 'probe', gen_random_uuid(), 'Probed', 1, '{}', 'ordered', $2, app.now(), app.now()"
        "   FROM generate_series(1, 20000)",
        TENANT, KEY,
    )  # fmt: skip
    await conn.execute("ANALYZE app.outbox_events")
    (event,) = await said(pool, probe())
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            r[0] for r in await tx.fetch("EXPLAIN (ANALYZE, BUFFERS) " + outbox.SQL["claim"], 500, 200, 1, None, None)
        )
        held = await outbox.claim(tx, batch=500, tenant_buffer=200)
        looked = "\n".join(
            r[0] for r in await tx.fetch("EXPLAIN (ANALYZE, BUFFERS) " + turns.SQL["advance"], UUID(int=0), "", 500)
        )
    assert [each.event_id for each in held] == [event]
    for text in (plan, looked):
        removed = [int(line.split(":")[1]) for line in text.splitlines() if "Rows Removed by Filter" in line]
        assert max(removed, default=0) < 10, text


@pytest.mark.parametrize(
    ("choice", "state", "next_goes"),
    [("block", "failed", False), ("park", "dead_letter", True), ("skip", "dead_letter", True)],
)
async def test_other_sinks_have_the_same_choices(
    conn: Connection, pool: Pool, choice: Any, state: str, next_goes: bool
) -> None:
    first, second = await said(pool, probe(), probe(), sink="nats", ordering_key=KEY, on_failure=choice)
    went: list[str] = []
    for nth in range(2):
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            leased = await sinks.lease(tx, "nats", batch=10, for_s=60)
        if choice == "skip" and nth == 1:
            assert [each.event_id for each in leased] == [first, second]  # the rest goes on, this one as it can
        else:
            assert [each.event_id for each in leased] == [first]
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            went.append(await sinks.refuse(tx, leased[0], "no", "refused", counts=True, max_attempts=2))
    assert went == ["failed", state]
    if choice != "skip":
        await conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            leased = await sinks.lease(tx, "nats", batch=10, for_s=60)
        assert [each.event_id for each in leased] == [second if next_goes else first]


async def explained(pool: Pool, event: UUID) -> list[Any]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        delivery = await explanations.look_at_delivery(tx, TENANT, cap=200, alive_within_s=60)
    async with transaction(pool, TENANT) as tx:
        await inspection.find_event(tx, [TENANT], event)
        return (await explanations.explain(tx, [TENANT], event, delivery, max_attempts=5)).findings
