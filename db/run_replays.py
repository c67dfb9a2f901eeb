"""Runs done again from stored answers (B.03): what they read then, what stands, what differs. Nobody is asked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.events import FeaturesRequested, ReplayRequested
from contracts.identity import Key
from contracts.run_replays import (
    INSTEAD,
    Difference,
    DifferenceCount,
    DifferenceKind,
    Images,
    LeadNotReplayable,
    NotReplayable,
    ReplayView,
    ScoredLead,
)
from contracts.runs import RunStatus, RunView
from db import idempotency as idempotency_keys
from db import outbox, runs
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("run_replays")
#: Not what anybody would call a difference.
_BOOKKEEPING = frozenset(
    {"id", "tenant_id", "created_at", "updated_at", "compared_at", "snapshot_id", "email_checked_at"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored page, in our words as it was read then."""

    slice_id: UUID | None
    page: int
    vendor: str
    response: Any


async def start(
    tx: Tx,
    tenant: UUID,
    run_id: UUID,
    *,
    apply: bool,
    by: str,
    triggered_by: str,
    idempotency: tuple[str, object] | None = None,
) -> UUID:
    """Write a replay and its event in the caller's transaction. Returns its run.

    Raises: NotFound; Conflict (code `run_not_ended`, `nothing_to_replay` or `idempotency_key_reused`). What is no run of stored
    answers is refused with what does the like.
    """
    found = await tx.fetchrow(SQL["subject"], tenant, run_id)
    if found is None:
        raise NotFound(f"no run {run_id}", code="run_not_found")
    if found["dry_run"] and found["kind"] != "replay":
        raise Conflict("a dry run wrote nothing: replay the real one", code="nothing_to_replay")
    if found["kind"] in INSTEAD:
        words = f"a run of kind {found['kind']} has no stored answers of its own: {INSTEAD[found['kind']]}"
        raise Conflict(words, code="nothing_to_replay")
    if not RunStatus(found["status"]).ended:
        raise Conflict(
            f"the run is {found['status']}: wait for its end, or cancel it, then replay it", code="run_not_ended"
        )
    replay_id: UUID = await tx.fetchval(runs.SQL["new_id"])
    if idempotency is not None:
        first = await idempotency_keys.claim(tx, tenant, "discovery.replays", *idempotency, replay_id)
        if first != replay_id:
            return first
    await tx.execute(SQL["start"], tenant, run_id, replay_id, not apply, triggered_by, by)
    of: Literal["opportunities"] | None = "opportunities" if found["kind"] == "opportunities" else None
    await outbox.emit(tx, tenant, ReplayRequested(run_id=replay_id, apply=apply, of=of), correlation_id=replay_id)
    if apply:
        await audit(tx, tenant, by, "run.replay", "run", str(run_id), {"replay": str(replay_id)}, replay_id)
    return replay_id


async def parent(tx: Tx, tenant: UUID, replay_id: UUID) -> UUID | None:
    """The run that a replay does again."""
    found: UUID | None = await tx.fetchval(SQL["parent"], tenant, replay_id)
    return found


async def answers(tx: Tx, tenant: UUID, run_id: UUID) -> list[Answer]:
    """What a run read, as far as it is still stored; an answer's cache lifetime does not matter."""
    return [Answer(**dict(r)) for r in await tx.fetch(SQL["answers"], tenant, run_id)]


async def order(tx: Tx, tenant: UUID, run_id: UUID) -> list[tuple[UUID, int]]:
    """(slice, page) of what a run committed, in that order. A page without hits is not among them."""
    return [(r["slice_id"], r["page"]) for r in await tx.fetch(SQL["committed"], tenant, run_id)]


async def made_before(tx: Tx, tenant: UUID, run_id: UUID) -> int:
    """How many companies there are that the run or one of its replays made."""
    return int(await tx.fetchval(SQL["made_before"], tenant, run_id))


async def family(tx: Tx, tenant: UUID, run_id: UUID, replay_id: UUID) -> list[UUID]:
    """The run and its other replays: their newest records say where a hit belongs."""
    return [r["id"] for r in await tx.fetch(SQL["family"], tenant, run_id, replay_id)]


async def lock_touched(tx: Tx, tenant: UUID, keys: Sequence[Key], runs_: Sequence[UUID]) -> list[UUID]:
    """Lock the companies that a replay can touch, in order. Returns their ids."""
    rows = await tx.fetch(SQL["touched"], tenant, list(runs_), [k.type for k in keys], [k.value for k in keys])
    ids = sorted(r["id"] for r in rows)
    await tx.fetch(SQL["lock_companies"], tenant, ids)
    return ids


async def lock_companies(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> None:
    """Keep companies to oneself until the end of the transaction."""
    await tx.fetch(SQL["lock_companies"], tenant, list(ids))


async def images(tx: Tx, tenant: UUID, companies: Sequence[UUID]) -> Images:
    """What stands of these companies, their contacts and their leads."""
    found: Images = {"company": {}, "contact": {}, "lead": {}}
    for r in await tx.fetch(SQL["images"], tenant, list(companies)):
        kind: DifferenceKind = r["kind"]
        found[kind][r["id"]] = {k: v for k, v in r["image"].items() if k not in _BOOKKEEPING}
    return found


async def companies_of(tx: Tx, tenant: UUID, replay_id: UUID) -> list[UUID]:
    """The companies that the hits of a replay belong to."""
    return [r["company_id"] for r in await tx.fetch(SQL["companies_of"], tenant, replay_id)]


async def placed(
    tx: Tx, tenant: UUID, replay_id: UUID, earlier: Sequence[UUID], *, keep_ids: bool
) -> tuple[list[Difference], list[UUID]]:
    """Hits that belong elsewhere than then, or were not recorded then; and the ids of their records."""
    rows = await tx.fetch(SQL["placed"], tenant, replay_id, list(earlier))
    return [_placement(dict(r), keep_ids) for r in rows], [r["id"] for r in rows]


def _placement(row: dict[str, Any], keep_ids: bool) -> Difference:
    fields: dict[str, Any] = {"company": {"from": row["was_company"], "to": row["company"]}}
    if keep_ids:
        was, now = row["was_company_id"], row["company_id"]
        fields["company_id"] = {"from": was and str(was), "to": now and str(now)}
    if row["status"] == "REJECTED" or row["was_status"] == "REJECTED":
        fields["status"] = {"from": row["was_status"], "to": row["status"]}
    subject = {
        "channel": row["source"], "page": row["page"], "external_id": row["external_id"], "name": row["name"],
        "slice_id": str(row["slice_id"]),
    }  # fmt: skip
    change = "created" if row["was_status"] is None else "placed"
    return Difference.model_validate({"kind": "record", "change": change, "subject": subject, "fields": fields})


async def forget_same(tx: Tx, tenant: UUID, replay_id: UUID, keep: Sequence[UUID]) -> None:
    """Keep only the records of an applied replay that say something new."""
    await tx.execute(SQL["forget_same"], tenant, replay_id, list(keep))


async def note(tx: Tx, tenant: UUID, replay_id: UUID, found: Sequence[Difference]) -> None:
    """Write the difference down, in the order in which it is shown."""
    if found:
        await tx.execute(
            SQL["note"],
            tenant,
            replay_id,
            [d.kind for d in found],
            [d.change for d in found],
            [d.entity_id for d in found],
            [d.subject for d in found],
            [d.fields for d in found],
        )


async def scored_leads(tx: Tx, tenant: UUID, runs_: Sequence[UUID], after: UUID, limit: int) -> list[ScoredLead]:
    """A page of these runs' leads that have a score of their own snapshot, in the order of ids."""
    return [ScoredLead(**dict(r)) for r in await tx.fetch(SQL["scored_leads"], tenant, list(runs_), after, limit)]


async def scored_after(tx: Tx, tenant: UUID, runs_: Sequence[UUID], after: UUID) -> int:
    """How many such leads come after one."""
    return int(await tx.fetchval(SQL["scored_after"], tenant, list(runs_), after))


async def rescore(tx: Tx, tenant: UUID, replay_id: UUID, found: Sequence[Difference]) -> None:
    """Have the leads looked at anew whose score differs: the ordinary jobs write what is known and what it scores by then."""
    events = [
        FeaturesRequested(lead_id=d.entity_id, cause=f"replay:{replay_id}") for d in found if d.entity_id is not None
    ]
    await outbox.emit_many(tx, tenant, events, correlation_id=replay_id)


async def end(
    tx: Tx,
    tenant: UUID,
    replay_id: UUID,
    seen: RunView,
    *,
    pages: int,
    gone: Sequence[NotReplayable],
    scores_left: int = 0,
    evaluations_left: int = 0,
) -> RunStatus | None:
    """End a replay with what it counted. None: it had ended before."""
    counters = {
        "pages": pages, "not_replayable": [each.model_dump(mode="json") for each in gone], "scores_left": scores_left,
        "evaluations_left": evaluations_left,
    }  # fmt: skip
    await tx.execute(SQL["count"], tenant, replay_id, counters)
    return await runs.end_rehearsed(tx, tenant, replay_id, seen)


async def show(
    tx: Tx, tenant: UUID, run_id: UUID | None, replay_id: UUID, *, after: int = -1, limit: int = 50
) -> ReplayView:
    """A replay with a page of its difference, from position `after` on. `run_id` None: of enrichments. Raises: NotFound."""
    row = await tx.fetchrow(SQL["counters"], tenant, replay_id)
    run = await runs.show(tx, tenant, replay_id) if row and row["parent_id"] == run_id else None
    if row is None or run is None:
        of = f"run {run_id} has no replay" if run_id is not None else "no replay of enrichments is called"
        raise NotFound(f"{of} {replay_id}", code="run_not_found")
    found = await tx.fetch(SQL["page"], tenant, replay_id, after, limit + 1)
    rows = [(r["position"], Difference.model_validate({k: v for k, v in r.items() if k != "position"})) for r in found]
    shown = [d for _, d in rows[:limit]]
    return ReplayView(
        run=run,
        replay_of=run_id,
        apply=not run.dry_run,
        pages=row["counters"].get("pages", 0),
        summary=[DifferenceCount(**dict(r)) for r in await tx.fetch(SQL["summary"], tenant, replay_id)],
        entities=[d for d in shown if d.kind != "score"],
        scores=[d for d in shown if d.kind == "score"],
        scores_left=row["counters"].get("scores_left", 0),
        evaluations_left=row["counters"].get("evaluations_left", 0),
        leads_not_replayable=[
            LeadNotReplayable.model_validate(each) for each in row["counters"].get("leads_not_replayable", [])
        ],
        not_replayable=[NotReplayable.model_validate(each) for each in row["counters"].get("not_replayable", [])],
        next_cursor=str(rows[limit - 1][0]) if len(rows) > limit else None,
    )


async def of_run(tx: Tx, tenant: UUID, run_id: UUID, *, before: UUID | None, limit: int) -> list[RunView]:
    """Replays of a run, newest first. Raises: NotFound."""
    if await tx.fetchrow(SQL["subject"], tenant, run_id) is None:
        raise NotFound(f"no run {run_id}", code="run_not_found")
    ids = [r["id"] for r in await tx.fetch(SQL["of_run"], tenant, run_id, before, limit)]
    found = [await runs.show(tx, tenant, each) for each in ids]
    return [run.model_copy(update={"slices": None}) for run in found if run is not None]
