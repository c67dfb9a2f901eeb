"""What people say became of a lead. Labels are made of it by a job; see `db.labels`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotFound
from contracts.events import FeedbackGiven
from contracts.learning import FeedbackRow, GiveFeedback
from db import entities, merges, outbox
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("feedback")


async def give(tx: Tx, tenant: UUID, lead_id: UUID, body: GiveFeedback, *, by: str) -> tuple[FeedbackRow, bool]:
    """Store feedback and its event in the caller's transaction. Returns (it, is it new).

    What is said of a lead that was merged into another is said of that other; what was said before the merge is not said twice.

    Raises: NotFound (`lead_not_found`); Invalid (`bad_times`); Conflict (`source_event_reused`): it said something else before.
    """
    lead_id, family = await _standing(tx, tenant, lead_id)
    today = await now(tx)
    known = body.known_at or today
    happened = body.event_at or known
    if happened > known or known > today:
        raise Invalid("event_at must not be after known_at, nor known_at after now: check the dates", code="bad_times")
    (feedback_id,) = await entities.new_ids(tx, 1)
    source_event = body.source_event or f"feedback:{feedback_id}"
    said = len(family) > 1 and await tx.fetchval(SQL["same"], tenant, family, body.source, source_event)
    given = None if said else await tx.fetchval(
        SQL["give"], tenant, feedback_id, lead_id, body.verdict, happened, known, body.source, source_event, body.note,
        body.weight, by,
    )  # fmt: skip
    if given is None:
        row = await tx.fetchrow(SQL["same"], tenant, family, body.source, source_event)
        first = FeedbackRow.model_validate(dict(row or {}))
        if first.verdict != body.verdict or (body.event_at is not None and body.event_at != first.event_at):
            raise Conflict(
                f"source event {source_event!r} has said {first.verdict} already: give another source_event",
                code="source_event_reused",
            )
        return first, False
    await outbox.emit(tx, tenant, FeedbackGiven(lead_id=lead_id, feedback_id=feedback_id))
    await audit(tx, tenant, by, "lead.feedback", "lead", str(lead_id), {"verdict": body.verdict})
    found = await show(tx, tenant, feedback_id)
    assert found is not None
    return found, True


async def now(tx: Tx) -> datetime:
    """The database's clock (law 8)."""
    found: datetime = await tx.fetchval(SQL["now"])
    return found


async def show(tx: Tx, tenant: UUID, feedback_id: UUID) -> FeedbackRow | None:
    row = await tx.fetchrow(SQL["show"], tenant, feedback_id)
    return FeedbackRow.model_validate(dict(row)) if row else None


async def list_(
    tx: Tx, tenant: UUID, lead_id: UUID, *, before: UUID | None = None, limit: int = 50
) -> list[FeedbackRow]:
    """What was said about a lead, newest first. Raises: NotFound (`lead_not_found`)."""
    _, family = await _standing(tx, tenant, lead_id)
    rows = await tx.fetch(SQL["list"], tenant, family, before or LAST_UUID, limit)
    return [FeedbackRow.model_validate(dict(r)) for r in rows]


async def _standing(tx: Tx, tenant: UUID, lead_id: UUID) -> tuple[UUID, list[UUID]]:
    """(the lead that stands for this one, all that were merged into it and itself)."""
    standing = await merges.lead_root(tx, tenant, lead_id)
    if standing is None:
        raise NotFound(f"no lead {lead_id}", code="lead_not_found")
    return standing, await merges.lead_family(tx, tenant, standing)
