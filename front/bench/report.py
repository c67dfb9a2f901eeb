"""What was measured, as one JSON object with the keys scripts rely on (design section 8), and as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from front.bench import aims, pressed
from worker.bench import ablation
from worker.bench.cpu import Rate

Rates = Mapping[str, Sequence[Rate]]


def of(
    rates: Rates,
    waits: Mapping[str, Sequence[Sequence[float]]],
    counts: Mapping[str, int],
    losses: Mapping[str, Any],
) -> dict[str, Any]:
    """Medians over the repetitions. Rates are per second, latencies milliseconds, ratios of what was measured in turns.

    `figures` has every rate with its spread and the processor time of a thousand, in milliseconds, of this process and the server.
    """
    drain, stock = _middle(rates, "drain 50"), _middle(rates, "drain stock")
    emit = {str(n): _ratio(rates, f"emit {n}") for n in _clients(rates)}
    slow = {str(n): _ratio(rates, f"emit {n} slow disk") for n in _clients(rates)}
    idle, busy, stocks = (_latencies(waits[name]) for name in ("idle", "busy", "stock"))
    report = {
        "drain": {
            "jobs_per_s": drain,
            "stock_jobs_per_s": stock,
            "ratio": round(drain / stock, 2),
            "concurrency": 50,
            "floor_jobs_per_s": _middle(rates, "drain floor"),
            "floor_ratio": _ratio(rates, "drain 50", "drain floor"),
            "two_to_one": _ratio(rates, "drain two processes", "drain one process"),
        },
        "dispatch": {
            "events_per_s": _middle(rates, "dispatch"),
            "one_lane_events_per_s": _middle(rates, "dispatch one lane"),
            "two_dispatchers_events_per_s": _middle(rates, "dispatch two"),
            "two_to_one": _ratio(rates, "dispatch two", "dispatch one lane"),
            "duplicates_events_per_s": _middle(rates, "dispatch duplicates"),
            "duplicates_cost_percent": round(100 * (1 - _ratio(rates, "dispatch duplicates", "dispatch")), 1),
            "stock_defers_per_s": _middle(rates, "defer stock"),
            "stock_defers_ratio": _ratio(rates, "dispatch", "defer stock"),
        },
        "latency_ms": {name: idle[name] for name in ("p50", "p95", "p99")},
        "latency_at_1000_per_s_ms": busy,
        "stock_latency_ms": stocks,
        "emit": {"ratio": min(emit.values()), "by_clients": emit, "by_clients_slow_disk": slow},
        "framed": {
            "jobs_per_s": _middle(rates, "framed"),
            "stock_jobs_per_s": _middle(rates, "framed stock"),
            "ratio": _ratio(rates, "framed", "framed stock"),
        },
        "create_run": {
            "runs_per_s": _middle(rates, "create run"),
            "bare_inserts_per_s": _middle(rates, "create run bare"),
            "ratio": _ratio(rates, "create run"),
        },
        **counts,
        "pressure": losses,
        "repetitions": len(rates["drain 50"]),
        "figures": {name: _figure(seen) for name, seen in rates.items()},
    }
    return {**report, "aims": aims.judged(report)}


def _clients(rates: Rates) -> list[int]:
    return [int(name.split()[1]) for name in rates if name.startswith("emit ") and len(name.split()) == 2]


def _middle(rates: Rates, name: str) -> int:
    return round(statistics.median(rate.per_s for rate in rates[name]))


def _ratio(rates: Rates, name: str, beside: str | None = None) -> float:
    """Median of the ratios of each repetition: both sides saw the same machine."""
    pairs = zip(rates[name], rates[beside or f"{name} bare"], strict=True)
    return round(statistics.median(one.per_s / other.per_s for one, other in pairs), 3)


def _figure(seen: Sequence[Rate]) -> dict[str, Any]:
    servers = [rate.server_us for rate in seen if rate.server_us is not None]
    return {
        "per_s": round(statistics.median(rate.per_s for rate in seen), 1),
        "spread": [round(min(rate.per_s for rate in seen), 1), round(max(rate.per_s for rate in seen), 1)],
        "worker_cpu_ms_per_1000": round(statistics.median(rate.worker_us for rate in seen), 1),
        "server_cpu_ms_per_1000": round(statistics.median(servers), 1) if servers else None,
    }


def _latencies(runs: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Medians of each repetition's percentiles, and their spread."""
    points = {name: [at(waits, part) for waits in runs] for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    found: dict[str, Any] = {name: round(statistics.median(values), 2) for name, values in points.items()}
    return {**found, "p99_spread": [round(min(points["p99"]), 2), round(max(points["p99"]), 2)]}


def at(waits: Sequence[float], part: float) -> float:
    """The percentile of sorted milliseconds."""
    return waits[min(len(waits) - 1, int(len(waits) * part))] if waits else 0.0


def table(report: Mapping[str, Any]) -> str:
    """The report as Markdown: what is quoted, aims, every rate with its spread and its cost, what each law and pressure cost."""
    parts = (
        _quoted(report),
        aims.table(report["aims"]),
        _rates(report["figures"]),
        ablation.table(report["ablation"]),
        pressed.table(report["pressure"]),
    )
    return "\n\n".join("\n".join(part) for part in parts)


def _quoted(report: Mapping[str, Any]) -> list[str]:
    drain, dispatch, idle = report["drain"], report["dispatch"], report["latency_ms"]
    busy, emit, create = report["latency_at_1000_per_s_ms"], report["emit"], report["create_run"]
    framed, stocks = report["framed"], report["stock_latency_ms"]
    rows = [
        ("drain, no-op jobs, concurrency 50", f"{drain['jobs_per_s']:,} jobs/s",
         f"{drain['ratio']} x stock Procrastinate ({drain['stock_jobs_per_s']:,}); {drain['floor_ratio']} of bare batches"
         f" ({drain['floor_jobs_per_s']:,})"),
        ("drain, two processes beside one", f"{drain['two_to_one']} x", ""),
        ("framed jobs (a load and a write transaction each)", f"{framed['jobs_per_s']:,} jobs/s",
         f"{framed['ratio']} x stock with such jobs ({framed['stock_jobs_per_s']:,})"),
        ("dispatch, one dispatcher", f"{dispatch['events_per_s']:,} events/s",
         f"one lane {dispatch['one_lane_events_per_s']:,}, two of one lane {dispatch['two_to_one']} x that; stock's bulk defer"
         f" {dispatch['stock_defers_per_s']:,}"),
        ("dispatch, 10 % singleton duplicates", f"{dispatch['duplicates_events_per_s']:,} events/s",
         f"{dispatch['duplicates_cost_percent']} % lost"),
        ("commit to handler, idle", f"p50 {idle['p50']} ms", f"p95 {idle['p95']}, p99 {idle['p99']}"),
        ("the same, stock without an outbox", f"p50 {stocks['p50']} ms", f"p95 {stocks['p95']}, p99 {stocks['p99']}"),
        ("commit to handler, 1,000 events/s", f"p50 {busy['p50']} ms", f"p95 {busy['p95']}, p99 {busy['p99']}"),
        ("emit beside a bare insert", f"{emit['ratio']}", _by_clients(emit["by_clients"])),
        ("the same, flush of 2 ms", f"{min(emit['by_clients_slow_disk'].values())}",
         _by_clients(emit["by_clients_slow_disk"])),
        ("POST /v1/discovery/runs beside a bare insert", f"{create['ratio']}",
         f"{create['runs_per_s']:,} beside {create['bare_inserts_per_s']:,} a second"),
        ("lost / doubled", f"{report['lost']} / {report['doubled']}", f"{report['repetitions']} repetitions"),
        ("late finishes accepted", f"{report['late_finishes_accepted']}",
         f"of {report['late_finishes']:,} by a worker whose jobs had been rescued"),
    ]  # fmt: skip
    return ["| figure | median | beside it |", "|---|---|---|", *[f"| {a} | {b} | {c} |" for a, b, c in rows]]


def _by_clients(ratios: Mapping[str, float]) -> str:
    return ", ".join(f"{ratio} with {clients}" for clients, ratio in ratios.items())


def _rates(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, seen in figures.items():
        low, high = seen["spread"]
        server = "" if seen["server_cpu_ms_per_1000"] is None else f"{seen['server_cpu_ms_per_1000']:,.0f}"
        cost = f"{seen['worker_cpu_ms_per_1000']:,.0f} | {server}"
        rows.append(f"| {name} | {seen['per_s']:,.0f} | {low:,.0f} - {high:,.0f} | {cost} |")
    return [
        "| rate | a second | spread | worker CPU ms / 1,000 | server CPU ms / 1,000 |",
        "|---|---|---|---|---|",
        *rows,
    ]
