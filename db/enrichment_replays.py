"""Enrichments done again: whose, what vendors answered then, and what stands of it (B.03). Nobody is asked here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from contracts.errors import Conflict, NotFound
from contracts.events import FeaturesRequested, ReplayRequested
from contracts.run_replays import FACT, MOST_LEADS, Images, LeadNotReplayable, ReplayLeads, ScoredLead, StoredStep
from contracts.runs import RunParams
from db import idempotency as idempotency_keys
from db import outbox, run_replays, runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("enrichment_replays")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A lead with its newest completed enrichment; `site` is what that says of the company's site, {} where nobody looked."""

    lead_id: UUID
    status: str
    merged_into: UUID | None
    company: str
    enrichment_id: UUID | None
    site: dict[str, Any]


async def start(
    tx: Tx,
    tenant: UUID,
    body: ReplayLeads,
    *,
    by: str,
    triggered_by: str,
    idempotency: tuple[str, object] | None = None,
) -> UUID:
    """Write a replay and its event in the caller's transaction. Returns its run.

    Raises: NotFound (`lead_not_found`, `run_not_found`); Conflict (`nothing_to_replay`, `idempotency_key_reused`).
    """
    leads = await _leads(tx, tenant, body)
    replay_id: UUID = await tx.fetchval(runs.SQL["new_id"])
    if idempotency is not None:
        first = await idempotency_keys.claim(tx, tenant, "leads.replays", *idempotency, replay_id)
        if first != replay_id:
            return first
    params = RunParams(
        channels=(), queries=(), max_companies=1, max_queries=1, max_runtime_seconds=1800, page_size=1
    ).model_dump(mode="json")
    counters = {"leads": [str(lead) for lead in leads]}
    await tx.execute(SQL["start"], tenant, replay_id, not body.apply, triggered_by, by, params, counters)
    event = ReplayRequested(run_id=replay_id, apply=body.apply, of="enrichments")
    await outbox.emit(tx, tenant, event, correlation_id=replay_id)
    if body.apply:
        about = {"leads": len(leads), "run": str(body.run_id) if body.run_id else None}
        await audit(tx, tenant, by, "leads.replay", "run", str(replay_id), about, replay_id)
    return replay_id


async def _leads(tx: Tx, tenant: UUID, body: ReplayLeads) -> list[UUID]:
    if body.run_id is None:
        wanted = list(dict.fromkeys(body.lead_ids))
        known = {r["id"] for r in await tx.fetch(SQL["there"], tenant, wanted)}
        for lead in wanted:
            if lead not in known:
                raise NotFound(f"no lead {lead}: `headwater leads list` shows them", code="lead_not_found")
        return wanted
    if await tx.fetchval(SQL["run_exists"], tenant, body.run_id) is None:
        raise NotFound(f"no run {body.run_id}", code="run_not_found")
    found = [r["id"] for r in await tx.fetch(SQL["of_run"], tenant, body.run_id, MOST_LEADS + 1)]
    if not found:
        words = f"no lead of run {body.run_id} was enriched: `headwater runs replay` does the run itself again"
        raise Conflict(words, code="nothing_to_replay")
    if len(found) > MOST_LEADS:
        words = f"the run has more than {MOST_LEADS} enriched leads: name some of them"
        raise Conflict(words, code="too_many_leads")
    return found


async def asked(tx: Tx, tenant: UUID, replay_id: UUID) -> list[Chosen]:
    """Whose enrichments a replay does again, in the order of their companies; leads that are gone by now are left out."""
    leads = [UUID(each) for each in await tx.fetchval(SQL["asked"], tenant, replay_id) or ()]
    return [Chosen(**dict(r)) for r in await tx.fetch(SQL["chosen"], tenant, leads)]


async def steps(tx: Tx, tenant: UUID, enrichment_id: UUID) -> list[StoredStep]:
    """What became of each vendor that was asked, by field, in order."""
    return [_step(r) for r in await tx.fetch(SQL["steps"], tenant, enrichment_id)]


def _step(row: Any) -> StoredStep:
    said = row["said"]
    if said is not None:
        said = {**said, "said_at": datetime.fromisoformat(said["said_at"])}
    return StoredStep(row["field"], row["operation"], row["outcome"], row["request"] or {}, row["response"], said)


async def images(tx: Tx, tenant: UUID, company_id: UUID) -> Images:
    """What stands of a company, its people and its leads, with what each vendor says of them (`fact hunter.industry`)."""
    found = await run_replays.images(tx, tenant, [company_id])
    for row in await tx.fetch(SQL["facts"], tenant, company_id):
        image = found[row["kind"]].get(row["entity_id"])
        if image is not None:
            image.setdefault(f"{FACT}{row['vendor']}.{row['field']}", []).append(row["value"])
    return found


async def scored(tx: Tx, tenant: UUID, lead_id: UUID) -> ScoredLead | None:
    """The score that decides about a lead; its vector is left empty."""
    row = await tx.fetchrow(SQL["scored"], tenant, lead_id)
    return ScoredLead(**dict(row)) if row else None


@asynccontextmanager
async def savepoint(tx: Tx) -> AsyncIterator[None]:
    """What an error inside leaves behind is undone, and the transaction goes on; the error passes through."""
    await tx.execute("SAVEPOINT lead")
    try:
        yield
    except BaseException:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):  # the first error is the one to be heard
            await tx.execute("ROLLBACK TO SAVEPOINT lead")
        raise
    await tx.execute("RELEASE SAVEPOINT lead")


async def end(
    tx: Tx, tenant: UUID, replay_id: UUID, *, answers: int, gone: Sequence[LeadNotReplayable], changed: Sequence[UUID]
) -> None:
    """Write what a replay read again and what it could not, and have the leads looked at anew that it `changed`."""
    counters = {"pages": answers, "leads_not_replayable": [each.model_dump(mode="json") for each in gone]}
    await tx.execute(run_replays.SQL["count"], tenant, replay_id, counters)
    events = [FeaturesRequested(lead_id=lead, cause=f"replay:{replay_id}") for lead in changed]
    if events:
        await outbox.emit_many(tx, tenant, events, correlation_id=replay_id)
