"""Runs: asked for, begun, ended. Each way in and each way out is one function here; their parts are `db.slices`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.events import MatchingRequested, RunFinished, RunRequested
from contracts.outcomes import Outcome, outcome, stats
from contracts.providers import Channel
from contracts.runs import DEFAULT_QUERIES, Counts, CreateRun, RunKind, RunParams, RunStatus, RunView, SliceView
from contracts.settings import Settings
from db import idempotency as idempotency_keys
from db import jobs, outbox, quotas, vendors
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("runs")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands. `expired`: its time budget is spent."""

    status: RunStatus
    mode: str
    expired: bool
    created_companies: int
    discovered: int
    params: RunParams


def params_of(body: CreateRun, settings: Settings, *, queries: Sequence[str] = DEFAULT_QUERIES) -> RunParams:
    """Freeze what was asked for together with what the settings say about the rest."""
    return RunParams(
        channels=body.chosen_channels(tuple(Channel(c) for c in settings.discovery_channels)),
        queries=tuple(body.queries or queries),
        max_companies=body.max_companies or settings.discovery_max_companies_per_run,
        max_queries=body.max_queries or settings.discovery_max_queries,
        max_runtime_seconds=body.max_runtime_seconds or settings.discovery_max_runtime_seconds,
        page_size=settings.discovery_page_size,
        limit=body.limit,
        cursor=body.cursor,
        icp_profile_id=body.icp_profile_id,
    )


async def start(
    tx: Tx,
    tenant: UUID,
    params: RunParams,
    *,
    mode: str,
    dry_run: bool,
    triggered_by: str,
    kind: RunKind = "discovery",
    requested_by: str | None = None,
    occurrence_key: str | None = None,
    idempotency: tuple[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[UUID, bool]:
    """Write a run and its event in the caller's transaction. Returns (id, is it new).

    The second start of one occurrence, or under one idempotency (key, body), hands back the first run and emits nothing.
    Raises: Conflict (code `idempotency_key_reused`) when the key was used with another body; Throttled (code `run_quota`).
    """
    run_id: UUID | None = None
    if idempotency is not None:
        run_id = await tx.fetchval(SQL["new_id"])
        assert run_id is not None
        subject = await idempotency_keys.claim(tx, tenant, f"{kind}.runs", *idempotency, run_id)
        if subject != run_id:
            return subject, False
    body = params.model_dump(mode="json")
    row = await tx.fetchrow(
        SQL["start"], tenant, run_id, kind, mode, dry_run, triggered_by, requested_by, occurrence_key, body
    )
    if row is None:
        first: UUID = await tx.fetchval(SQL["by_occurrence"], tenant, kind, occurrence_key)
        return first, False
    if row["most"] is not None and triggered_by not in quotas.PLANNED:
        await quotas.was_granted(tx, tenant, row["most"])
    run_id = row["id"]
    event = RunRequested(run_id=run_id, kind=kind, dry_run=dry_run, job=params.job)
    await outbox.emit(tx, tenant, event, correlation_id=run_id, headers=headers)
    return run_id, True


def _standing(row: Any) -> Standing:
    return Standing(
        RunStatus(row["status"]),
        row["mode"],
        bool(row["expired"]),
        row["created_companies_count"],
        row["discovered_count"],
        RunParams.model_validate(row["params"]),
    )


async def peek(tx: Tx, tenant: UUID, run_id: UUID) -> Standing | None:
    """Where a run stands, for a job's load beat."""
    row = await tx.fetchrow(SQL["peek"], tenant, run_id)
    return _standing(row) if row else None


async def lock(tx: Tx, tenant: UUID, run_id: UUID) -> Standing | None:
    """The same under the run's row lock, held until the transaction ends: writers of one run take turns."""
    row = await tx.fetchrow(SQL["lock"], tenant, run_id)
    return _standing(row) if row else None


async def yield_early(tx: Tx) -> None:
    """For the rest of the transaction, wait for locks only as long as no real run can suffer from it (raises CONTENTION)."""
    await tx.execute(SQL["yield_early"])


async def begin(tx: Tx, tenant: UUID, run_id: UUID, budget_s: float) -> bool:
    """pending -> running, with a deadline `budget_s` seconds from now. False: it is not pending."""
    return await tx.fetchval(SQL["begin"], tenant, run_id, budget_s) is not None


async def end(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    ended: Outcome | None = None,
    *,
    late: bool = False,
    also: Mapping[str, Any] | None = None,
) -> RunStatus | None:
    """End a run: by the rules over its slices (`late`: and its spent time), or as told. None: it had ended before.

    `also`: further members of its stats.
    """
    run = await show(tx, tenant, run_id)
    if run is None or run.status.ended:
        return None
    slices = run.slices or []
    ended = ended or outcome(run.counts, slices, cancelled=False, late=late)
    return await _finish(tx, tenant, run, slices, ended, also)


async def end_rehearsed(tx: Tx, tenant: UUID, run_id: UUID, seen: RunView) -> RunStatus | None:
    """End a dry run with what its rehearsal, rolled back since, had counted."""
    run = await show(tx, tenant, run_id)
    if run is None or run.status.ended:
        return None
    c = seen.counts
    await tx.execute(
        SQL["dry_counts"], tenant, run_id, c.discovered, c.after_dedupe, c.companies_created, c.companies_skipped,
        c.contacts_created, c.contacts_skipped, c.leads_created, c.leads_skipped, c.errors,
    )  # fmt: skip
    slices = seen.slices or []
    rehearsed = run.model_copy(update={"counts": c})
    return await _finish(tx, tenant, rehearsed, slices, outcome(c, slices, cancelled=False))


async def _finish(
    tx: Tx,
    tenant: UUID,
    run: RunView,
    slices: Sequence[SliceView],
    ended: Outcome,
    also: Mapping[str, Any] | None = None,
) -> RunStatus | None:
    params, run_id = RunParams.model_validate(run.params), run.id
    body = stats(params, run.counts, slices, ended, run.duration_s or 0.0) | dict(also or {})
    done = await tx.fetchval(
        SQL["finish"], tenant, run_id, ended.status, ended.error_code, ended.error, ended.stop_reason, body
    )
    if done is None:
        return None
    kind: Literal["opportunities"] | None = "opportunities" if run.kind == "opportunities" else None
    event = RunFinished(run_id=run_id, status=ended.status.value, kind=kind)
    await outbox.emit(tx, tenant, event, correlation_id=run_id)
    if run.kind == "discovery" and not run.dry_run and run.counts.companies_created:
        # Work of the tenant and not of the run: it can be neither cancelled nor counted with it.
        await outbox.emit(tx, tenant, MatchingRequested(for_tenant=tenant))
    return ended.status


async def cancel(tx: Tx, tenant: UUID, run_id: UUID, *, by: str) -> RunStatus:
    """Cancel a run now: its slices close, its jobs are told, its writers will find it ended and roll back.

    Raises: NotFound; Conflict when it has ended already.
    """
    await jobs.request_cancel_run(tx, tenant, run_id)  # executions before the run: the order of every writer
    standing = await lock(tx, tenant, run_id)
    if standing is None:
        raise NotFound(f"no run {run_id}", code="run_not_found")
    if standing.status is RunStatus.CANCELLED:
        return standing.status
    if standing.status.ended:
        raise Conflict(
            f"the run is already {standing.status}; only pending and running runs can be cancelled", code="run_ended"
        )
    await tx.execute(SQL["close_open_slices"], tenant, run_id, "cancelled", "cancelled")
    await end(tx, tenant, run_id, Outcome(RunStatus.CANCELLED, stop_reason="cancelled"))
    await audit(tx, tenant, by, "run.cancelled", "run", str(run_id))
    return RunStatus.CANCELLED


async def expire(tx: Tx, tenant: UUID, run_id: UUID) -> RunStatus | None:
    """End an overdue run whose slices nobody closes: its time budget is spent (R5)."""
    standing = await lock(tx, tenant, run_id)
    if standing is None or standing.status.ended:
        return None
    await tx.execute(SQL["close_open_slices"], tenant, run_id, "error", "time_budget")
    return await end(tx, tenant, run_id, late=True)  # a dry run has no slices that could tell


async def overdue(tx: Tx, grace_s: float) -> list[tuple[UUID, UUID]]:
    """(tenant, run) of runs more than `grace_s` seconds past their deadline. System role."""
    return [(r["tenant_id"], r["id"]) for r in await tx.fetch(SQL["overdue"], grace_s)]


async def reopen_for_retry(tx: Tx, tenant: UUID, run_id: UUID, slice_id: UUID | None) -> bool:
    """Before a dead discovery job is retried: reopen its slice, or its run when it never got to plan. False: nothing to reopen."""
    if slice_id is not None:
        return await tx.fetchval(SQL["reopen"], tenant, slice_id, run_id) is not None
    return await tx.fetchval(SQL["restart"], tenant, run_id) is not None


def _view(row: Any, slices: list[SliceView] | None = None) -> RunView:
    counts = Counts(
        discovered=row["discovered_count"],
        after_dedupe=row["deduped_count"],
        companies_created=row["created_companies_count"],
        companies_skipped=row["skipped_companies_count"],
        contacts_created=row["created_contacts_count"],
        contacts_skipped=row["skipped_contacts_count"],
        leads_created=row["created_leads_count"],
        leads_skipped=row["skipped_leads_count"],
        errors=row["error_count"],
        api_calls=row["api_calls_made"],
    )
    named = {k: v for k, v in dict(row).items() if k in RunView.model_fields}
    return RunView.model_validate({**named, "counts": counts, "slices": slices})


async def show(tx: Tx, tenant: UUID, run_id: UUID, *, costs: bool = False) -> RunView | None:
    """One run with its slices; `costs`: and what it spent."""
    row = await tx.fetchrow(SQL["show"], tenant, run_id)
    if row is None:
        return None
    slices = [SliceView.model_validate(dict(s)) for s in await tx.fetch(SQL["slices"], tenant, run_id)]
    spent = await vendors.spent(tx, tenant, run_id) if costs else None
    return _view(row, slices).model_copy(update={"spent": spent})


async def show_new(tx: Tx, tenant: UUID, run_id: UUID) -> RunView:
    """One that this transaction has started: it has no slices yet, and spent nothing."""
    return _view(await tx.fetchrow(SQL["show"], tenant, run_id), []).model_copy(update={"spent": []})


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    statuses: Sequence[str] | None = None,
    mode: str | None = None,
    dry_run: bool | None = None,
    kind: str | None = None,
    limit: int = 50,
) -> list[RunView]:
    """Runs, newest first; `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before, list(statuses) if statuses else None, mode, dry_run, kind, limit)
    return [_view(r) for r in rows]


async def last_success(tx: Tx, tenant: UUID, kind: str = "discovery") -> tuple[UUID, datetime] | None:
    """The newest completed run and when it completed; None when there is none (S1.03)."""
    row = await tx.fetchrow(SQL["last_success"], tenant, kind)
    return (row["id"], row["completed_at"]) if row else None


async def clean(tx: Tx, tenant: UUID, days: int = 90) -> int:
    """Delete ended runs created more than `days` days ago (S1.06). Returns how many."""
    status: str = await tx.execute(SQL["clean"], tenant, days)
    return int(status.rsplit(" ", 1)[-1])
