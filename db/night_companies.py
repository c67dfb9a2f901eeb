"""How far the companies of a night came: begun, enriched, scored, pushed, each in the transaction of the job that did it.

A company is a slice of its night. Every way a job of it can end leads to `_end`, which lets the next company begin and closes the
slice; the last one ends the run. Whoever writes for a night holds its run first (law 7), so that its companies take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.crm import PushOutcome
from contracts.events import CrmSyncRequested, EnrichmentRequested, FeaturesRequested
from contracts.nights import DONE, OF_ENRICHMENT, PER_COMPANY, Marks, Step, all_skipped, cause_of, night_of
from contracts.runs import RunStatus
from db import crm, crm_connections, crm_syncs, outbox, runs, slices
from db.slices import SliceEnd
from db.sql import load
from db.transaction import Tx

SQL = load("night_companies")


@dataclass(frozen=True, slots=True)
class Night:
    """A night under way, its run locked. `skip`: steps that were switched off."""

    run_id: UUID
    skip: tuple[Step, ...]


async def skipped(tx: Tx, tenant: UUID, cause: str | None) -> tuple[Step, ...]:
    """The steps that the night behind a cause leaves out, for a load beat; none where there is no night."""
    run_id = night_of(cause)
    standing = await runs.peek(tx, tenant, run_id) if run_id is not None else None
    return standing.params.nightly.skip if standing is not None and standing.params.nightly is not None else ()


async def hold(tx: Tx, tenant: UUID, cause: str | None) -> Night | None:
    """Lock the night a job works for, before any other row. None: nobody's, or one that is over."""
    run_id = night_of(cause)
    standing = await runs.lock(tx, tenant, run_id) if run_id is not None else None
    if (
        run_id is None
        or standing is None
        or standing.status is not RunStatus.RUNNING
        or standing.params.nightly is None
    ):
        return None
    return Night(run_id, standing.params.nightly.skip)


async def begin_next(tx: Tx, tenant: UUID, run_id: UUID, count: int) -> int:
    """Let the next companies begin, at most `count`; returns how many there were. The run must be locked."""
    rows = sorted(await tx.fetch(SQL["begin_next"], tenant, run_id, count), key=lambda r: int(r["place"]))
    cause = cause_of(run_id)
    events = [
        EnrichmentRequested(lead_id=r["lead_id"], icp_profile_id=r["icp_profile_id"], cause=cause)
        if r["stage"] == "enriching"
        else FeaturesRequested(lead_id=r["lead_id"], cause=cause)
        for r in rows
    ]
    await outbox.emit_many(tx, tenant, events, correlation_id=run_id)
    return len(rows)


async def enriched(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, marks: Marks) -> None:
    """Steps 4 to 7 are over; `LeadEnriched`, emitted beside, leads on."""
    await tx.execute(SQL["enriched"], tenant, night.run_id, lead_id, marks, None)


async def enrichment_failed(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, error_code: str) -> None:
    """The enrichment was given up: the lead is scored by what is known, and its slice will say why it is in error."""
    marks = all_skipped(OF_ENRICHMENT, "failed")
    if await tx.fetchval(SQL["enriched"], tenant, night.run_id, lead_id, marks, error_code) is not None:
        event = FeaturesRequested(lead_id=lead_id, cause=cause_of(night.run_id))
        await outbox.emit(tx, tenant, event, correlation_id=night.run_id)


async def scored(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, mark: str, prediction_id: UUID | None) -> None:
    """Step 8 is over. The CRM is asked to take the lead, or the company has come to its end, with the reason."""
    if await tx.fetchval(SQL["scored"], tenant, night.run_id, lead_id, {"scoring": mark}, prediction_id) is None:
        return
    why = "asked" if "crm_push" in night.skip else await _why_not(tx, tenant, lead_id)
    if why is not None:
        await _end(tx, tenant, night.run_id, lead_id, {"crm_push": why}, "done")
        return
    event = CrmSyncRequested(lead_id=lead_id, cause=cause_of(night.run_id), run_id=night.run_id)
    await outbox.emit(tx, tenant, event, correlation_id=night.run_id)


async def _why_not(tx: Tx, tenant: UUID, lead_id: UUID) -> str | None:
    connection = await crm_connections.show(tx, tenant)
    subject = (await crm.subjects(tx, tenant, [lead_id])).get(lead_id)
    if subject is None:
        return "lead_gone"
    policy = await crm_connections.policy(tx, tenant)
    return crm_syncs.why_not(subject, connection.enabled if connection else None, policy, force=False)


async def pushed(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, outcome: PushOutcome, reason: str | None) -> None:
    """Step 9 is over. A refusal of the CRM puts the company in error; all it has got stays."""
    mark = DONE if outcome == "done" else outcome if outcome in ("unchanged", "conflict") else (reason or outcome)[:100]
    error = "crm_push_failed" if outcome == "error" else None
    await _end(tx, tenant, night.run_id, lead_id, {"crm_push": mark}, "done", error)


async def give_up(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, reason: str, *, state: SliceEnd = "error") -> None:
    """Nothing more will come of a company: what it has not done is skipped, with the reason."""
    await _end(tx, tenant, night.run_id, lead_id, {}, state, reason if state != "done" else None, rest=reason)


async def _end(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    lead_id: UUID,
    marks: Marks,
    state: SliceEnd,
    error_code: str | None = None,
    *,
    rest: str = "failed",
) -> None:
    left = all_skipped(PER_COMPANY, rest[:100])
    row = await tx.fetchrow(SQL["end"], tenant, run_id, lead_id, left, marks, error_code)
    if row is None:
        return
    await tell(tx, tenant, run_id, always=False)
    await begin_next(tx, tenant, run_id, 1)
    error = row["error_code"]
    end: SliceEnd = "error" if error and state == "done" else state
    await slices.close(
        tx, tenant, row["slice_id"], end, error_code=error, error=f"the company ended with {error}" if error else None
    )


async def tell(tx: Tx, tenant: UUID, run_id: UUID, steps: Sequence[Step] = PER_COMPANY, *, always: bool = True) -> None:
    """Write what the steps came to so far on the run's row, which must be locked.

    Not `always`: at the last company's end, and some fifty times before.
    """
    await tx.execute(SQL["tell"], tenant, run_id, list(steps), always)
