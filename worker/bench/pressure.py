"""What an installation that has run for long, or is overrun, costs: dispatch and drain beside the same on empty tables.

`headwater bench --only pressure`. Each pressed pass has a calm one beside it; a loss is what is missing to that, in per cent.
Beside it stands the loss by processor time (worker and server together), which says more where others use the machine meanwhile.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from db import bench_pressure
from db.direct import direct
from db.transaction import DbRole, transaction
from worker.bench import stock
from worker.bench.cpu import Rate
from worker.bench.figures import hand_off, work_off
from worker.bench.ground import Ground, empty, fill, ground, settle
from worker.bench.snapshots import holding

CONCURRENCY = 50
#: Sizes at scale 1: events of a pass, finished executions, backlog, future events, events that pass while a snapshot is held.
PASS, FINISHED, BACKLOG, FUTURE, HELD = 40_000, 1_000_000, 1_000_000, 100_000, 200_000
#: In how many rounds those pass, and how many of them are the last fifth.
ROUNDS, LAST = 10, 2
#: Jobs that stock drains under a held snapshot, and the share at either end that is compared.
STOCK_HELD, STOCK_SHARE = 5_000, 1_000
DAY_S = 86_400.0
#: Losses aimed at, in per cent: at most so much.
AIMS: Mapping[str, float] = {
    **{f"{case} {what}": 10 for case in ("finished", "backlog", "future") for what in ("dispatch", "drain")},
    "held dispatch": 25,
}
Passed = tuple[Rate, Rate]
Say = Callable[[str], None]


async def measure(url: str, *, repeat: int, scale: float, say: Say) -> dict[str, Any]:
    """Measure on the migrated database `url`, which must be nobody else's; gives losses by figure, in per cent."""
    losses: dict[str, list[float]] = {}
    rates: dict[str, list[Rate]] = {}
    stocks: list[tuple[float, float]] = []
    async with ground(url) as on:
        await _pass(on, int(PASS * scale))  # caches and files are warm
        for nth in range(1, repeat + 1):
            say(f"repetition {nth} of {repeat}")
            for name, case in CASES.items():
                calm, pressed = await case(on, scale)
                for at, what in enumerate(("dispatch", "drain")):
                    beside = ([c[at] for c in calm], [p[at] for p in pressed])
                    _note(losses, rates, f"{name} {what}", *beside, say)
                    if name == "held":
                        _note(losses, rates, f"{name} {what}, last fifth", beside[0][-LAST:], beside[1][-LAST:], say)
            held = await stock.held(url, int(STOCK_HELD * max(0.4, scale)), int(STOCK_SHARE * max(0.4, scale)))
            say(f"  stock under a held snapshot: {held[0]:,.0f} -> {held[1]:,.0f} jobs/s")
            stocks.append(held)
    return _report(losses, rates, stocks, scale)


def _note(
    losses: dict[str, list[float]],
    rates: dict[str, list[Rate]],
    name: str,
    calm: Sequence[Rate],
    pressed: Sequence[Rate],
    say: Say,
) -> None:
    before, after = _per_s(calm), _per_s(pressed)
    losses.setdefault(name, []).append(100 * (1 - after / before))
    rates.setdefault(f"{name} calm", []).extend(calm)
    rates.setdefault(name, []).extend(pressed)
    cost = statistics.median((r.server_us or 0.0) for r in pressed) - statistics.median(
        (r.server_us or 0.0) for r in calm
    )
    say(
        f"  {name:<22} {before:>8,.0f} -> {after:>8,.0f}/s   {losses[name][-1]:+.1f} % lost, server {cost:+.1f} us each"
    )


def _per_s(rates: Sequence[Rate]) -> float:
    """Of several passes of the same size together."""
    return len(rates) / sum(1 / rate.per_s for rate in rates)


def _report(
    losses: Mapping[str, Sequence[float]],
    rates: Mapping[str, Sequence[Rate]],
    stocks: Sequence[tuple[float, float]],
    scale: float,
) -> dict[str, Any]:
    first, last = (statistics.median(each[at] for each in stocks) for at in (0, 1))
    held = {
        "jobs": int(STOCK_HELD * max(0.4, scale)),
        "first_per_s": round(first),
        "last_per_s": round(last),
        "loss_percent": round(100 * (1 - last / first), 1),
    }
    return {
        "scale": scale,
        "losses": {
            name: {
                "percent": round(statistics.median(seen), 1),
                "spread": [round(min(seen), 1), round(max(seen), 1)],
                "by_cpu_percent": _by_cpu(rates[f"{name} calm"], rates[name]),
                "aim_percent": AIMS.get(name),
                "calm_per_s": round(statistics.median(r.per_s for r in rates[f"{name} calm"])),
                "per_s": round(statistics.median(r.per_s for r in rates[name])),
                "calm_server_us": round(statistics.median(r.server_us or 0.0 for r in rates[f"{name} calm"]), 1),
                "server_us": round(statistics.median(r.server_us or 0.0 for r in rates[name]), 1),
            }
            for name, seen in losses.items()
        },
        "stock_held": held,
    }


def _by_cpu(calm: Sequence[Rate], pressed: Sequence[Rate]) -> float:
    """What a machine that has nothing else to do would lose, in per cent."""
    before, after = (statistics.fmean(r.worker_us + (r.server_us or 0.0) for r in rates) for rates in (calm, pressed))
    return round(100 * (1 - before / after), 1)


async def _pass(on: Ground, events: int, *, known: bool = True, filled: bool = False) -> Passed:
    """`events` dispatched, then drained. `known`: the planner has fresh statistics. `filled`: they stand in the outbox already."""
    events = events // len(on.tenants) * len(on.tenants)  # as many as `fill` makes
    if not filled:
        await fill(on, events)
    if known:
        await settle(on)
    dispatched = await hand_off(on, events)
    if known:
        await settle(on)
    return dispatched, await work_off(on, events, CONCURRENCY)


async def _finished(on: Ground, scale: float) -> tuple[list[Passed], list[Passed]]:
    events = int(PASS * scale)
    await empty(on)
    calm = [await _pass(on, events)]
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench_pressure.finished(tx, on.tenants, int(FINISHED * scale))
    await _vacuum(on)
    await _pass(
        on, events
    )  # the first to touch a page after a checkpoint writes all of it into the log: not what lasts
    pressed = [await _pass(on, events) for _ in range(2)]
    await empty(on)
    return [*calm, await _pass(on, events)], pressed


async def _backlog(on: Ground, scale: float) -> tuple[list[Passed], list[Passed]]:
    events = int(PASS * scale)
    await empty(on)
    calm = [await _pass(on, events)]
    pressed = []
    for _ in range(2):
        await empty(on)
        await _vacuum(on)  # so that the planner believes there is nothing
        async with _unknown(on):
            async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
                await bench_pressure.waiting(tx, on.tenants, int(BACKLOG * scale))
            pressed.append(await _pass(on, events, known=False, filled=True))
    await empty(on)
    return [*calm, await _pass(on, events)], pressed


async def _future(on: Ground, scale: float) -> tuple[list[Passed], list[Passed]]:
    events = int(PASS * scale)
    await empty(on)
    calm = [await _pass(on, events)]
    await empty(on)
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench_pressure.waiting(tx, on.tenants, int(FUTURE * scale), due_in_s=DAY_S)
    pressed = [await _pass(on, events) for _ in range(2)]
    await empty(on)
    return [*calm, await _pass(on, events)], pressed


async def _held(on: Ground, scale: float) -> tuple[list[Passed], list[Passed]]:
    await empty(on)
    calm = await _rounds(on, scale)
    await empty(on)
    async with holding(on.url):
        pressed = await _rounds(on, scale)
    await empty(on)
    return calm, pressed


async def _rounds(on: Ground, scale: float) -> list[Passed]:
    return [await _pass(on, int(HELD * scale / ROUNDS)) for _ in range(ROUNDS)]


CASES: Mapping[str, Callable[[Ground, float], Awaitable[tuple[list[Passed], list[Passed]]]]] = {
    "finished": _finished,
    "backlog": _backlog,
    "future": _future,
    "held": _held,
}


async def _vacuum(on: Ground) -> None:
    async with direct(on.url) as login:
        await bench_pressure.vacuum(login)


@asynccontextmanager
async def _unknown(on: Ground) -> AsyncIterator[None]:
    async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
        await bench_pressure.stale(tx, True)
    try:
        yield
    finally:
        async with transaction(on.pool, None, role=DbRole.OWNER) as tx:
            await bench_pressure.stale(tx, False)


def table(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    rows = [f"| {name} | {_cells(seen)} |" for name, seen in report["losses"].items()]
    held = report["stock_held"]
    return "\n".join(
        [
            "| pressure | lost | spread | by CPU | aim | a second | server us each |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Stock Procrastinate under a held snapshot: {held['first_per_s']:,} jobs/s at first, {held['last_per_s']:,} after"
            f" {held['jobs']:,} jobs ({held['loss_percent']} % lost).",
        ]
    )


def _cells(seen: Mapping[str, Any]) -> str:
    low, high = seen["spread"]
    return " | ".join(
        (
            f"{seen['percent']} %",
            f"{low} - {high}",
            f"{seen['by_cpu_percent']} %",
            _aim(seen["aim_percent"]),
            f"{seen['calm_per_s']:,} -> {seen['per_s']:,}",
            f"{seen['calm_server_us']:.0f} -> {seen['server_us']:.0f}",
        )
    )


def _aim(percent: float | None) -> str:
    return "" if percent is None else f"< {percent:g} %"
