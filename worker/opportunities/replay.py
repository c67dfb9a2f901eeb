"""opportunities.replay: a run of tenders done again from its stored pages, for every tenant concerned; nobody is asked (B.03).

Pages are saved as the run saved them, except notices that a later run has seen. Then every pair of such a notice and an open
profile is held again, also where profile and notice are as they were: what may have changed is how we hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from contracts.jobs import ReplayRun
from contracts.opportunities import SAM
from contracts.run_replays import Difference, NotReplayable, replayed_slices
from contracts.runs import Counts, RunView
from db import opportunities, opportunity_replays, run_replays, runs
from db.transaction import Tx, act_for_all
from worker import replaying
from worker.context import Context, RunOver
from worker.opportunities import replay_plan
from worker.opportunities.evaluate import verdict
from worker.opportunities.replay_plan import ReadAgain

log = structlog.get_logger("worker")
#: Pairs of notice and profile that are held again, over all tenants.
MOST_PAIRS = 50_000


@dataclass(frozen=True, slots=True)
class _Script:
    run_id: UUID
    of: UUID
    original: RunView
    pages: list[ReadAgain]
    gone: list[NotReplayable]

    @property
    def notices(self) -> list[str]:
        return sorted({notice.notice_id for page in self.pages for notice in page.notices})


@dataclass(frozen=True, slots=True)
class _Found:
    differences: list[Difference]
    evaluations_left: int


async def replay(ctx: Context, args: ReplayRun) -> None:
    """Show, or apply, what today's code and profiles make of what a run read."""
    script = await _load(ctx, args)

    async def again(tx: Tx) -> _Found:
        return await _again(tx, ctx.tenant, script)

    async def end(tx: Tx, found: _Found) -> None:
        await _end(tx, ctx.tenant, script, found)

    found = await replaying.play(ctx, args, again, differs=lambda f: bool(f.differences), end=end)
    log.info("run_replayed", replayOf=str(script.of), apply=args.apply, pages=len(script.pages), gone=len(script.gone),
             differences=len(found.differences))  # fmt: skip


async def _load(ctx: Context, args: ReplayRun) -> _Script:
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        of = await run_replays.parent(tx, ctx.tenant, args.run_id)
        if standing is None or standing.status.ended or of is None:
            raise RunOver
        original = await runs.show(tx, ctx.tenant, of)
        if original is None or original.slices is None:
            raise RunOver
        await runs.begin(tx, ctx.tenant, args.run_id, replaying.BUDGET_S)
        read = await opportunity_replays.read(tx, ctx.tenant, of)
    pages, gone = replay_plan.pages(original.slices, read)
    return _Script(args.run_id, of, original, pages, gone)


async def _again(tx: Tx, tenant: UUID, script: _Script) -> _Found:
    await runs.yield_early(tx)
    await runs.lock(tx, tenant, script.of)  # two replays of one run take turns
    await replaying.standing(tx, tenant, script.run_id)
    await act_for_all(tx, tenant)
    newer = await opportunity_replays.newer(tx, tenant, script.notices, script.of)
    notices = [notice for notice in script.notices if notice not in newer]
    before = await opportunity_replays.images(tx, tenant, notices)
    for page in script.pages:
        ours = [notice for notice in page.notices if notice.notice_id not in newer]
        await opportunities.save(tx, tenant, SAM, ours, slice_id=page.slice.id, window=page.window)
    after = await opportunity_replays.images(tx, tenant, notices)
    found, left = opportunity_replays.differences(before, after), MOST_PAIRS
    too_many = 0
    for each in await opportunity_replays.tenants(tx):
        await opportunities.copy(tx, each, len(notices), only=notices)
        pairs, more = await opportunity_replays.pairs(tx, each, notices, left)
        found += await _held(tx, each, script.run_id, pairs)
        left, too_many = left - len(pairs), too_many + more
    return _Found(found, too_many)


async def _held(tx: Tx, tenant: UUID, replay_id: UUID, pairs: list[dict[str, object]]) -> list[Difference]:
    """Hold a tenant's pairs again, and write what differs."""
    found, rows = [], []
    for pair in pairs:
        said = verdict(pair)
        differs = opportunity_replays.evaluation_difference(tenant, pair, said)
        if differs is not None:
            found.append(differs)
            rows.append(said)
    if rows:
        await opportunities.evaluate(tx, tenant, rows, replay_id)
    return found


async def _end(tx: Tx, tenant: UUID, script: _Script, found: _Found) -> None:
    await run_replays.note(tx, tenant, script.run_id, found.differences)
    run = await runs.show(tx, tenant, script.run_id)
    assert run is not None
    read = sum(len(page.notices) for page in script.pages)
    counts = Counts(discovered=read, errors=len(script.gone))
    slices = replayed_slices(script.original.slices or [], script.gone)
    seen = run.model_copy(update={"counts": counts, "slices": slices})
    await run_replays.end(
        tx, tenant, script.run_id, seen, pages=len(script.pages), gone=script.gone,
        evaluations_left=found.evaluations_left,
    )  # fmt: skip
