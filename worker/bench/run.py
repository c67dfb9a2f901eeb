"""`headwater bench`: every figure, repeated and interleaved, medians with their spread, stock Procrastinate in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from worker.bench import figures
from worker.bench.ground import Ground, empty, ground, lost_and_doubled
from worker.queue import stock

CONCURRENCY = 50
CLIENTS = (1, 16, 64)


async def measure(url: str, *, repeat: int, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure on the migrated database `url`, which must be nobody else's. `scale` 1.0 is about two minutes a repetition.

    Rates are per second, latencies milliseconds. `lost` and `doubled` count over all drained jobs and must be 0.
    """
    seen: dict[str, list[float]] = {}
    waits: list[float] = []
    lost = doubled = 0
    async with ground(url) as on:
        await figures.prepare_emit(on)
        for nth in range(1, repeat + 1):
            say(f"repetition {nth} of {repeat}")
            for name, value in (await _rates(on, scale, say)).items():
                seen.setdefault(name, []).append(value)
            drained = int(20_000 * scale) // len(on.tenants) * len(on.tenants)
            await empty(on)
            _note(seen, "drain", await figures.drain(on, drained, CONCURRENCY), say)
            gone, twice = await lost_and_doubled(on, drained)
            lost, doubled = lost + gone, doubled + twice
            _note(seen, "stock_drain", await stock.drain(url, int(4_000 * scale), CONCURRENCY), say)
            await empty(on)
            waits += await figures.latency(on, int(300 * scale))
    return _report(seen, sorted(waits), lost, doubled)


def _note(seen: dict[str, list[float]], name: str, value: float, say: Callable[[str], None]) -> None:
    seen.setdefault(name, []).append(value)
    say(f"  {name:<22} {value:>10,.2f}" if value < 100 else f"  {name:<22} {value:>10,.0f}")


async def _rates(on: Ground, scale: float, say: Callable[[str], None]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for dispatchers in (1, 2):
        await empty(on)
        _note(
            found,
            f"dispatch_{dispatchers}",
            await figures.dispatch(on, int(40_000 * scale), dispatchers=dispatchers),
            say,
        )
    await empty(on)
    _note(found, "framed", await figures.drain(on, int(6_000 * scale), CONCURRENCY, framed=True), say)
    for clients in CLIENTS:
        await empty(on)
        seconds = max(0.3, 2.0 * scale)
        base = await figures.emit(on, clients, seconds, baseline=True)
        with_event = await figures.emit(on, clients, seconds, baseline=False)
        _note(found, f"emit_ratio_{clients}", with_event / base, say)
        found[f"emit_tps_{clients}"] = [with_event]
    return {name: values[0] for name, values in found.items()}


def _report(seen: dict[str, list[float]], waits: list[float], lost: int, doubled: int) -> dict[str, Any]:
    middle = {name: statistics.median(values) for name, values in seen.items()}
    ratios = {str(clients): round(middle[f"emit_ratio_{clients}"], 3) for clients in CLIENTS}
    return {
        "drain": {
            "jobs_per_s": round(middle["drain"]),
            "stock_jobs_per_s": round(middle["stock_drain"]),
            "ratio": round(middle["drain"] / middle["stock_drain"], 2),
            "concurrency": CONCURRENCY,
        },
        "dispatch": {
            "events_per_s": round(middle["dispatch_1"]),
            "two_dispatchers_events_per_s": round(middle["dispatch_2"]),
        },
        "latency_ms": {name: round(_at(waits, part), 2) for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))},
        "emit": {"ratio": min(ratios.values()), "by_clients": ratios},
        "framed": {"jobs_per_s": round(middle["framed"])},
        "lost": lost,
        "doubled": doubled,
        "repetitions": len(seen["drain"]),
        "spread": {name: [round(min(values), 3), round(max(values), 3)] for name, values in seen.items()},
    }


def _at(waits: list[float], part: float) -> float:
    return waits[min(len(waits) - 1, int(len(waits) * part))] if waits else 0.0


def table(report: dict[str, Any]) -> str:
    """The report as a Markdown table."""
    drain, wait = report["drain"], report["latency_ms"]
    rows = [
        (
            "drain, no-op jobs, concurrency 50",
            f"{drain['jobs_per_s']:,} jobs/s",
            f"{drain['ratio']} x stock ({drain['stock_jobs_per_s']:,})",
        ),
        ("framed jobs (load and write transactions)", f"{report['framed']['jobs_per_s']:,} jobs/s", ""),
        ("dispatch, one dispatcher", f"{report['dispatch']['events_per_s']:,} events/s", ""),
        ("dispatch, two dispatchers", f"{report['dispatch']['two_dispatchers_events_per_s']:,} events/s", ""),
        ("commit to handler, idle", f"p50 {wait['p50']} ms", f"p95 {wait['p95']}, p99 {wait['p99']}"),
        ("emit beside a bare insert", f"{report['emit']['ratio']}", str(report["emit"]["by_clients"])),
        ("lost / doubled", f"{report['lost']} / {report['doubled']}", ""),
    ]
    lines = ["| figure | value | beside it |", "|---|---|---|", *[f"| {a} | {b} | {c} |" for a, b, c in rows]]
    return "\n".join(lines)
