"""What an installation that has run for long, or is overrun, costs: dispatch and drain beside the same on empty tables.

`headwater bench --only pressure`. Each pressed pass has a calm one beside it; a loss is what is missing to that, in per cent.
Beside it stands the loss by processor time (worker and server together), which says more where others use the machine meanwhile.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from db import bench_pressure
from db.direct import direct
from db.transaction import DbRole, transaction
from worker.bench import stock
from worker.bench.cpu import Rate
from worker.bench.figures import hand_off, through, work_off
from worker.bench.ground import Ground, accounted, empty, fill, ground, settle, shared
from worker.bench.snapshots import holding

CONCURRENCY = 50
#: Sizes at scale 1: events of a pass, finished executions, backlog, future events, events that pass while a snapshot is held.
PASS, FINISHED, BACKLOG, FUTURE, HELD = 40_000, 1_000_000, 1_000_000, 100_000, 200_000
#: In how many rounds those pass, and how many of them are the last fifth. So many are handed off and worked off at once instead.
ROUNDS, LAST, BOTH = 10, 2, 5
#: Jobs that stock drains under a held snapshot, and the share at either end that is compared.
STOCK_HELD, STOCK_SHARE = 5_000, 1_000
DAY_S = 86_400.0
#: Dispatch and drain one after the other, without the buffer's limit; and both at once, with the limit that is the default.
ALONE, AT_ONCE = ("dispatch", "drain"), "both, default buffer"
#: Losses aimed at, in per cent: at most so much.
AIMS: Mapping[str, float] = {
    **{f"{case} {what}": 10 for case in ("finished", "backlog", "future") for what in (*ALONE, AT_ONCE)},
    "held dispatch": 25,
}
Passed = Mapping[str, Rate]
Say = Callable[[str], None]


@dataclass(slots=True)
class Books:
    """How many events there ever were since all was empty; what became of fewer, or of more, is noted before it is empty again."""

    on: Ground
    put: int = 0
    lost: int = 0
    doubled: int = 0

    async def fill(self, events: int) -> None:
        await fill(self.on, events)
        self.put += shared(self.on, events)

    async def clear(self) -> None:
        lost, doubled = await accounted(self.on, self.put)
        self.put, self.lost, self.doubled = 0, self.lost + lost, self.doubled + doubled
        await empty(self.on)


async def measure(url: str, *, repeat: int, scale: float, say: Say) -> dict[str, Any]:
    """Measure on the migrated database `url`, which must be nobody else's; gives losses by figure, in per cent."""
    losses: dict[str, list[float]] = {}
    rates: dict[str, list[Rate]] = {}
    stocks: list[tuple[float, float]] = []
    async with ground(url) as on:
        await empty(on)
        books = Books(on)
        await _pass(books, int(PASS * scale))  # caches and files are warm
        for nth in range(1, repeat + 1):
            say(f"repetition {nth} of {repeat}")
            for name, case in CASES.items():
                calm, pressed = await case(books, scale)
                for what in (*ALONE, AT_ONCE):
                    beside = ([c[what] for c in calm if what in c], [p[what] for p in pressed if what in p])
                    _note(losses, rates, f"{name} {what}", *beside, say)
                    if name == "held" and what in ALONE:
                        _note(losses, rates, f"{name} {what}, last fifth", beside[0][-LAST:], beside[1][-LAST:], say)
            held = await stock.held(url, int(STOCK_HELD * max(0.4, scale)), int(STOCK_SHARE * max(0.4, scale)))
            say(f"  stock under a held snapshot: {held[0]:,.0f} -> {held[1]:,.0f} jobs/s")
            stocks.append(held)
    return {**_report(losses, rates, stocks, scale), "lost": books.lost, "doubled": books.doubled}


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
        f"  {name:<29} {before:>8,.0f} -> {after:>8,.0f}/s   {losses[name][-1]:+.1f} % lost, server {cost:+.1f} us each"
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


async def _pass(books: Books, events: int, *, known: bool = True, filled: bool = False) -> Passed:
    """`events` dispatched, then drained; as many again both at once. `known`: the planner has fresh statistics.

    `filled`: they stand in the outbox already.
    """
    alone = await _alone(books, events, known=known, filled=filled)
    return {**alone, **await _at_once(books, events, known=known, filled=filled)}


async def _alone(books: Books, events: int, *, known: bool = True, filled: bool = False) -> Passed:
    on, events = books.on, shared(books.on, events)
    if not filled:
        await books.fill(events)
    if known:
        await settle(on)
    dispatched = await hand_off(on, events)
    if known:
        await settle(on)
    return {"dispatch": dispatched, "drain": await work_off(on, events, CONCURRENCY)}


async def _at_once(books: Books, events: int, *, known: bool = True, filled: bool = False) -> Passed:
    if not filled:
        await books.fill(events)
    if known:
        await settle(books.on)
    return {AT_ONCE: await through(books.on, shared(books.on, events))}


async def _finished(books: Books, scale: float) -> tuple[list[Passed], list[Passed]]:
    events, finished = int(PASS * scale), int(FINISHED * scale)
    await books.clear()
    calm = [await _pass(books, events)]
    async with transaction(books.on.pool, None, role=DbRole.OWNER) as tx:
        await bench_pressure.finished(tx, books.on.tenants, finished)
    books.put += finished
    await _vacuum(books.on)
    # The first to touch a page after a checkpoint writes all of it into the log: not what lasts.
    await _pass(books, events)
    pressed = [await _pass(books, events) for _ in range(2)]
    await books.clear()
    return [*calm, await _pass(books, events)], pressed


async def _backlog(books: Books, scale: float) -> tuple[list[Passed], list[Passed]]:
    events = int(PASS * scale)
    await books.clear()
    calm = [await _pass(books, events)]
    pressed = []
    for _ in range(2):
        await books.clear()
        await _vacuum(books.on)  # so that the planner believes there is nothing
        async with _unknown(books.on):
            await _waiting(books, int(BACKLOG * scale))
            pressed.append(await _pass(books, events, known=False, filled=True))
    await books.clear()
    return [*calm, await _pass(books, events)], pressed


async def _future(books: Books, scale: float) -> tuple[list[Passed], list[Passed]]:
    events = int(PASS * scale)
    await books.clear()
    calm = [await _pass(books, events)]
    await books.clear()
    await _waiting(books, int(FUTURE * scale), due_in_s=DAY_S)
    pressed = [await _pass(books, events) for _ in range(2)]
    await books.clear()
    return [*calm, await _pass(books, events)], pressed


async def _waiting(books: Books, how_many: int, *, due_in_s: float = 0.0) -> None:
    async with transaction(books.on.pool, None, role=DbRole.OWNER) as tx:
        await bench_pressure.waiting(tx, books.on.tenants, how_many, due_in_s=due_in_s)
    books.put += how_many


async def _held(books: Books, scale: float) -> tuple[list[Passed], list[Passed]]:
    """Dispatch and drain in rounds under one snapshot, both at once under another."""
    calm: list[Passed] = []
    pressed: list[Passed] = []
    for rounds, work in ((ROUNDS, _alone), (BOTH, _at_once)):
        await books.clear()
        calm += [await work(books, int(HELD * scale / ROUNDS)) for _ in range(rounds)]
        await books.clear()
        async with holding(books.on.url):
            pressed += [await work(books, int(HELD * scale / ROUNDS)) for _ in range(rounds)]
    await books.clear()
    return calm, pressed


CASES: Mapping[str, Callable[[Books, float], Awaitable[tuple[list[Passed], list[Passed]]]]] = {
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


def table(report: Mapping[str, Any]) -> list[str]:
    """The report as lines of Markdown."""
    rows = [f"| {name} | {_cells(seen)} |" for name, seen in report["losses"].items()]
    held = report["stock_held"]
    return [
        "| pressure | lost | spread | by CPU | aim | a second | server us each |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Stock Procrastinate under a held snapshot: {held['first_per_s']:,} jobs/s at first, {held['last_per_s']:,} after"
        f" {held['jobs']:,} jobs ({held['loss_percent']} % lost).",
        f"Lost / doubled: {report['lost']} / {report['doubled']}.",
    ]


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
