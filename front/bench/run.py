"""Every figure, repeated and interleaved: a repetition goes once through all of them, so that what the machine does hits each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.wake import Wake
from front.bench import intake, pressed, processes, report
from worker.bench import ablation, figures, floor, late, stock
from worker.bench.cpu import Rate
from worker.bench.ground import Ground, accounted, empty, ground, lost_and_doubled, shared
from worker.dispatcher import LANES

#: The figure quoted for drain and framed; the others are measured beside it.
CONCURRENCY = 50
CONCURRENCIES = (1, 10, 50, 100)
CLIENTS = (1, 16, 64)
#: What a slower disk takes for a flush, in microseconds.
FLUSH_US = 2000
DUPLICATES = 0.1
BUSY_PER_S = 1000


@dataclass(slots=True)
class Seen:
    """What was measured: rates by figure, one a repetition; latencies; events that were lost or done twice; late finishes."""

    rates: dict[str, list[Rate]] = field(default_factory=dict)
    waits: dict[str, list[list[float]]] = field(default_factory=dict)
    laws: list[dict[str, dict[str, Rate]]] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    late: int = 0
    late_accepted: int = 0

    def count(self, lost: int, doubled: int) -> None:
        self.lost, self.doubled = self.lost + lost, self.doubled + doubled


async def measure(url: str, *, repeat: int, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure on the migrated database `url`, which must be nobody else's; gives the report.

    `scale` 1.0 is about three minutes a repetition. What pressure costs is measured once, at the end.
    Raises: RuntimeError when something measured did not do its work.
    """
    seen = Seen()
    async with ground(url) as on:
        await figures.prepare_emit(on)
        for nth in range(1, repeat + 1):
            say(f"repetition {nth} of {repeat}")
            await _dispatch(on, scale, seen, say)
            await _drain(on, scale, seen, say)
            await _latency(on, scale, seen, say)
            await _emit(on, scale, seen, say)
            await _intake(on, scale, seen, say)
            await _come_late(on, seen, say)
            seen.laws.append(await ablation.measure(on, scale, lambda name, rate: say(_line(name, rate))))
    say("under pressure")
    losses = await pressed.measure(url, repeat=1, scale=scale, say=say)
    seen.count(losses["lost"], losses["doubled"])
    counts = {
        "lost": seen.lost, "doubled": seen.doubled,
        "late_finishes": seen.late, "late_finishes_accepted": seen.late_accepted,
    }  # fmt: skip
    return {
        **report.of(seen.rates, seen.waits, counts, losses),
        "ablation": ablation.report(seen.laws),
    }


def _note(seen: Seen, name: str, rate: Rate, say: Callable[[str], None]) -> None:
    seen.rates.setdefault(name, []).append(rate)
    say(_line(name, rate))


def _line(name: str, rate: Rate) -> str:
    server = "" if rate.server_us is None else f" + server {rate.server_us:.0f}"
    return f"  {name:<28} {rate.per_s:>9,.0f}/s   {rate.worker_us:.0f}{server} us each"


async def _dispatch(on: Ground, scale: float, seen: Seen, say: Callable[[str], None]) -> None:
    events = int(40_000 * scale)
    for name, dispatchers, lanes, duplicates in (
        ("dispatch one lane", 1, 1, 0.0),
        ("dispatch", 1, LANES, 0.0),
        ("dispatch two", 2, 1, 0.0),
        ("dispatch duplicates", 1, LANES, DUPLICATES),
    ):
        await empty(on)
        rate = await figures.dispatch(on, events, dispatchers=dispatchers, lanes=lanes, duplicates=duplicates)
        _note(seen, name, rate, say)
        seen.count(*await accounted(on, shared(on, events)))
    _note(seen, "defer stock", await stock.defer(on.url, int(10_000 * scale), on.server), say)


async def _drain(on: Ground, scale: float, seen: Seen, say: Callable[[str], None]) -> None:
    for concurrency in CONCURRENCIES:
        jobs = int((4_000 if concurrency == 1 else 20_000) * scale)
        await empty(on)
        _note(seen, f"drain {concurrency}", await figures.drain(on, jobs, concurrency), say)
        await _count(on, jobs, seen)
    _note(seen, "drain stock", await stock.drain(on.url, int(4_000 * scale), CONCURRENCY, on.server), say)
    _note(seen, "drain floor", await floor.drain(on.url, int(40_000 * scale), on.server), say)
    for name, many in (("drain one process", 1), ("drain two processes", 2)):
        await empty(on)
        _note(seen, name, await processes.drain(on, int(100_000 * scale), many, CONCURRENCY), say)
        await _count(on, int(100_000 * scale), seen)
    jobs = int(8_000 * scale)
    await empty(on)
    _note(seen, "framed", await figures.drain(on, jobs, CONCURRENCY, framed=True), say)
    await _count(on, jobs, seen)
    _note(seen, "framed stock", await stock.framed(on.url, int(2_000 * scale), CONCURRENCY, on.server), say)


async def _count(on: Ground, jobs: int, seen: Seen) -> None:
    seen.count(*await lost_and_doubled(on, max(1, jobs // len(on.tenants)) * len(on.tenants)))


async def _latency(on: Ground, scale: float, seen: Seen, say: Callable[[str], None]) -> None:
    wake = Wake(on.url)
    wake.start()
    try:
        for name, samples, per_s in (
            ("idle", int(300 * scale), 0),
            ("busy", int(4 * BUSY_PER_S * scale), BUSY_PER_S),
        ):
            await empty(on)
            waits = await figures.latency(on, max(20, samples), wake.soon, per_s=per_s)
            _waited(seen, name, waits, say)
            seen.count(*await lost_and_doubled(on, max(20, samples) + (0 if per_s else figures.WARM_UP)))
    finally:
        await wake.stop()
    _waited(seen, "stock", await stock.latency(on.url, max(20, int(300 * scale))), say)


def _waited(seen: Seen, name: str, waits: Sequence[float], say: Callable[[str], None]) -> None:
    ordered = sorted(waits)
    seen.waits.setdefault(name, []).append(ordered)
    say(f"  latency {name:<20} p50 {report.at(ordered, 0.5):.2f} ms, p99 {report.at(ordered, 0.99):.2f} ms")


async def _emit(on: Ground, scale: float, seen: Seen, say: Callable[[str], None]) -> None:
    for flush_us in (0, FLUSH_US):
        for clients in CLIENTS:
            await empty(on)
            event, bare = await figures.emit(on, clients, max(0.2, 2.0 * scale), flush_us=flush_us)
            name = f"emit {clients}" + (" slow disk" if flush_us else "")
            _note(seen, name, event, say)
            _note(seen, f"{name} bare", bare, say)


async def _intake(on: Ground, scale: float, seen: Seen, say: Callable[[str], None]) -> None:
    await empty(on)
    async with intake.served(on) as desk:
        created, bare = await intake.rates(on, desk, max(0.3, 3.0 * scale))
    _note(seen, "create run", created, say)
    _note(seen, "create run bare", bare, say)


async def _come_late(on: Ground, seen: Seen, say: Callable[[str], None]) -> None:
    await empty(on)
    tried, accepted = await late.finishes(on, late.JOBS)
    seen.late, seen.late_accepted = seen.late + tried, seen.late_accepted + accepted
    await _count(on, late.JOBS, seen)
    say(f"  late finishes {tried:,}, accepted {accepted:,}")
