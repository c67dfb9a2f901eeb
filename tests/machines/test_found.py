"""Lives that once broke something, in plain form."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from contracts.events import Probed
from contracts.replays import ReplayRequest
from db import entities, jobs, queue, replays
from db.entities import Placed
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.machines.pages import Shelf, company, fetch, planned, shown, taken
from tests.machines.test_races import no_hook, proof, waiting
from tests.worker.dispatching import dispatcher, emit
from worker.maintenance import RescueReport, rescue_once


async def _put_off(pool: Pool, tenant: UUID, key: str) -> tuple[int, Delivery]:
    """A worker holds a delivery whose job was put off, but its finish is not written yet."""
    await emit(pool, tenant, Probed(probe_id=uuid4(), key=key))
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        (first,) = await queue.fetch(tx, worker, ["probe"], 10)
    async with transaction(pool, tenant) as tx:
        assert await jobs.put_off(
            tx, tenant, first.execution_id, first.token, outcome="failed", counts=True, delay_s=0,
            error_class="vendor_down", error="away", traceback=None, correlation_id=None,
        )  # fmt: skip
    return worker, first


async def _unfinished_and_again(pool: Pool, tenant: UUID, key: str) -> tuple[int, list[Delivery]]:
    """The same worker has fetched the next delivery of that job, which runs."""
    worker, first = await _put_off(pool, tenant, key)
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (second,) = await queue.fetch(tx, worker, ["probe"], 10)
    return worker, [first, second]


@pytest.mark.parametrize("key", ["", "k"], ids=["once", "coalesce"])
async def test_two_deliveries_of_one_job_die_with_their_worker(
    conn: Connection, pool: Pool, tenant: UUID, key: str
) -> None:
    # B.01 S2.05: it is rescued once, and is no twin of itself.
    _, held = await _unfinished_and_again(pool, tenant, key)
    await conn.execute("UPDATE app.workers SET beat_at = '-infinity'")
    report = await rescue_once(pool, 0.01, no_hook)
    assert report == RescueReport(rescued=1, dropped=1)
    row = await conn.fetchrow("SELECT id, state, crashes FROM app.job_executions")
    assert row is not None
    assert tuple(row) == (held[0].execution_id, "queued", 1)
    found = await proof(pool)
    assert found.ok, found.breaches
    assert [d.execution_id for d in await taken(pool)] == [held[0].execution_id]


@pytest.mark.parametrize("key", ["", "k"], ids=["once", "coalesce"])
async def test_two_deliveries_of_one_job_are_put_back_as_one(
    conn: Connection, pool: Pool, tenant: UUID, key: str
) -> None:
    # B.01: what a shutdown puts back stands in the queue once.
    worker, held = await _unfinished_and_again(pool, tenant, key)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.reconcile(tx, worker, [])
    assert await conn.fetchval("SELECT state FROM app.job_executions") == "queued"
    found = await proof(pool)
    assert found.ok, found.breaches
    assert [d.execution_id for d in await taken(pool)] == [held[0].execution_id]


@pytest.mark.parametrize("key", ["", "k"], ids=["once", "coalesce"])
async def test_an_unfinished_delivery_that_is_put_back_stands_in_no_ones_way(
    conn: Connection, pool: Pool, tenant: UUID, key: str
) -> None:
    # B.01: its job was put off, and comes back before anybody has taken the old delivery.
    worker, first = await _put_off(pool, tenant, key)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await queue.reconcile(tx, worker, []) == 0
    await dispatcher(pool).dispatch_batch()
    found = await proof(pool)
    assert found.ok, found.breaches
    assert [d.execution_id for d in await taken(pool)] == [first.execution_id]
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 1


async def test_an_unfinished_delivery_does_not_stop_the_next_one_of_its_job(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S2.05: the second delivery runs in a slot; only the first, which nobody holds, is taken back.
    worker, (_, second) = await _unfinished_and_again(pool, tenant, "")
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.reconcile(tx, worker, [second.delivery_id])
    row = await conn.fetchrow("SELECT state, token FROM app.job_executions")
    assert row is not None
    assert tuple(row) == ("running", second.token)


async def test_a_company_that_two_pages_know_by_different_keys_is_one(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.01: the second looked before the first had committed; what they share is not the second's strongest key.
    async def late() -> Placed:
        async with transaction(pool, tenant) as tx:
            both = company("y", domain="x.example", registry_id="lei:1")
            return (await entities.place(tx, tenant, [both], room=9))[0]

    async with transaction(pool, tenant) as tx:
        first = (await entities.place(tx, tenant, [company("x", domain="x.example")], room=9))[0]
        coming = asyncio.create_task(late())
        await waiting(conn, 1)
    second = await coming
    assert (first.created, second.created, second.company_id) == (True, False, first.company_id)
    assert await conn.fetchval("SELECT count(DISTINCT entity_id) FROM app.entity_keys") == 1


@pytest.mark.parametrize("kind", ["LeadDiscovered", "SliceReady"])
async def test_a_run_adds_up_after_its_events_were_replayed(
    conn: Connection, pool: Pool, tenant: UUID, kind: str
) -> None:
    # B.01: a lead that is announced again is no second lead.
    shelf = Shelf({"a": [[company("one"), company("two")]]})
    run_id = await planned(pool, tenant, ["a"])
    (page,) = await taken(pool)
    await fetch(pool, shelf, page)
    await taken(pool)
    async with transaction(pool, tenant) as tx:
        asked = ReplayRequest.model_validate({"filter": {"status": ["sent"], "type": kind}})
        assert (await replays.replay_many(tx, [tenant], asked, "olga")).replayed > 0
    for _ in ("waiting", "sent"):
        _, check = await shown(pool, tenant, run_id)
        assert check.ok, check.findings
        await taken(pool)


async def test_a_run_whose_lost_job_was_made_by_a_replay_adds_up(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.01
    run_id = await planned(pool, tenant, ["a"])
    await dispatcher(pool).dispatch_batch()
    await conn.execute("DELETE FROM app.job_executions; DELETE FROM queue.procrastinate_jobs")
    _, check = await shown(pool, tenant, run_id)
    assert (check.ok, check.lost) == (False, 1)
    async with transaction(pool, tenant) as tx:
        event_id = await tx.fetchval("SELECT event_id FROM app.outbox_history WHERE type = 'SliceReady'")
        await replays.replay_event(tx, [tenant], event_id, "olga")
    assert [d.run_id for d in await taken(pool)] == [run_id]
    _, check = await shown(pool, tenant, run_id)
    assert check.ok, check.findings
