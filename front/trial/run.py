"""How long enrichment takes beside what limits and latencies alone impose, and whether kills make anybody pay twice."""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.providers import Pace
from contracts.settings import Settings
from db import enrichments
from db.transaction import transaction
from front.trial.bill import Bill, breaches, read_bill
from front.trial.ground import Trial, trial
from worker.providers import lookups
from worker.providers.hunter_people import PENDING_S
from worker.providers.limits import effective
from worker.providers.sandbox.sites import CRAWL_DELAY_S, SLOW_S, kind
from worker.providers.sandbox.world import World

#: Longest silence before a trial is called stuck, in seconds.
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Asked:
    """`kills` SIGKILLs fall on the workers, about `every_s` apart. Latency is log-normal: median and 99th percentile in ms."""

    companies: int
    workers: int = 2
    concurrency: int = 40
    kills: int = 0
    every_s: float = 0.5
    seed: int = 1
    latency_ms: float = 120.0
    latency_p99_ms: float = 600.0


async def run(asked: Asked, say: Callable[[str], None]) -> dict[str, Any]:
    """One trial from beginning to end. The report is what `report.table` prints."""
    settings = {"worker_concurrency": asked.concurrency, "worker_drain_s": 5.0}
    with folder_for() as folder:
        async with trial(Path(folder), asked.companies, asked.workers, settings) as on:
            wish = {"ms": asked.latency_ms, "p99_ms": asked.latency_p99_ms}
            await asyncio.to_thread(on.sandbox.post, "/__control/latency", wish)
            await asyncio.sleep(1.0)  # the workers' first seconds are not what is measured
            say(f"{asked.companies} companies, {asked.workers} workers, {asked.kills} kills")
            await on.start()
            killing = asyncio.create_task(kill_some(on, asked, say))
            try:
                seconds = await on.until_done(PATIENCE_S, say)
            finally:
                killing.cancel()
            retried = await recover(on, say)
            return await _report(on, asked, seconds) | {"retried": retried}


async def recover(on: Trial, say: Callable[[str], None]) -> int:
    """What kills had given up is retried when the storm is over, until nothing is left; gives how many jobs that were."""
    retried = 0
    await on.until_settled(PATIENCE_S)
    while count := await on.retry():
        say(f"  {count} jobs given up under kills: retried")
        retried += count
        await on.until_done(PATIENCE_S, say)
        await on.until_settled(PATIENCE_S)
    return retried


@contextmanager
def folder_for() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="headwater-trial-") as folder:
        # Run by root, the server is another user's, who must be able to enter.
        Path(folder).chmod(0o711)
        yield folder


async def kill_some(on: Trial, asked: Asked, say: Callable[[str], None]) -> None:
    luck = random.Random(asked.seed)  # noqa: S311
    done = 0
    while done < asked.kills:
        await asyncio.sleep(luck.expovariate(1 / asked.every_s))
        living = on.nursery.living("worker")
        if living and on.nursery.kill(luck.choice(living)):
            done += 1
    say(f"  {done} workers killed")


async def _report(on: Trial, asked: Asked, seconds: float) -> dict[str, Any]:
    async with transaction(on.pool, on.tenant) as tx:
        steps, sites = await enrichments.costs(tx, on.tenant), await enrichments.sites(tx, on.tenant)
        calls = await enrichments.calls_by_state(tx, on.tenant)
        answered = await enrichments.paid_and_answered(tx, on.tenant)
    bill = await asyncio.to_thread(read_bill, on.sandbox)
    paces = paces_of(Settings(**on.settings))
    bounds = bounds_of(asked, bill, paces, sites)
    return {
        "companies": asked.companies,
        "workers": asked.workers,
        "concurrency": asked.concurrency,
        "kills": len(on.nursery.kills),
        "seconds": seconds,
        "bound_s": max(bounds.values()),
        "ratio": seconds / max(bounds.values()),
        "bounds": bounds,
        "requests": bill.requests,
        "paid_requests": bill.paid,
        "paid_and_answered": answered,
        "credits": bill.credits,
        "over_limit": await asyncio.to_thread(breaches, on.sandbox, paces),
        "calls": calls,
        "steps": steps,
        "sites": _tally([str(s["outcome"]) for s in sites]),
        "bill": bill.lines,
        "ways": {s["domain"]: (s["operations"], s["lost"]) for s in sites},
    }


def paces_of(settings: Settings) -> dict[str, tuple[str, Pace]]:
    """operation -> (vendor, its pace), as the workers keep it."""
    operations, _ = lookups.build(settings)
    specs = [effective(op.spec, settings) for op in operations.values()]
    return {f"{s.vendor}.{s.operation}": (s.vendor, s.pace) for s in specs}


def bounds_of(
    asked: Asked,
    bill: Bill,
    paces: dict[str, tuple[str, Pace]],
    sites: list[dict[str, Any]],
    at_once: int | None = None,
) -> dict[str, float]:
    """Seconds that no system could go below: each vendor at its full rate, and the chains of waits over all jobs at once.

    `at_once`: companies that may be under way at the same time, if fewer than there are places for jobs.
    A site is asked for one page at a time, CRAWL_DELAY_S or its own Crawl-delay apart, and one that answers late is left in peace
    for as long again (`db.hosts.release`); a vendor's question takes its mean latency.
    """
    chain = chains_of(asked, sites)
    seats = min(asked.workers * asked.concurrency, at_once or len(sites) or 1)
    found = {"chains": shortest(chain, seats), "longest chain": max(chain, default=0.0)}
    by_pace: dict[str, tuple[Pace, int]] = {}
    for name, (_, pace) in paces.items():
        known = by_pace.get(pace.name, (pace, 0))[1]
        by_pace[pace.name] = (pace, known + bill.by_operation.get(name, 0))
    for name, (pace, count) in by_pace.items():
        for window in pace.windows:
            # A window's worth may come at once; the next only when the window is over.
            windows_over = max(0, count - 1) // window.limit
            found[f"{name} {window.limit}/{window.seconds:g}s"] = windows_over * window.seconds
    return {name: round(value, 2) for name, value in found.items() if value > 0}


def shortest(lengths: Sequence[float], places: int) -> float:
    """The least seconds in which tasks of `lengths` seconds can be done in so many places, one after the other in each.

    Not less than the longest, nor than their sum over the places; and of the k * places + 1 longest ones some place has k + 1, so
    not less than the k + 1 shortest of those (the usual bounds on equal machines, e.g. Pinedo, Scheduling, chapter 5).
    """
    down = sorted(lengths, reverse=True)
    crowded = [sum(down[k * places - k : k * places + 1]) for k in range(1, (len(down) - 1) // places + 1)]
    return max(down[0], sum(down) / places, *crowded) if down else 0.0


def in_turn(lengths: Sequence[float], places: int) -> float:
    """Seconds until the last of tasks is done that begin in this order, each as soon as a place is free (list scheduling)."""
    free_at = [0.0] * places
    for length in lengths:
        heapq.heappush(free_at, heapq.heappop(free_at) + length)
    return max(free_at)


def chains_of(asked: Asked, sites: list[dict[str, Any]]) -> list[float]:
    """Seconds of waiting that follow each other for each company: its pages, then the vendors' answers, some not ready at first."""
    mean_s = _mean_s(asked.latency_ms, asked.latency_p99_ms)
    slow = _slow_sites()
    return [
        max(0, s["requests"] - 1) * max(slow.get(s["domain"], Settings().crawl_delay_s), mean_s)
        + mean_s * (min(1, s["requests"]) + s["asked"])
        + s["put_off"] * (PENDING_S + mean_s)
        for s in sites
    ]


def _slow_sites() -> dict[str, float]:
    """domain -> seconds from one page to the next, for the sites of the world that ask for a distance or answer late."""
    world, distance = World(7), {"delay": float(CRAWL_DELAY_S), "slow": 2 * SLOW_S}
    kinds = {c.domain: kind(world, c) for c in world.companies(None)}
    return {domain: distance[what] for domain, what in kinds.items() if what in distance}


def _mean_s(median_ms: float, p99_ms: float) -> float:
    """The mean of a log-normal distribution by its median and 99th percentile, in seconds."""
    sigma = math.log(p99_ms / median_ms) / 2.326 if p99_ms > median_ms > 0 else 0.0
    return median_ms / 1000 * math.exp(sigma * sigma / 2)


def _tally(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def compare(calm: dict[str, Any], stormy: dict[str, Any]) -> dict[str, Any]:
    """What the kills changed: questions billed twice, paid requests beyond the calm trial's, and what the ledger calls unknown.

    All is well when nothing was billed twice, what is missing of the calm trial's paid answers lies within those that were lost,
    and nobody was asked otherwise without a loss. The vendors' bill may exceed the calm one's: a field whose answer was lost
    passes to the next vendor (law 5), which is paid too, and so may be the one after it.
    """
    twice = [key for key, line in stormy["bill"].items() if line["billed"] > 1]
    # What was sent and never settled: its sender died or lost the answer, and nobody asked since.
    unknown = sum(stormy["calls"].get(state, 0) for state in ("forfeited", "sent", "unknown"))
    difference = stormy["paid_requests"] - calm["paid_requests"]
    # A lost answer passes to the next vendor, and what that one says may lead to further questions: those leads go another way.
    other = {domain for domain, (asked, _) in stormy["ways"].items() if asked != calm["ways"].get(domain, ([],))[0]}
    lost = {domain for domain, (_, lost) in stormy["ways"].items() if lost}
    return {
        "billed_twice": len(twice),
        "twice": twice[:20],
        "paid_requests_calm": calm["paid_requests"],
        "paid_requests": stormy["paid_requests"],
        "difference": difference,
        "no_more_than_calm": difference <= 0,
        "within_the_unknowns": abs(difference) <= unknown,
        "paid_and_answered": stormy["paid_and_answered"],
        "unknown": unknown,
        # Where that is free: lost answers that were had after all.
        "asked_again": sum(line["answered"] - 1 for line in stormy["bill"].values()),
        "retried": stormy["retried"],
        "leads_that_lost_an_answer": len(lost),
        "leads_asked_otherwise": len(other),
        "otherwise_without_a_loss": len(other - lost),
        "ok": not twice and calm["paid_requests"] - stormy["paid_and_answered"] <= unknown and not other - lost,
    }
