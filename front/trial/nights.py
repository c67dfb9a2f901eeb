"""How long tenants' nights take over the sandbox: each tenant's, and all of them, with vendors' latencies and under kills."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.errors import Hopeless
from contracts.nights import NightView
from contracts.providers import FoundCompany
from contracts.settings import Settings
from db import enrichments, leads, nights, queue, story, tenants
from db.transaction import DbRole, Pool, transaction
from front.trial.bill import breaches, read_bill
from front.trial.ground import Trial, trial
from front.trial.run import Asked, bounds_of, chains_of, folder_for, in_turn, kill_some, paces_of, shortest
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.world import World

#: Companies brought in in one transaction, and seconds of silence before a trial is called stuck.
BATCH, PATIENCE_S = 200, 240.0


@dataclass(frozen=True, slots=True)
class Started:
    tenant: UUID
    run_id: UUID


async def run_nights(tenants_: int, asked: Asked, say: Callable[[str], None]) -> dict[str, Any]:
    """Nights of so many tenants with `asked.companies` each: seconds beside what limits impose, statuses, steps, what was billed
    twice, and how long a night took at p50 and p90.
    """
    settings = {
        "worker_concurrency": asked.concurrency, "worker_drain_s": 5.0, "sched_daily_cap_per_tenant": asked.companies,
    }  # fmt: skip
    with folder_for() as folder:
        async with trial(Path(folder), 1, asked.workers, settings) as on:
            wish = {"ms": asked.latency_ms, "p99_ms": asked.latency_p99_ms}
            owners = await _furnish(on.pool, tenants_, asked.companies)
            await asyncio.to_thread(on.sandbox.post, "/__control/latency", wish)
            say(f"{tenants_} tenants x {asked.companies} companies, {asked.workers} workers, {asked.kills} kills")
            began = time.monotonic()
            started = await _start(on, owners)
            killing = asyncio.create_task(kill_some(on, asked, say))
            try:
                ended = await _until_done(on, started, say)
            finally:
                killing.cancel()
            seconds = time.monotonic() - began
            return _report(asked, ended, seconds) | await _proof(on, asked, started, ended, seconds)


async def _furnish(pool: Pool, tenants_: int, companies: int) -> list[UUID]:
    """Tenants, each with other companies of the sandbox's world as far as they reach."""
    world = World(7)
    peopled = [c for c in world.companies(None) if people_of(world, c)]
    if len(peopled) < companies:
        raise Hopeless(f"the sandbox's world has {len(peopled)} companies with people: ask for fewer")
    owners = []
    for n in range(tenants_):
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            owner = (await tenants.create(tx, f"night-{n}", by="trial")).id
        first = n * companies % len(peopled)
        chosen = (peopled + peopled)[first : first + companies]
        for at in range(0, companies, BATCH):
            found = [
                FoundCompany(external_id=c.lei, name=c.name, country=c.country, domain=c.domain)
                for c in chosen[at : at + BATCH]
            ]
            async with transaction(pool, owner) as tx:
                await leads.bring(tx, owner, found, source="trial", with_leads=False)
        owners.append(owner)
    return owners


async def _start(on: Trial, owners: list[UUID]) -> list[Started]:
    started = []
    settings = Settings(**on.settings)
    for owner in owners:
        async with transaction(on.pool, owner) as tx:
            run_id, _ = await nights.start(tx, settings, owner, triggered_by="trial")
        started.append(Started(owner, run_id))
    async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
        await queue.wake(tx, queue.OUTBOX_CHANNEL)
    return started


async def _until_done(on: Trial, started: list[Started], say: Callable[[str], None]) -> list[NightView]:
    """Wait until all have ended. Raises Hopeless when nothing moves for PATIENCE_S."""
    moved = told = time.monotonic()
    before: tuple[int, int] = (-1, -1)
    while True:
        seen = []
        for each in started:
            async with transaction(on.pool, each.tenant, read_only=True) as tx:
                seen.append(await nights.show(tx, each.tenant, each.run_id))
        over = [n for n in seen if n.status not in ("pending", "running")]
        if len(over) == len(seen):
            return seen
        now = (len(over), sum(n.steps["scoring"].done for n in seen))
        if now != before:
            before, moved = now, time.monotonic()
        if time.monotonic() - moved > PATIENCE_S:
            raise Hopeless(f"{len(seen) - len(over)} nights do not end: nothing moved for {PATIENCE_S:.0f} s")
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"  {now[0]} of {len(seen)} nights, {now[1]} companies scored")
        await asyncio.sleep(0.5)


async def _proof(
    on: Trial, asked: Asked, started: list[Started], ended: list[NightView], seconds: float
) -> dict[str, Any]:
    """Whether the nights' own books are right, and what the vendors saw: fullest windows, and questions billed twice."""
    settings = Settings(**on.settings)
    sites, broken, nights_s = [], [], []
    # Their lengths are not known before: no system could begin the longest first.
    for each, _ in sorted(zip(started, ended, strict=True), key=lambda both: str(both[1].started_at)):
        async with transaction(on.pool, each.tenant, read_only=True) as tx:
            mine = await enrichments.sites(tx, each.tenant)
            sites += mine
            nights_s.append(shortest(chains_of(asked, mine), settings.sched_company_concurrency))
            proof = await story.verify(tx, each.tenant, each.run_id)
            broken += [str(finding) for finding in (proof.findings if proof else ["no such run"])]
    bill = await asyncio.to_thread(read_bill, on.sandbox)
    paces = paces_of(settings)
    going = min(settings.sched_tenant_concurrency, len(started)) * settings.sched_company_concurrency
    bounds = bounds_of(asked, bill, paces, sites, going)
    # No night is shorter than its companies in the places it has, and only so many nights run at once.
    bounds["nights in any order"] = round(shortest(nights_s, settings.sched_tenant_concurrency), 2)
    any_order_s = max(bounds.values(), default=0.0)
    bounds["nights in their order"] = round(in_turn(nights_s, settings.sched_tenant_concurrency), 2)
    bound_s = max(bounds.values(), default=0.0)
    return {
        "bound_s": bound_s, "ratio": round(seconds / bound_s, 2) if bound_s else None,
        "ratio_any_order": round(seconds / any_order_s, 2) if any_order_s else None, "bounds": bounds,
        "over_limit": await asyncio.to_thread(breaches, on.sandbox, paces),
        "paid_requests": bill.paid, "killed": len(on.nursery.kills), "broken": broken,
        "billed_twice": sum(line["billed"] > 1 for line in bill.lines.values()),
    }  # fmt: skip


def _report(asked: Asked, ended: list[NightView], seconds: float) -> dict[str, Any]:
    took = sorted(n.duration_s or 0.0 for n in ended)
    steps: dict[str, dict[str, int]] = {}
    for night in ended:
        for step, count in night.steps.items():
            sums = Counter(steps.get(step, {}))
            sums.update({"in": count.taken, "done": count.done, "skipped": sum(count.skipped.values())})
            steps[step] = dict(sums)
    return {
        "tenants": len(ended), "companies_each": asked.companies, "workers": asked.workers, "kills": asked.kills,
        "seconds": round(seconds, 1), "night_p50_s": round(took[len(took) // 2], 1),
        "night_p90_s": round(took[min(len(took) - 1, len(took) * 9 // 10)], 1),
        "statuses": dict(Counter(n.status for n in ended)), "steps": steps,
    }  # fmt: skip
