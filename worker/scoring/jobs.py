"""features.compute takes a snapshot of what is known of a lead; scoring.compute scores it, and what is watched beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from contracts.errors import Hopeless, TryLater
from contracts.features import extract
from contracts.findings import Completion
from contracts.jobs import ComputeFeatures, ComputeScore, Payload
from contracts.nights import DONE
from contracts.scoring import BANDS, Scored, Version, decide
from db import features, night_companies, policies, rule_sets, scores
from db.night_companies import Night
from db.rule_sets import Scorers
from db.scores import Prediction, Snapshot
from db.slices import SliceEnd
from db.transaction import Tx
from worker import ask
from worker.context import Context, Stopped
from worker.scoring import rationale, rephrase

log = structlog.get_logger("worker")

MODEL = "llm.complete"
#: Tenant policies: from which band on the CRM takes a lead (S3.17), and whether a model may rephrase.
MIN_BAND, REPHRASE = "crm_min_band", "score_rationale_model"


async def compute_features(ctx: Context, args: ComputeFeatures) -> None:
    """Keep what is stored as a snapshot, read and written in one transaction: the lead is locked, so nothing older comes later."""
    async with ctx.write() as tx:
        night = await night_companies.hold(tx, ctx.tenant, args.cause)
        if night is not None and "scoring" in night.skip:
            await _leave_out(tx, ctx.tenant, night, args.lead_id, "asked")
            return
        lead_id = await scores.lock_lead(tx, ctx.tenant, args.lead_id)
        if lead_id is None:
            log.info("lead_gone", leadId=str(args.lead_id))
            if night is not None:
                await night_companies.give_up(tx, ctx.tenant, night, args.lead_id, "lead_gone", state="done")
            return
        if night is not None and lead_id != args.lead_id:
            # The merge has the other one looked at.
            await night_companies.give_up(tx, ctx.tenant, night, args.lead_id, "lead_merged", state="done")
            return
        # Who was merged into another is looked at as that other.
        [of] = await features.of_leads(tx, ctx.tenant, [lead_id])
        scorer = (await rule_sets.scorers(tx, ctx.tenant, of.icp_profile_id)).active
        vector = extract(of.stored)
        judged = scorer.ruler.judge(vector)
        snapshot_id = await scores.keep_snapshot(
            tx, ctx.tenant, of.lead_id, of.icp_profile_id, vector, judged, scorer, args.cause
        )
    log.info("features_computed", leadId=str(of.lead_id), snapshotId=str(snapshot_id), verdict=judged.verdict)


@dataclass(frozen=True, slots=True)
class _Decision:
    """A score as rules and models stand. `said`: what was said of an equal vector before; `scorer`: whose score it is."""

    of: Snapshot
    scored: Scored
    beside: list[Prediction]
    scorer: tuple[UUID | None, int | None, UUID | None]
    said: str | None
    export: bool
    rephrasing: bool

    def predictions(self, rationale: str) -> list[Prediction]:
        rule_set_id, _, model_id = self.scorer
        return [Prediction(self.scored, rule_set_id, model_id, True, rationale), *self.beside]


async def compute_score(ctx: Context, args: ComputeScore) -> None:
    """Score a lead's snapshot. One that is not the lead's own any more is left alone: its successor's score is on its way.

    So is that of a lead which was merged into another since: the merge has the other one looked at.

    What decides is read again where it is written, with the lead locked: rules or a model may have been promoted meanwhile.
    """
    async with ctx.read() as tx:
        first = await _decide(tx, ctx, args.snapshot_id)
    said = await _words(ctx, first) if first is not None else ""
    async with ctx.write() as tx:
        night = await night_companies.hold(tx, ctx.tenant, args.cause)
        await scores.lock_lead(tx, ctx.tenant, args.lead_id)  # a merge waits, or has been: then `now` is None
        now = await _decide(tx, ctx, args.snapshot_id)
        if now is None:
            if night is not None:
                await _leave_out(tx, ctx.tenant, night, args.lead_id, "superseded")
            return
        if first is None or now.scorer != first.scorer:
            said = now.said or rationale.of(now.scored)
        kept, new = await scores.keep(
            tx, ctx.tenant, now.of, now.predictions(said), export=now.export, cause=args.cause
        )
        if night is not None:
            await night_companies.scored(tx, ctx.tenant, night, args.lead_id, DONE if new else "unchanged", kept)
    scored = now.scored
    log.info("lead_scored", leadId=str(args.lead_id), band=scored.band, score=round(scored.score, 4), export=now.export)


async def _decide(tx: Tx, ctx: Context, snapshot_id: UUID) -> _Decision | None:
    """Score a snapshot as everything stands; None when it is not its lead's own."""
    of = await scores.snapshot(tx, ctx.tenant, snapshot_id)
    if of is None or not of.current:
        return None
    if of.merged_into is not None:
        log.info("lead_not_scored", leadId=str(of.lead_id), reason="lead_merged", mergedInto=str(of.merged_into))
        return None
    found = await rule_sets.scorers(tx, ctx.tenant, of.icp_profile_id)
    versions = await scores.versions(tx, ctx.tenant)
    least = await policies.value(tx, ctx.tenant, MIN_BAND, "MEDIUM")
    scored, chosen = decide(found.active, versions, of.lead_id, of.vector)
    model_id = chosen.id if chosen else None
    return _Decision(
        of=of,
        scored=scored,
        beside=watched(of, found, versions, chosen),
        scorer=(found.active.rule_set_id, found.active.implied, model_id),
        said=await scores.rationale(tx, ctx.tenant, of, found.active.rule_set_id, model_id),
        export=scored.export(least if least in BANDS else "MEDIUM"),
        rephrasing=await policies.value(tx, ctx.tenant, REPHRASE, ctx.settings.score_rationale_model),
    )


def watched(of: Snapshot, found: Scorers, versions: list[Version], chosen: Version | None) -> list[Prediction]:
    """What is scored beside: the SHADOW rules under the model that decides, every other model under the rules that decide."""
    beside: list[Prediction] = []
    if found.shadow is not None:
        scored = found.shadow.score(of.vector, chosen.model if chosen else None)
        beside.append(Prediction(scored, found.shadow.rule_set_id, chosen.id if chosen else None, False))
    for version in versions:
        if chosen is None or version.id != chosen.id:
            scored = found.active.score(of.vector, version.model)
            beside.append(Prediction(scored, found.active.rule_set_id, version.id, False))
    return beside


async def _words(ctx: Context, decision: _Decision) -> str:
    """What was said of an equal vector before, else a sentence by template; in a model's words where that is wanted and works."""
    if decision.said is not None:
        return decision.said
    plain = rationale.of(decision.scored)
    if not decision.rephrasing or MODEL not in ctx.ports.operations:
        return plain
    prompt = rephrase.ask(plain, max_tokens=ctx.settings.llm_max_tokens_per_call)
    if prompt is None:
        return plain
    try:
        [reply] = await ask.items(ctx, ctx.ports.operation(MODEL), [prompt])
    except (Hopeless, TryLater) as error:  # no budget, or nobody there: the sentence by template is as true
        log.info("rationale_not_rephrased", leadId=str(decision.of.lead_id), reason=error.code)
        return plain
    value: Any = reply.value
    return rephrase.read(value if isinstance(value, Completion) else None, plain) or plain


async def _leave_out(tx: Tx, tenant: UUID, night: Night, lead_id: UUID, why: str) -> None:
    """A night goes on with the score that stands, if any does."""
    stands = (await scores.latest(tx, tenant, [lead_id])).get(lead_id)
    await night_companies.scored(tx, tenant, night, lead_id, why, stands.id if stands else None)


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """Given up: the lead keeps the score it had, and `headwater leads score` asks again."""
    assert isinstance(args, ComputeFeatures | ComputeScore)
    night = await night_companies.hold(tx, tenant, args.cause)
    if night is not None:
        state: SliceEnd = "cancelled" if why.state == "cancelled" else "error"
        await night_companies.give_up(tx, tenant, night, args.lead_id, why.error_class, state=state)
    log.warning("lead_not_scored", args=args.model_dump(mode="json"), errorClass=why.error_class)
