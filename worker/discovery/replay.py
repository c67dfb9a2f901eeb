"""replay.run: do an ended run again from its stored answers, under today's code and rules, asking nobody (B.03).

All pages are applied in one transaction (`worker.replaying`), and what then stands otherwise is read. Scores are reckoned beside
that from the snapshots they were made of; to apply them, the leads are handed to the ordinary jobs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from contracts.identity import company_keys
from contracts.jobs import ReplayRun
from contracts.run_replays import Difference, NotReplayable, differences, replayed_slices
from contracts.runs import Counts, RunParams, SliceView
from contracts.scoring import Scorer
from db import leads, rule_sets, run_replays, runs, scores
from db.slices import Slice
from db.transaction import Tx
from worker import replaying
from worker.context import Context, RunOver
from worker.discovery import replay_plan, replay_scores
from worker.discovery.replay_plan import ReadAgain

log = structlog.get_logger("worker")
#: Leads that are scored again, oldest first, and how many of them at a time.
SCORED, SCORED_PAGE = 5000, 500


@dataclass(frozen=True, slots=True)
class _Script:
    """What is done again. `scores`: those that differ; `scores_left`: leads that were too many to score."""

    run_id: UUID
    of: UUID
    apply: bool
    params: RunParams
    slices: list[SliceView]
    pages: list[ReadAgain]
    gone: list[NotReplayable]
    scores: list[Difference]
    scores_left: int


async def replay(ctx: Context, args: ReplayRun) -> None:
    """Show, or apply, what today's code makes of what a run read. No port is touched."""
    script = await _load(ctx, args)

    async def again(tx: Tx) -> tuple[list[Difference], Counts]:
        return await _again(tx, ctx.tenant, script)

    async def end(tx: Tx, found: tuple[list[Difference], Counts]) -> None:
        await _end(tx, ctx.tenant, script, *found)

    await replaying.play(ctx, args, again, differs=lambda found: bool(found[0]), end=end)
    log.info("run_replayed", replayOf=str(script.of), apply=args.apply, pages=len(script.pages), gone=len(script.gone))


async def _load(ctx: Context, args: ReplayRun) -> _Script:
    run_id = args.run_id
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, run_id)
        of = await run_replays.parent(tx, ctx.tenant, run_id)
        if standing is None or standing.status.ended or of is None:
            raise RunOver
        original = await runs.show(tx, ctx.tenant, of)
        if original is None or original.slices is None:
            raise RunOver
        await runs.begin(tx, ctx.tenant, run_id, replaying.BUDGET_S)
        read = await run_replays.answers(tx, ctx.tenant, of)
        order = await run_replays.order(tx, ctx.tenant, of)
    linked = {(a.slice_id, a.page): (a.vendor, a.response) for a in read}
    pages, gone = replay_plan.pages(original.slices, linked, order)
    differing, left = await rescored(ctx, of, run_id)
    return _Script(run_id, of, args.apply, standing.params, original.slices, pages, gone, differing, left)


async def rescored(
    ctx: Context, of: UUID, replay_id: UUID, *, most: int = SCORED, page: int = SCORED_PAGE
) -> tuple[list[Difference], int]:
    """The scores that differ, of leads that a run or an earlier replay of it made; and how many leads were left out."""
    found: list[Difference] = []
    scorers: dict[UUID | None, Scorer] = {}
    after, seen = UUID(int=0), 0
    async with ctx.read() as tx:
        family = await run_replays.family(tx, ctx.tenant, of, replay_id)
        versions = await scores.versions(tx, ctx.tenant)
    while seen < most:
        async with ctx.read() as tx:
            those = await run_replays.scored_leads(tx, ctx.tenant, family, after, min(page, most - seen))
            for profile_id in {lead.icp_profile_id for lead in those} - scorers.keys():
                scorers[profile_id] = (await rule_sets.scorers(tx, ctx.tenant, profile_id)).active
        if not those:
            return found, 0
        # Hundreds of leads would keep other jobs waiting: a thread lets them through.
        found += await asyncio.to_thread(replay_scores.differing, those, scorers, versions)
        after, seen = those[-1].lead_id, seen + len(those)
    async with ctx.read() as tx:
        return found, await run_replays.scored_after(tx, ctx.tenant, family, after)


async def _again(tx: Tx, tenant: UUID, script: _Script) -> tuple[list[Difference], Counts]:
    """Persist every page as a page of the replay's own run, and compare. The run that is replayed stays as it is."""
    await runs.yield_early(tx)
    await runs.lock(tx, tenant, script.of)  # two replays of one run take turns
    await replaying.standing(tx, tenant, script.run_id)
    earlier = await run_replays.family(tx, tenant, script.of, script.run_id)
    keys = sorted({key for each in script.pages for hit in each.page.companies for key in company_keys(hit)})
    touched = await run_replays.lock_touched(tx, tenant, keys, earlier)
    before = await run_replays.images(tx, tenant, touched)
    counts = await _persist(tx, tenant, script)
    met = set(touched) | set(await run_replays.companies_of(tx, tenant, script.run_id))
    after = await run_replays.images(tx, tenant, sorted(met))
    found = differences(before, after, keep_ids=script.apply)
    moved, records = await run_replays.placed(tx, tenant, script.run_id, earlier, keep_ids=script.apply)
    if script.apply:
        await run_replays.forget_same(tx, tenant, script.run_id, records)
    return [*found, *moved], counts


async def _persist(tx: Tx, tenant: UUID, script: _Script) -> Counts:
    """The pages through the door of real runs, under the run's caps: what it made itself counts towards them."""
    params, total = script.params, Counts()
    made = await run_replays.made_before(tx, tenant, script.of)
    for each in script.pages:
        hits = each.page.companies
        if params.limit is not None:
            hits = hits[: max(0, params.limit - total.discovered)]
        view = each.slice
        of = Slice(view.id, script.run_id, view.ordinal, view.channel, view.query, "open", each.number, None)
        room = params.max_companies - made - total.companies_created
        added = await leads.save_page(
            tx, tenant, of, each.vendor, hits, room=room, icp_profile_id=params.icp_profile_id
        )
        total = Counts(**{name: getattr(total, name) + getattr(added, name) for name in Counts.model_fields})
    return total


async def _end(tx: Tx, tenant: UUID, script: _Script, found: list[Difference], counts: Counts) -> None:
    await run_replays.note(tx, tenant, script.run_id, [*found, *script.scores])
    if script.apply:
        await run_replays.rescore(tx, tenant, script.run_id, script.scores)
    run = await runs.show(tx, tenant, script.run_id)
    assert run is not None
    counted = counts.model_copy(update={"errors": len(script.gone)})
    seen = run.model_copy(update={"counts": counted, "slices": replayed_slices(script.slices, script.gone)})
    await run_replays.end(
        tx, tenant, script.run_id, seen, pages=len(script.pages), gone=script.gone, scores_left=script.scores_left
    )
