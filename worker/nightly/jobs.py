"""nightly.plan: the first three steps of a tenant's night, then the manifest; each of its companies goes on by itself.

Steps 1 and 2 are upserts, page by page. Each page of step 1 is committed with the mark in the register and with what the step has
come to, so that an attempt that starts again goes on from there, and its counts and limits are those of the whole night. Step 3 is
the job's write: the manifest, a slice a company and the events of the first ones are one commit. Steps 4 to 9 are the jobs that any
lead has, under the night's cause (`db.night_companies`). A dry run does the first three in one transaction that is rolled back, and
forecasts the rest.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from contracts.errors import Invalid, VendorBusy
from contracts.events import MatchingRequested
from contracts.jobs import Payload, PlanNight
from contracts.nights import NightForecast, NightParams, Step, StepCount
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from contracts.staging import StagedCompany
from db import candidates, night_companies, night_plan, nights, outbox, runs, staging
from db.night_plan import Target
from db.runs import Standing
from db.staging import Mark
from db.transaction import Tx
from worker.context import Context, RunOver, Stopped
from worker.nightly.register import Wish, company_of, registry_id, wanted

log = structlog.get_logger("worker")

#: Rows of the register read in one go, and in one night; companies a night makes of them.
PAGE, MOST_READ, MOST_MADE = 2_000, 200_000, 1_000
#: Nights that find no room among the others look again, all of them together about so often a second: a free place is seen soon,
#: however many wait, and their looks cost no more.
LOOKS_PER_S = 3.0


async def plan(ctx: Context, args: PlanNight) -> None:
    """Plan a night. Raises VendorBusy, which spends no attempt, while as many nights run as may (SCHED_TENANT_CONCURRENCY)."""
    async with ctx.read() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
    if standing is None or standing.status.ended:
        raise RunOver
    if standing.params.nightly is None:
        raise Invalid(f"run {args.run_id} does not say which night it is: start it by `headwater nightly`")
    if args.dry_run:
        await _rehearse(ctx, args.run_id, standing, standing.params.nightly)
    else:
        await _plan(ctx, args.run_id, standing, standing.params.nightly)


async def _plan(ctx: Context, run_id: UUID, standing: Standing, params: NightParams) -> None:
    if standing.status is RunStatus.PENDING:
        await _begin(ctx, run_id, standing.params.max_runtime_seconds)
    first = _First(ctx)
    await first.do(params)
    async with ctx.write() as tx:
        now = await runs.lock(tx, ctx.tenant, run_id)
        if now is None or now.status is not RunStatus.RUNNING:
            raise RunOver
        chosen = await first.choose(tx, run_id, params, standing.params.max_companies)
        await nights.count(tx, ctx.tenant, run_id, first.steps)
        await night_plan.freeze(
            tx, ctx.tenant, run_id, ctx.settings, params, standing.params.max_companies, chosen, first.company_ids
        )
        await night_companies.tell(tx, ctx.tenant, run_id)
        await night_companies.begin_next(tx, ctx.tenant, run_id, ctx.settings.sched_company_concurrency)
        if first.made:
            await outbox.emit(tx, ctx.tenant, MatchingRequested(for_tenant=ctx.tenant))
        if not chosen:
            await runs.end(tx, ctx.tenant, run_id)
    log.info("night_planned", runId=str(run_id), night=str(params.night), companies=len(chosen), steps=first.told())


async def _begin(ctx: Context, run_id: UUID, budget_s: float) -> None:
    async with ctx.unfenced() as tx:
        room = await night_plan.may_begin(tx, ctx.settings.sched_tenant_concurrency)
        began = room and await runs.begin(tx, ctx.tenant, run_id, budget_s)
        waiting = 0 if room else await night_plan.waiting(tx)
    if not room:
        after_s = random.uniform(0.5, 1.5) * max(1.0, waiting / LOOKS_PER_S)  # noqa: S311
        raise VendorBusy("as many nights run as may: this one waits for its turn", code="nights_full", after_s=after_s)
    if not began:
        raise RunOver


class _RolledBack(Exception):
    """Ends a rehearsal without a trace."""


async def _rehearse(ctx: Context, run_id: UUID, standing: Standing, params: NightParams) -> None:
    """Do the first three steps, read what they came to, roll back; then write that on the run's row (R3)."""
    ahead: NightForecast | None = None
    passed: dict[str, int] = {}
    first = _First(ctx)
    try:
        async with ctx.unfenced() as tx:
            await runs.yield_early(tx)
            first.inside = tx
            await first.do(params)
            chosen = await first.choose(tx, run_id, params, standing.params.max_companies)
            passed = dict(await night_plan.passed_over(tx, ctx.tenant, run_id))
            ahead = await night_plan.forecast(tx, ctx.tenant, ctx.settings, chosen, params.skip)
            raise _RolledBack
    except _RolledBack:
        assert ahead is not None
    async with ctx.write() as tx:
        if not await runs.begin(tx, ctx.tenant, run_id, standing.params.max_runtime_seconds):
            raise RunOver
        await nights.count(tx, ctx.tenant, run_id, first.steps)
        also = {
            "forecast": ahead.model_dump(mode="json"), "passedOver": passed, "companyIds": [str(i) for i in first.company_ids],
        }  # fmt: skip
        await runs.end(tx, ctx.tenant, run_id, Outcome(RunStatus.COMPLETED), also=also)
    log.info(
        "night_rehearsed", runId=str(run_id), companies=ahead.companies, costUsd=ahead.cost_usd, steps=first.told()
    )


@dataclass(frozen=True, slots=True)
class _Brought:
    """What step 1 has come to: the checkpoint of its pages."""

    read: int = 0
    made: int = 0
    renewed: int = 0
    taken: int = 0

    def after(self, read: int, made: int, renewed: int, taken: int) -> _Brought:
        return _Brought(self.read + read, self.made + made, self.renewed + renewed, self.taken + taken)

    def count(self) -> StepCount:
        done = self.made + self.renewed
        skipped = {"not_wanted": self.read - self.taken, "unchanged": self.taken - done}
        return StepCount(taken=self.read, done=done, skipped={why: n for why, n in skipped.items() if n})


def _stands(so_far: _Brought, mark: Mark) -> dict[str, Any]:
    """The checkpoint of a page."""
    return {"companies": asdict(so_far), "mark": {"changed_at": mark.changed_at.isoformat(), "uen": mark.uen}}


def _mark(kept: dict[str, str]) -> Mark:
    return Mark(datetime.fromisoformat(kept["changed_at"]), kept["uen"])


@dataclass(slots=True)
class _First:
    """The first three steps. `inside`: the transaction of a rehearsal; else each page has its own."""

    ctx: Context
    inside: Tx | None = None
    steps: dict[Step, StepCount] = field(default_factory=dict)
    company_ids: list[UUID] = field(default_factory=list)
    made: int = 0

    def told(self) -> dict[str, int]:
        return {step: count.done for step, count in self.steps.items()}

    def _tx(self) -> AbstractAsyncContextManager[Tx]:
        return nullcontext(self.inside) if self.inside is not None else self.ctx.unfenced()

    def _part(self) -> AbstractAsyncContextManager[Tx]:
        """A page of step 1: nobody else's attempt may bring it as well."""
        return nullcontext(self.inside) if self.inside is not None else self.ctx.step()

    async def do(self, params: NightParams) -> None:
        """Steps 1 and 2, or the reason why not."""
        async with self._tx() as tx:
            wishes = await night_plan.wishes(tx, self.ctx.tenant)
        for step, work in (("refresh_companies", self._companies), ("refresh_candidates", self._candidates)):
            why = "manifest" if params.resume is not None else "asked" if step in params.skip else None
            self.steps[step] = StepCount(skipped={why: 1}) if why else await work(wishes)  # type: ignore[index]

    async def _companies(self, wishes: Sequence[Wish]) -> StepCount:
        """Step 1: what the register says anew since the last night, of companies we have or would want."""
        async with self._tx() as tx:
            stands = await night_plan.mark(tx, self.ctx.tenant)
            left = await self.ctx.checkpoint(tx) if self.inside is None else None
        so_far = _Brought(**left["companies"]) if left else _Brought()
        # An attempt goes on where this night's last one stopped; a night steps back for what was committed late.
        mark = _mark(left["mark"]) if left else staging.resumed(stands.changed_at if stands else None)
        while so_far.read < MOST_READ and so_far.made < MOST_MADE:
            found, mark = await staging.changed(self.ctx.pool, mark, limit=PAGE)
            if not found:
                break
            async with self._part() as tx:
                so_far = so_far.after(len(found), *await self._bring(tx, found, mark, wishes))
                if self.inside is None:
                    told = f"{so_far.read} rows of the register read, {so_far.made} companies made"
                    share = 100 * max(so_far.read / MOST_READ, so_far.made / MOST_MADE)
                    await self.ctx.note(tx, min(share, 99.0), told, checkpoint=_stands(so_far, mark))
        self.made = so_far.made
        return so_far.count()

    async def _bring(
        self, tx: Tx, found: Sequence[StagedCompany], mark: Mark, wishes: Sequence[Wish]
    ) -> tuple[int, int, int]:
        known = await night_plan.known(tx, self.ctx.tenant, [registry_id(row) for row in found])
        taken = [row for row in found if registry_id(row) in known or wanted(row, wishes)]
        made, renewed = await night_plan.bring(
            tx, self.ctx.tenant, [(company_of(row), row.primary_ssic_description) for row in taken]
        )
        await night_plan.move_mark(tx, self.ctx.tenant, mark)
        return made, renewed, len(taken)

    async def _candidates(self, wishes: Sequence[Wish]) -> StepCount:
        """Step 2: every company against every open profile."""
        if not wishes:
            return StepCount(skipped={"no_profile": 1})
        seen = changed = 0
        for profile_id, _, _ in wishes:
            if self.inside is not None:
                came = await candidates.rehearse(self.inside, self.ctx.tenant, profile_id)
            else:
                came = await candidates.refresh(self.ctx.pool, self.ctx.tenant, profile_id)
            seen, changed = seen + came.companies + came.gone, changed + came.changed
        same = seen - changed
        return StepCount(taken=seen, done=changed, skipped={"unchanged": same} if same else {})

    async def choose(self, tx: Tx, run_id: UUID, params: NightParams, cap: int) -> list[Target]:
        """Step 3: whom this night works on, in their order."""
        tenant = self.ctx.tenant
        if params.resume is None:
            chosen, self.steps["select_targets"] = await night_plan.choose(tx, tenant, run_id, cap)
            self.company_ids = [t.company_id for t in chosen]
            return chosen
        before = await nights.manifest(tx, tenant, params.resume)
        self.company_ids = before.company_ids if before else []
        chosen = await night_plan.resume(tx, tenant, run_id, params.resume)
        done = len(self.company_ids) - len(chosen)
        self.steps["select_targets"] = StepCount(
            taken=len(self.company_ids), done=len(chosen), skipped={"done_before": done} if done else {}
        )
        return chosen


async def plan_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Planning was given up: the run fails with the reason. `headwater jobs retry` plans anew."""
    assert isinstance(args, PlanNight)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if stopped.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, stopped.error_class, stopped.error))
    log.warning("night_not_planned", runId=str(args.run_id), errorClass=stopped.error_class)
