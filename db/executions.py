"""Looking into jobs and mending them: lists, one execution, what an event led to; retry and cancel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.executions import (
    AttemptRow,
    DeadLetterPage,
    DeadLetterRow,
    ExecutionDetail,
    ExecutionFilter,
    ExecutionPage,
    ExecutionRow,
    VendorCallRow,
)
from contracts.jobs import JobState
from contracts.outbox import CausedExecution, EventDetail, Produced
from db import enrichments, ids, jobs, paging, reports, runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("executions")
#: Which index a filter can use; the first that fits is taken, the rest is sifted.
BY_EVENT = "AND e.event_id = $8"
BY_RUN = "AND e.run_id = $7"
BY_TIME = "AND e.id >= $9"
BY_DEAD_LETTER = (
    "AND e.id = ANY(ARRAY(SELECT d.execution_id FROM app.dead_letters d WHERE d.tenant_id = t.tenant_id "
    "AND d.resolved_at IS NULL AND d.kind = 'job' ORDER BY d.id DESC LIMIT 10000))"
)
_WHY_NOT = {
    JobState.QUEUED: "it stands in the queue and will run; nothing to retry",
    JobState.RUNNING: "wait for it, or cancel it first",
    JobState.WAITING: "its next attempt is due by itself; see headwater jobs show",
    JobState.DONE: "it succeeded; to do the work again, start a new run",
    JobState.SUPERSEDED: "a younger job of the same key took its place",
}
#: Jobs that begin or end a run or a slice of it, and do nothing once that is over.
_OF_A_RUN = (
    "discovery.", "nightly.", "opportunities.", "replay.", "accounts.", "analytics.rollup", "model.train", "staging.pull",
)  # fmt: skip
_KEY: dict[str, tuple[type, ...]] = {"jobs": (UUID,)}
_LETTER_KEY: dict[str, tuple[type, ...]] = {"dead": (UUID,)}


async def list_executions(
    tx: Tx, tenants: Sequence[UUID], asked: ExecutionFilter, *, limit: int = 50, cursor: str | None = None
) -> ExecutionPage:
    """One page, newest first. Those that gave up are found through their open dead letters.

    Raises: Invalid for a cursor that is not ours.
    """
    states = asked.states()
    if states == []:
        return ExecutionPage(items=[])
    before: UUID = paging.decode(cursor, _KEY)[1][0] if cursor else paging.LAST_UUID
    if asked.until is not None:
        before = min(before, ids.first_of(asked.until))
    since = ids.first_of(asked.since or paging.FIRST_AT)
    path = ""
    if asked.event_id is not None:
        path = BY_EVENT
    elif asked.run_id is not None:
        path = BY_RUN
    elif states is not None and set(states) <= {"dead", "quarantined"}:
        path = BY_DEAD_LETTER
    elif asked.since is not None:
        path = BY_TIME
    sifting = states is not None or asked.job is not None or asked.event_id is not None
    look = paging.look(len(tenants), limit + 1, sifting=sifting)
    await paging.steady(tx)
    query = SQL["list"].replace("/* path */", path)
    rows = await tx.fetch(
        query, list(tenants), before, look, limit + 1, asked.job, states, asked.run_id, asked.event_id, since
    )
    found, following = _page(rows, "jobs", limit)
    return ExecutionPage(items=[ExecutionRow.model_validate(dict(r)) for r in found], next_cursor=following)


async def list_dead_letters(
    tx: Tx, tenants: Sequence[UUID], *, kind: str | None = None, limit: int = 50, cursor: str | None = None
) -> DeadLetterPage:
    """One page of unanswered dead letters, newest first. Raises: Invalid for a cursor that is not ours."""
    before = paging.decode(cursor, _LETTER_KEY)[1][0] if cursor else paging.LAST_UUID
    look = paging.look(len(tenants), limit + 1, sifting=kind is not None)
    await paging.steady(tx)
    rows = await tx.fetch(SQL["dead_letters"], list(tenants), before, look, limit + 1, kind)
    found, following = _page(rows, "dead", limit)
    return DeadLetterPage(items=[DeadLetterRow.model_validate(dict(r)) for r in found], next_cursor=following)


def _page(rows: Sequence[Any], section: str, limit: int) -> tuple[list[Any], str | None]:
    found = [row for row in rows if row["id"] is not None]
    if len(found) > limit:
        return found[:limit], paging.encode(section, found[limit - 1]["id"])
    edge = rows[0]["edge_id"]
    return found, None if edge is None else paging.encode(section, edge)


async def show_execution(tx: Tx, tenants: Sequence[UUID], execution_id: UUID) -> ExecutionDetail:
    """One execution with arguments, attempts, vendor calls, progress and result; also by the id of an event that led to one.

    Raises: NotFound, also for another tenant's; Conflict (code `several_jobs`) for an event that led to more than one.
    """
    row = await tx.fetchrow(SQL["show"], list(tenants), execution_id)
    asked_by = None if row is not None else execution_id
    if row is None:
        row = await _led_to(tx, tenants, execution_id)
    tenant, found = row["tenant_id"], row["id"]
    attempts, calls = await _history(tx, tenant, [found])
    said = (await reports.of(tx, tenant, [found])).get(found, {})
    absorbed = await tx.fetchval(SQL["absorbed_by"], tenant, found)
    known = {**dict(row), **said, "attempts": attempts[found], "vendor_calls": calls[found]}
    return ExecutionDetail.model_validate({**known, "absorbed": absorbed, "asked_by": asked_by})


async def _led_to(tx: Tx, tenants: Sequence[UUID], event_id: UUID) -> Any:
    """The one execution that an event made, or that absorbed it."""
    rows = await tx.fetch(SQL["led_to"], list(tenants), event_id)
    if not rows:
        raise NotFound(f"there is no job {event_id}: list them with GET /v1/jobs or `headwater jobs list`")
    if len(rows) > 1:
        names = ", ".join(f"{row['job']} {row['id']}" for row in rows)
        raise Conflict(f"event {event_id} led to {len(rows)} jobs: {names}; show one of them", code="several_jobs")
    return rows[0]


async def caused_by(tx: Tx, event: EventDetail) -> list[CausedExecution]:
    """The executions an event led to, with attempts, vendor calls and what they wrote."""
    again = event.aggregate_id if event.type == "Redelivery" else None
    rows = await tx.fetch(SQL["caused"], event.tenant_id, event.event_id, again)
    attempts, calls = await _history(tx, event.tenant_id, [row["id"] for row in rows])
    said = await reports.of(tx, event.tenant_id, [row["id"] for row in rows])
    caused = []
    for row in rows:
        produced = await _produced(tx, event.tenant_id, row["job"], row["payload"])
        known = {**dict(row), "attempts": attempts[row["id"]], "vendor_calls": calls[row["id"]], "produced": produced}
        caused.append(CausedExecution.model_validate({**known, **said.get(row["id"], {})}))
    return caused


async def _history(
    tx: Tx, tenant: UUID, ids: list[UUID]
) -> tuple[dict[UUID, list[AttemptRow]], dict[UUID, list[VendorCallRow]]]:
    attempts: dict[UUID, list[AttemptRow]] = defaultdict(list)
    calls: dict[UUID, list[VendorCallRow]] = defaultdict(list)
    for row in await tx.fetch(SQL["attempts"], tenant, ids):
        attempts[row["execution_id"]].append(AttemptRow.model_validate(dict(row)))
    for row in await tx.fetch(SQL["vendor_calls"], tenant, ids):
        calls[row["execution_id"]].append(VendorCallRow.model_validate(dict(row)))
    return attempts, calls


async def _produced(tx: Tx, tenant: UUID, job: str, payload: dict[str, Any]) -> list[Produced]:
    """Rows found by what the arguments name; jobs that write elsewhere show nothing here."""
    if job == "discovery.run":
        rows = await tx.fetch(SQL["slices"], tenant, UUID(payload["runId"]))
        ids = [i for row in rows for i in row["ids"]][:20]
        by_status = {row["status"]: row["count"] for row in rows}
        return [Produced(kind="slices", count=sum(by_status.values()), by_status=by_status, ids=ids)] if rows else []
    if job == "discovery.fetch":
        page = (UUID(payload["runId"]), UUID(payload["sliceId"]), payload["page"])
        rows = await tx.fetch(SQL["records"], tenant, *page)
        by_status = {row["status"]: row["count"] for row in rows}
        leads = [i for row in rows for i in row["lead_ids"] or []]
        written = [Produced(kind="source_records", count=sum(by_status.values()), by_status=by_status)] if rows else []
        if leads:
            written.append(Produced(kind="leads", count=sum(row["leads"] for row in rows), ids=leads[:20]))
        return written
    return []


async def retry_execution(tx: Tx, tenants: Sequence[UUID], execution_id: UUID, by: str) -> ExecutionDetail:
    """Deliver a job that gave up or was cancelled once more, now; its run takes it back. `by` stands in the audit row.

    Raises: NotFound, also for another tenant's; Conflict in any other state, or when its run has gone on without it.
    """
    before = await show_execution(tx, tenants, execution_id)
    tenant = before.tenant_id
    await again(tx, tenant, before.id, before.job, before.run_id, before.payload, by, state=before.state)
    detail = {"job": before.job, "state": before.state.value}
    await audit(tx, tenant, by, "job.retry", "job", str(execution_id), detail, before.correlation_id)
    return await show_execution(tx, [tenant], execution_id)


async def again(
    tx: Tx,
    tenant: UUID,
    execution_id: UUID,
    job: str,
    run_id: UUID | None,
    payload: dict[str, Any],
    by: str,
    *,
    when: datetime | None = None,
    state: JobState = JobState.DEAD,
) -> None:
    """Deliver a job that was given up once more, at `when` (None = now); its run takes it back. `state`: as it was read.

    Raises: Conflict when it is not given up any more, when its key is taken, or when its run has gone on without it.
    """
    if await jobs.revive(tx, tenant, execution_id, by, when=when) is None:
        why = _WHY_NOT.get(state, "somebody else retried it just now")
        raise Conflict(f"job {execution_id} is {state.value}: {why}", state=state.value)
    if job == "enrichment.run":
        await enrichments.reopen(tx, tenant, UUID(payload["leadId"]), payload["cause"])
    if run_id is not None and job.startswith(_OF_A_RUN):
        slice_id = payload.get("sliceId")
        if not await runs.reopen_for_retry(tx, tenant, run_id, UUID(slice_id) if slice_id else None):
            step = f"see headwater runs show {run_id}, and start a new run for what is missing"
            raise Conflict(f"run {run_id} has gone on without job {execution_id}: {step}", state=state.value)


async def cancel_execution(tx: Tx, tenants: Sequence[UUID], execution_id: UUID, by: str) -> ExecutionDetail:
    """Ask an unfinished job to stop: a running one within a second, a waiting one when it is due. Again is no error.

    Raises: NotFound, also for another tenant's; Conflict when it is over.
    """
    before = await show_execution(tx, tenants, execution_id)
    tenant, execution_id = before.tenant_id, before.id
    if await jobs.request_cancel(tx, tenant, execution_id) is None:
        state = (await show_execution(tx, [tenant], execution_id)).state.value
        raise Conflict(f"job {execution_id} is {state}: there is nothing left to cancel", state=state)
    if before.cancel_requested_at is None:
        detail = {"job": before.job, "state": before.state.value}
        await audit(tx, tenant, by, "job.cancel", "job", str(execution_id), detail, before.correlation_id)
    return await show_execution(tx, [tenant], execution_id)


async def dismiss(tx: Tx, tenants: Sequence[UUID], what: UUID, by: str) -> int:
    """Answer the dead letters of an event or a job without another try: what its ordering key holds back goes on. Gives how many.

    Raises: NotFound, also for another tenant's, and when there is no open one.
    """
    rows = await tx.fetch(SQL["dismiss"], list(tenants), what, by)
    if not rows:
        raise NotFound(f"no dead letter of event or job {what} waits for an answer: headwater jobs list --dead-letters")
    for row in rows:
        detail = {"kind": row["kind"], "name": row["name"]}
        await audit(
            tx, row["tenant_id"], by, "dead_letter.dismiss", row["kind"], str(what), detail, row["correlation_id"]
        )
    return len(rows)
