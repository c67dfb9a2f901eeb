"""The story of a run: its timeline, what it read, and whether it adds up (B.01, B.02)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.runs import Inspection, Moment, RunCheck, RunView, Timeline, VendorCallView
from db import ledger, paging, runs
from db.sql import load
from db.transaction import Tx

SQL = load("story")


async def timeline(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    *,
    limit: int = 500,
    since: datetime = paging.FIRST_AT,
    until: datetime = paging.LAST_AT,
) -> Timeline | None:
    """What happened to a run, oldest first, at most `limit` moments; None for an unknown run.

    With `since` and `until` only what lies between them, in part at least.
    """
    run = await runs.show(tx, tenant, run_id)
    if run is None:
        return None
    rows = await tx.fetch(SQL["moments"], tenant, run_id, limit + 1, since, until)
    return Timeline(run=run, moments=[Moment(**dict(r)) for r in rows[:limit]], truncated=len(rows) > limit)


async def inspect(tx: Tx, tenant: UUID, run_id: UUID) -> Inspection | None:
    """Everything a run read and did, with what is unusual in words."""
    run = await runs.show(tx, tenant, run_id)
    if run is None:
        return None
    calls = [VendorCallView(**c) for c in await ledger.calls_of_run(tx, tenant, run_id)]
    jobs = {r["state"]: r["n"] for r in await tx.fetch(SQL["jobs_by_state"], tenant, run_id)}
    records = {r["status"]: r["n"] for r in await tx.fetch(SQL["records_by_status"], tenant, run_id)}
    return Inspection(run=run, vendor_calls=calls, jobs=jobs, records=records, findings=_unusual(run, calls, jobs))


def _unusual(run: RunView, calls: list[VendorCallView], jobs: dict[str, int]) -> list[str]:
    found = [
        f"{s.channel} «{s.query}» ended in {s.state}: {s.error or s.stop_reason}" for s in run.slices or () if s.error
    ]
    lost = [c for c in calls if c.state == "forfeited"]
    if lost:
        found.append(f"{len(lost)} paid calls got no answer; they count as spent and are not sent again by themselves")
    if waiting := jobs.get("waiting"):
        found.append(
            f"{waiting} jobs wait for their next attempt; `headwater outbox list --type Redelivery` says until when"
        )
    if dead := jobs.get("dead", 0) + jobs.get("quarantined", 0):
        found.append(
            f"{dead} jobs gave up; `headwater jobs list --run {run.id}` names them, `headwater jobs retry ID` tries again"
        )
    return found


async def verify(tx: Tx, tenant: UUID, run_id: UUID) -> RunCheck | None:
    """Was anything of this run lost or done twice? Counts on both sides of every hop must agree."""
    run = await runs.show(tx, tenant, run_id)
    row = await tx.fetchrow(SQL["check"], tenant, run_id)
    if run is None or row is None:
        return None
    lost, doubled = _lost(run, row), _doubled(run, row)
    findings = [text for _, text in (*lost, *doubled)]
    return RunCheck(
        ok=not findings,
        run_id=run_id,
        status=run.status,
        events=row["events"],
        jobs=row["jobs"],
        lost=sum(n for n, _ in lost),
        doubled=sum(n for n, _ in doubled),
        findings=findings,
    )


def _lost(run: RunView, row: Any) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if n := row["events_without_job"]:
        found.append((n, f"{n} events were sent without a job or an absorbing execution"))
    if row["open_slices"] != run.open_slices:
        found.append(
            (
                abs(row["open_slices"] - run.open_slices),
                f"{row['open_slices']} slices are open, the run counts {run.open_slices}",
            )
        )
    if run.status.ended and row["open_slices"]:
        found.append((row["open_slices"], f"the run has ended with {row['open_slices']} slices open"))
    if run.dry_run or run.kind != "discovery":
        return found
    for what, counted, stored in _sides(run, row):
        if counted > stored:
            found.append((counted - stored, f"{counted} {what} are counted but only {stored} are stored"))
    return found


def _doubled(run: RunView, row: Any) -> list[tuple[int, str]]:
    names = {
        "doubled_jobs": "jobs exist twice",
        "doubled_leads": "companies have two leads",
        "paid_twice": "vendor items were paid twice",
    }
    found = [(row[key], f"{row[key]} {text}") for key, text in names.items() if row[key]]
    if not run.dry_run and run.kind == "discovery":
        for what, counted, stored in _sides(run, row):
            if stored > counted:
                found.append((stored - counted, f"{stored} {what} are stored but only {counted} are counted"))
    return found


def _sides(run: RunView, row: Any) -> list[tuple[str, int, int]]:
    return [
        ("records", row["found"], row["records"]),
        ("companies", run.counts.companies_created, row["companies"]),
        ("leads", run.counts.leads_created, row["leads"]),
        ("lead events", row["leads"], row["lead_events"]),
    ]
