"""enrichment.replay: the newest enrichments of some leads, done again from stored answers and pages; nobody is asked (B.03).

Each lead is written as an enrichment writes it, under a savepoint that stays only where something differs. What that makes of its
score is reckoned beside; to apply it, the lead is handed to the ordinary jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import structlog

from contracts.enrichment import Waterfall
from contracts.errors import VendorRefused
from contracts.features import extract
from contracts.findings import FoundPerson
from contracts.jobs import ReplayRun
from contracts.outcomes import Outcome
from contracts.providers import Terms
from contracts.run_replays import (
    NOT_REPLAYABLE,
    Difference,
    LeadNotReplayable,
    LeadReason,
    differences,
    score_difference,
)
from contracts.runs import RunStatus
from contracts.scoring import decide
from db import (
    crawl,
    enrichment_replays,
    enrichments,
    erasures,
    features,
    merges,
    rule_sets,
    run_replays,
    runs,
    scores,
)
from db.enrichment_replays import Chosen
from db.enrichments import Subject
from db.transaction import Tx
from worker import replaying
from worker.context import Context, RunOver
from worker.enrichment import again
from worker.enrichment.again import NotAgain
from worker.enrichment.questions import Row
from worker.replaying import RolledBack

log = structlog.get_logger("worker")


@dataclass(slots=True)
class _Found:
    """What came of it so far. `changed`: leads of which something differs; `answers`: those that were read again."""

    entities: list[Difference] = field(default_factory=list)
    scores: list[Difference] = field(default_factory=list)
    gone: list[LeadNotReplayable] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)
    answers: int = 0


async def replay(ctx: Context, args: ReplayRun) -> None:
    """Show, or apply, what today's rules make of what vendors and sites said then."""
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        if standing is None or standing.status.ended:
            raise RunOver
        await runs.begin(tx, ctx.tenant, args.run_id, replaying.BUDGET_S)

    async def all_again(tx: Tx) -> _Found:
        await runs.yield_early(tx)
        await replaying.standing(tx, ctx.tenant, args.run_id)
        found = _Found()
        chosen = await enrichment_replays.asked(tx, ctx.tenant, args.run_id)
        for each in chosen:
            try:
                await _lead(tx, ctx, each, found, apply=args.apply)
            except NotAgain as why:
                found.gone.append(_named(each, why.reason, *why.operations))
        return found

    async def end(tx: Tx, found: _Found) -> None:
        await _end(tx, ctx.tenant, args, found)

    found = await replaying.play(ctx, args, all_again, differs=lambda f: bool(f.entities), end=end)
    log.info("enrichments_replayed", apply=args.apply, changed=len(found.changed), gone=len(found.gone))


def _named(of: Chosen, reason: LeadReason, *operations: str) -> LeadNotReplayable:
    return LeadNotReplayable(lead_id=of.lead_id, company=of.company, reason=reason, operations=list(operations))


async def _lead(tx: Tx, ctx: Context, each: Chosen, found: _Found, *, apply: bool) -> None:
    """One lead again. Raises: NotAgain."""
    if each.merged_into is not None:
        raise NotAgain("lead_merged")
    if each.status == "processing":
        raise NotAgain("under_way")
    of = await enrichments.subject(tx, ctx.tenant, each.lead_id)
    if of is None or each.enrichment_id is None:
        raise NotAgain("not_enriched")
    steps = await enrichment_replays.steps(tx, ctx.tenant, each.enrichment_id)
    report = await crawl.report(tx, ctx.tenant, of.domain) if each.site and of.domain else None
    if each.site and report is None:
        raise NotAgain("answer_gone", "site")
    row = _row(ctx, of, {step.field for step in steps})
    learned = again.learned(row, steps, report, contact_id=of.contact_id, terms_of=lambda name: _terms(ctx, name))
    found.answers += sum(step.said is not None for step in steps)
    company_id = await merges.root(tx, ctx.tenant, of.company_id) or of.company_id
    await run_replays.lock_companies(tx, ctx.tenant, [company_id])
    before = await enrichment_replays.images(tx, ctx.tenant, company_id)
    try:
        async with enrichment_replays.savepoint(tx):
            await enrichments.write(tx, ctx.tenant, of, await erasures.learned_without(tx, ctx.tenant, learned))
            after = await enrichment_replays.images(tx, ctx.tenant, company_id)
            differing = differences(before, after, keep_ids=apply)
            if not differing:
                raise RolledBack
            scored = await _scored(tx, ctx.tenant, of)
    except RolledBack:
        return
    found.entities += differing
    found.scores += [scored] if scored is not None else []
    found.changed.append(each.lead_id)


def _row(ctx: Context, of: Subject, fields: set[Waterfall]) -> Row:
    """What was known before: whoever was looked for then is not known yet."""
    row = Row(
        company_name=of.company_name, domain=of.domain, country=of.country, registry_id=of.registry_id,
        titles=ctx.settings.lusha_preferred_titles, max_tokens=ctx.settings.llm_max_tokens_per_call,
    )  # fmt: skip
    if "people" not in fields and (of.contact_name or of.contact_email):
        row.email = None if "email" in fields else of.contact_email
        row.person = FoundPerson(name=of.contact_name, title=of.contact_title, email=row.email)
    return row


def _terms(ctx: Context, name: str) -> Terms:
    """What may be done with what an operation said; of one that is not there any more, as little as of any."""
    try:
        return ctx.ports.operation(name).spec.terms
    except VendorRefused:
        return Terms.LICENSED


async def _scored(tx: Tx, tenant: UUID, of: Subject) -> Difference | None:
    """What the lead would score as it stands now in this transaction, where that is something else."""
    was = await enrichment_replays.scored(tx, tenant, of.lead_id)
    if was is None:
        return None
    [stored] = await features.of_leads(tx, tenant, [of.lead_id])
    scorer = (await rule_sets.scorers(tx, tenant, of.icp_profile_id)).active
    now, _ = decide(scorer, await scores.versions(tx, tenant), of.lead_id, extract(stored.stored))
    return score_difference(was, now)


async def _end(tx: Tx, tenant: UUID, args: ReplayRun, found: _Found) -> None:
    await run_replays.note(tx, tenant, args.run_id, [*found.entities, *found.scores])
    await enrichment_replays.end(
        tx, tenant, args.run_id, answers=found.answers, gone=found.gone, changed=found.changed if args.apply else []
    )
    if not found.gone:
        await runs.end(tx, tenant, args.run_id, Outcome(RunStatus.COMPLETED))
        return
    reasons = ", ".join(sorted({each.reason for each in found.gone}))
    words = f"{len(found.gone)} leads could not be done again ({reasons}): an enrichment asks vendors anew"
    await runs.end(tx, tenant, args.run_id, Outcome(RunStatus.PARTIAL, NOT_REPLAYABLE, words))
