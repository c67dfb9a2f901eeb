"""replay.run: do an ended run again from its stored answers, under today's code and rules, asking nobody (B.03).

All pages are applied in one transaction, and what then stands otherwise is read. To show it, that transaction is rolled back;
to apply it, it commits with the done mark. One in which nothing differs is rolled back too: applied twice changes nothing.
Scores are reckoned beside that from the snapshots they were made of; to apply them, the leads are handed to the ordinary jobs.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from uuid import UUID

import structlog

from contracts.identity import company_keys
from contracts.jobs import Payload, ReplayRun
from contracts.outcomes import Outcome
from contracts.run_replays import Difference, NotReplayable, differences, replayed_slices
from contracts.runs import Counts, RunParams, RunStatus, SliceView
from contracts.scoring import Scorer
from db import leads, rule_sets, run_replays, runs, scores
from db.slices import Slice
from db.transaction import CONTENTION, Tx, transaction
from worker.context import Context, RunOver, Stopped
from worker.discovery import replay_plan, replay_scores
from worker.discovery.replay_plan import ReadAgain

log = structlog.get_logger("worker")
#: How long a replay may take, in seconds: its job's own timeout comes first.
BUDGET_S = 1800.0
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


class _RolledBack(Exception):
    """Ends the transaction without a trace."""


async def replay(ctx: Context, args: ReplayRun) -> None:
    """Show, or apply, what today's code makes of what a run read. No port is touched."""
    script = await _load(ctx, args)
    found, counts = await _rehearse(ctx, script)
    if found is not None:
        async with ctx.write() as tx:
            await _standing(tx, ctx.tenant, args.run_id)
            await _end(tx, ctx.tenant, script, found, counts)
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
        await runs.begin(tx, ctx.tenant, run_id, BUDGET_S)
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


async def _rehearse(ctx: Context, script: _Script) -> tuple[list[Difference] | None, Counts]:
    """Apply all pages; returns what differs, None when that was committed with it. Gives way to real runs."""
    while True:
        try:
            return await (_applied(ctx, script) if script.apply else _shown(ctx, script))
        except CONTENTION as error:
            log.info("replay_gave_way", runId=str(script.run_id), error=str(error))
        await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311


async def _shown(ctx: Context, script: _Script) -> tuple[list[Difference], Counts]:
    seen: tuple[list[Difference], Counts] | None = None
    try:
        async with transaction(ctx.pool, ctx.tenant) as tx:
            seen = await _again(tx, ctx.tenant, script)
            raise _RolledBack
    except _RolledBack:
        assert seen is not None
        return seen


async def _applied(ctx: Context, script: _Script) -> tuple[list[Difference] | None, Counts]:
    counts = Counts()
    try:
        async with ctx.write() as tx:
            found, counts = await _again(tx, ctx.tenant, script)
            if not found:
                raise _RolledBack
            await _end(tx, ctx.tenant, script, found, counts)
    except _RolledBack:
        return [], counts
    return None, counts


async def _again(tx: Tx, tenant: UUID, script: _Script) -> tuple[list[Difference], Counts]:
    """Persist every page as a page of the replay's own run, and compare. The run that is replayed stays as it is."""
    await runs.yield_early(tx)
    await runs.lock(tx, tenant, script.of)  # two replays of one run take turns
    await _standing(tx, tenant, script.run_id)
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


async def _standing(tx: Tx, tenant: UUID, run_id: UUID) -> None:
    """Lock the replay's own run. Raises: RunOver when it is not running any more."""
    standing = await runs.lock(tx, tenant, run_id)
    if standing is None or standing.status is not RunStatus.RUNNING:
        raise RunOver


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """A replay was given up: its run fails with the reason."""
    assert isinstance(args, ReplayRun)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if why.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, why.error_class, why.error))
