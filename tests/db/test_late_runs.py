"""Runs that end in unusual ways: late without slices, retried after their time, partly cancelled."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.jobs import FetchPage
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from db import runs, slices
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.db.test_runs import _close, _running, _shift, _show, _start
from worker import sweep
from worker.context import Stopped
from worker.discovery.jobs import fetch_stopped


async def _begun(pool: Pool, tenant: UUID) -> UUID:
    """A dry run under way: it has no slices of its own."""
    run_id = await _start(pool, tenant, dry_run=True)
    async with transaction(pool, tenant) as tx:
        assert await runs.begin(tx, tenant, run_id, 300)
    return run_id


async def test_a_dry_run_that_overruns_its_time_has_not_completed(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R5 S0.11
    run_id = await _begun(pool, tenant)
    await _shift(conn, "400 seconds")
    assert await sweep.sweep_once(pool) == (1, 0)
    run = await _show(pool, tenant, run_id)
    assert (run.status, run.error_code, run.stop_reason) == (RunStatus.FAILED, "timeout", "time_budget")
    assert run.stats is not None
    assert "timeout" in [e["type"] for e in run.stats["errors"]]


async def test_who_begins_a_run_late_moves_neither_its_state_nor_its_deadline(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # law 4: a worker that was taken for dead begins what another has begun, and then what another has ended
    run_id = await _begun(pool, tenant)
    row = "SELECT status, started_at, deadline_at, finished_at, updated_at FROM app.runs WHERE id = $1"
    for _ in range(2):
        before = await conn.fetchrow(row, run_id)
        await _shift(conn, "100 seconds")
        async with transaction(pool, tenant) as tx:
            assert not await runs.begin(tx, tenant, run_id, 300)
        assert await conn.fetchrow(row, run_id) == before
        async with transaction(pool, tenant) as tx:
            await runs.end(tx, tenant, run_id, Outcome(RunStatus.COMPLETED))


async def test_a_retried_run_is_not_held_to_the_time_of_its_first_try(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    run_id = await _begun(pool, tenant)
    async with transaction(pool, tenant) as tx:
        await runs.end(tx, tenant, run_id, Outcome(RunStatus.FAILED, "vendor_down", "away"))
    await _shift(conn, "1 day")
    async with transaction(pool, tenant) as tx:
        assert await runs.reopen_for_retry(tx, tenant, run_id, None)
    assert await sweep.sweep_once(pool) == (0, 0)
    assert (await _show(pool, tenant, run_id)).status is RunStatus.PENDING


@pytest.mark.parametrize(("others", "status"), [("done", RunStatus.PARTIAL), ("cancelled", RunStatus.CANCELLED)])
async def test_a_run_whose_jobs_were_cancelled_one_by_one_has_not_completed(
    pool: Pool, tenant: UUID, others: slices.SliceEnd, status: RunStatus
) -> None:
    # R1 S1.03: the next run starts from the last success, and what was cancelled was not read.
    run_id, (one, two) = await _running(pool, tenant)
    await _close(pool, tenant, two, others)
    async with transaction(pool, tenant) as tx:
        page = FetchPage(run_id=run_id, slice_id=one, page=0)
        await fetch_stopped(tx, tenant, page, Stopped("cancelled", "cancelled", "cancelled"))
    run = await _show(pool, tenant, run_id)
    assert run.status is status
    async with transaction(pool, tenant) as tx:
        assert await runs.last_success(tx, tenant) is None


async def test_an_overdue_run_nobody_can_read_holds_up_no_other(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # A newer version may have written it: this worker must neither die of it nor stop ending runs.
    newer, known = await _begun(pool, tenant), await _begun(pool, tenant)
    await conn.execute("""UPDATE app.runs SET params = params || '{"from_the_future": 1}' WHERE id = $1""", newer)
    await _shift(conn, "400 seconds")
    assert await sweep.sweep_once(pool) == (1, 0)
    assert (await _show(pool, tenant, known)).status is RunStatus.FAILED


async def test_a_run_that_never_began_ends_after_a_day(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R5 S0.14: its event is dead, so nothing else would ever end it
    run_id = await _start(pool, tenant)
    assert await sweep.sweep_once(pool) == (0, 0)
    await _shift(conn, "25 hours")
    assert await sweep.sweep_once(pool) == (1, 0)
    run = await _show(pool, tenant, run_id)
    assert (run.status, run.finished_at is not None) == (RunStatus.FAILED, True)
