"""The run service: starting, fanning in, ending, the last success, cleaning up (S1.03)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict
from contracts.outcomes import Outcome
from contracts.runs import CreateRun, RunStatus, RunView
from contracts.settings import Settings
from db import runs, slices
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from worker import sweep
from worker.discovery import plan

TWO = {"channels": ["google", "keyword"], "queries": ["workwear"]}


async def _start(pool: Pool, tenant: UUID, *, body: dict[str, Any] | None = None, **how: Any) -> UUID:
    params = runs.params_of(CreateRun.model_validate(body or TWO), Settings.model_construct())
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(
            tx, tenant, params, **{"mode": "manual", "dry_run": False, "triggered_by": "api", **how}
        )
    return run_id


async def _running(pool: Pool, tenant: UUID, **how: Any) -> tuple[UUID, list[UUID]]:
    """A run under way, with its slices."""
    run_id = await _start(pool, tenant, **how)
    async with transaction(pool, tenant) as tx:
        standing = await runs.peek(tx, tenant, run_id)
        assert standing is not None
        assert await runs.begin(tx, tenant, run_id, standing.params.max_runtime_seconds)
        return run_id, await slices.plan(tx, tenant, run_id, plan.slices(standing.params))


async def _show(pool: Pool, tenant: UUID, run_id: UUID) -> RunView:
    async with transaction(pool, tenant) as tx:
        found = await runs.show(tx, tenant, run_id)
    assert found is not None
    return found


async def _close(
    pool: Pool, tenant: UUID, slice_id: UUID, state: slices.SliceEnd = "done", **why: Any
) -> RunStatus | None:
    async with transaction(pool, tenant) as tx:
        return await slices.close(tx, tenant, slice_id, state, **why)


async def _shift(conn: Connection, by: str) -> None:
    """Move the product's clock (law 8): only the owner can."""
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT interval '{by}' $$"
    )


async def test_a_run_and_its_event_are_one_commit(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # C.03 S1.08 R24
    run_id = await _start(pool, tenant)
    run = await _show(pool, tenant, run_id)
    assert (run.status, run.triggered_by, run.started_at, run.finished_at) == (RunStatus.PENDING, "api", None, None)
    assert run_id.version == 7
    events = await conn.fetch("SELECT type, aggregate_id, correlation_id, state FROM app.outbox_events")
    assert [tuple(e) for e in events] == [("RunRequested", run_id, run_id, "pending")]

    async def broken() -> None:
        async with transaction(pool, tenant) as tx:
            params = runs.params_of(CreateRun(), Settings.model_construct())
            await runs.start(tx, tenant, params, mode="test", dry_run=False, triggered_by="api")
            raise LookupError

    with pytest.raises(LookupError):
        await broken()
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 1
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 1


async def test_one_occurrence_is_one_run(conn: Connection, pool: Pool, tenant: UUID) -> None:
    ids = await asyncio.gather(*[_start(pool, tenant, occurrence_key="daily 2026-01-05") for _ in range(5)])
    assert len(set(ids)) == 1
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 1
    assert await _start(pool, tenant, occurrence_key="daily 2026-01-06") not in ids
    assert await _start(pool, await new_tenant(pool), occurrence_key="daily 2026-01-05") not in ids


async def test_an_idempotency_key_is_one_run_for_one_body(conn: Connection, pool: Pool, tenant: UUID) -> None:
    first, again = await asyncio.gather(*[_start(pool, tenant, idempotency=("k", {"a": 1})) for _ in range(2)])
    assert first == again
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 1
    with pytest.raises(Conflict) as refused:
        await _start(pool, tenant, idempotency=("k", {"a": 2}))
    assert refused.value.code == "idempotency_key_reused"


async def test_the_last_slice_ends_the_run_and_says_so_once(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S1.03 complete_run
    run_id, (one, two) = await _running(pool, tenant)
    assert await _close(pool, tenant, one) is None
    assert await _close(pool, tenant, one) is None  # closing is once
    assert await _close(pool, tenant, two) is RunStatus.COMPLETED
    assert await _close(pool, tenant, two) is None

    run = await _show(pool, tenant, run_id)
    assert (run.status, run.open_slices, run.error) == (RunStatus.COMPLETED, 0, None)
    view = await conn.fetchrow("SELECT * FROM app.discovery_runs WHERE id = $1", run_id)
    assert view is not None
    assert view["completed_at"] == run.finished_at
    assert view["duration_seconds"] >= 0
    assert (view["opportunities_found"], view["api_calls_made"]) == (0, 0)  # absent results count 0
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE type = 'RunFinished'") == 1


async def test_slices_that_close_at_once_leave_no_run_hanging(pool: Pool, tenant: UUID) -> None:
    run_id, slices = await _running(
        pool, tenant, body={"channels": ["google", "keyword", "register"], "queries": list("abcd")}
    )
    ends = await asyncio.gather(*[_close(pool, tenant, s) for s in slices])
    assert [e for e in ends if e is not None] == [RunStatus.COMPLETED]
    assert (await _show(pool, tenant, run_id)).open_slices == 0


async def test_a_failed_run_keeps_its_reason_and_its_times(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S1.02 S1.03 fail_run
    run_id, _ = await _running(pool, tenant)
    async with transaction(pool, tenant) as tx:
        ended = await runs.end(tx, tenant, run_id, Outcome(RunStatus.FAILED, "bad_answer", "the vendor answered HTML"))
        assert ended is RunStatus.FAILED
        assert await runs.end(tx, tenant, run_id) is None  # it ends once
    view = await conn.fetchrow("SELECT * FROM app.discovery_runs WHERE id = $1", run_id)
    assert view is not None
    assert (view["status"], view["error_message"]) == ("failed", "the vendor answered HTML")
    assert view["completed_at"] is not None
    assert view["duration_seconds"] is not None
    assert json.loads(view["error_details"]) == [{"type": "bad_answer", "message": "the vendor answered HTML"}]


async def test_a_time_budget_runs_down_to_nothing_and_no_further(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.11: remainingMs() and isExpired()
    assert (await _show(pool, tenant, await _start(pool, tenant))).remaining_ms is None  # its time has not begun
    run_id, slices = await _running(pool, tenant, body={**TWO, "max_runtime_seconds": 60})
    left = (await _show(pool, tenant, run_id)).remaining_ms
    assert left is not None
    assert 50_000 < left <= 60_000
    await _shift(conn, "61 seconds")
    assert (await _show(pool, tenant, run_id)).remaining_ms == 0
    async with transaction(pool, tenant) as tx:
        standing = await runs.peek(tx, tenant, run_id)
    assert standing is not None
    assert standing.expired
    for each in slices:
        await _close(pool, tenant, each)
    assert (await _show(pool, tenant, run_id)).remaining_ms is None


async def test_the_last_success_is_the_newest_that_completed(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S1.03 S1.05 R1 R6
    async def last() -> tuple[UUID, Any] | None:
        async with transaction(pool, tenant) as tx:
            return await runs.last_success(tx, tenant)

    assert await last() is None
    older, slices = await _running(pool, tenant)
    newer, later = await _running(pool, tenant)
    for each in (*later, *slices):  # the one that started first completes last
        await _close(pool, tenant, each)
    broken, parts = await _running(pool, tenant)
    await _close(pool, tenant, parts[0], "error", error_code="x", error="x")
    await _close(pool, tenant, parts[1])
    assert (await _show(pool, tenant, broken)).status is RunStatus.PARTIAL
    dry, parts = await _running(pool, tenant, dry_run=True)
    for each in parts:
        await _close(pool, tenant, each)

    found = await last()
    assert found is not None
    assert found[0] == older
    assert found[1] == (await _show(pool, tenant, older)).finished_at
    assert (await _show(pool, tenant, dry)).status is RunStatus.COMPLETED
    assert newer != older


async def test_runs_are_kept_for_ninety_days(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S1.03 S1.06
    ended, slices = await _running(pool, tenant)
    for each in slices:
        await _close(pool, tenant, each)
    under_way, _ = await _running(pool, tenant)
    other = await new_tenant(pool)
    theirs, parts = await _running(pool, other)
    for each in parts:
        await _close(pool, other, each)

    async def clean() -> int:
        async with transaction(pool, tenant) as tx:
            return await runs.clean(tx, tenant)

    await _shift(conn, "89 days")
    assert await clean() == 0
    await _shift(conn, "91 days")
    recent = await _start(pool, tenant)
    assert await clean() == 1
    left = {r["id"] for r in await conn.fetch("SELECT id FROM app.runs")}
    assert left == {under_way, recent, theirs}
    assert ended not in left
    assert await conn.fetchval("SELECT count(*) FROM app.run_slices WHERE run_id = $1", ended) == 0


async def test_an_overdue_run_is_ended_by_the_sweep(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R5: a lost wake-up must not hang a run.
    run_id, _ = await _running(pool, tenant, body={**TWO, "max_runtime_seconds": 60})
    assert await sweep.sweep_once(pool) == (0, 0)
    await _shift(conn, "65 seconds")
    assert await sweep.sweep_once(pool) == (0, 0)  # its jobs have a moment to notice themselves
    await _shift(conn, "80 seconds")
    assert await sweep.sweep_once(pool) == (1, 0)
    assert await sweep.sweep_once(pool) == (0, 0)
    run = await _show(pool, tenant, run_id)
    assert (run.status, run.error_code, run.stop_reason, run.open_slices) == (
        RunStatus.FAILED,
        "timeout",
        "time_budget",
        0,
    )


async def test_cancelling_tells_the_jobs_and_closes_the_slices(conn: Connection, pool: Pool, tenant: UUID) -> None:
    run_id, (one, _) = await _running(pool, tenant)
    await _close(pool, tenant, one)
    async with transaction(pool, tenant) as tx:
        assert await runs.cancel(tx, tenant, run_id, by="ada") is RunStatus.CANCELLED
    run = await _show(pool, tenant, run_id)
    assert [s.state for s in run.slices or ()] == ["done", "cancelled"]
    assert run.cancel_requested_at is not None
    assert await conn.fetchval("SELECT actor FROM app.audit_log WHERE action = 'run.cancelled'") == "ada"


async def test_listing_goes_newest_first_and_page_by_page(pool: Pool, tenant: UUID) -> None:
    ids = [await _start(pool, tenant, mode=mode) for mode in ("daily", "manual", "test", "manual", "daily")]
    await _start(pool, await new_tenant(pool))
    async with transaction(pool, tenant) as tx:
        first = await runs.list_(tx, tenant, limit=2)
        rest = await runs.list_(tx, tenant, before=first[-1].id)
        assert [r.id for r in (*first, *rest)] == ids[::-1]
        assert [r.id for r in await runs.list_(tx, tenant, mode="daily")] == [ids[4], ids[0]]
        assert await runs.list_(tx, tenant, statuses=["completed"]) == []
    async with transaction(pool, None, role=DbRole.APP) as tx:
        assert await runs.list_(tx, tenant) == []
