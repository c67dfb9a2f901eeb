"""What was aimed at, in absolute numbers and beside stock Procrastinate, and what was seen of both.

The aims were set on a machine on which stock Procrastinate drains STOCK_THERE jobs a second. On another one only the ratio to
stock, measured in the same run, says whether an aim is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker.bench import pressure

Report = Mapping[str, Any]
#: Stock Procrastinate where the aims were set: jobs drained a second, and pickup when idle (p50 and p99, milliseconds).
STOCK_THERE, P50_THERE, P99_THERE = 1900, 4.0, 16.6


@dataclass(frozen=True, slots=True)
class Aim:
    """`absolute` is to be reached at least (`less`: at most); `there` is stock's figure where that was set, if it has one."""

    figure: str
    absolute: float
    seen: Callable[[Report], float]
    there: float | None = None
    stock: Callable[[Report], float] | None = None
    less: bool = False

    def judged(self, report: Report) -> dict[str, Any]:
        """What the report says about it. Ratios are None where stock has no such figure."""
        seen = self.seen(report)
        aimed = round(self.absolute / self.there, 2) if self.there else None
        stock = self.stock(report) if self.stock else 0.0
        ratio = round(seen / stock, 2) if stock else None
        return {
            "figure": self.figure,
            "aim": self.absolute,
            "at_most": self.less,
            "aim_ratio_to_stock": aimed,
            "seen": seen,
            "seen_ratio_to_stock": ratio,
            "kept": self._kept(seen, self.absolute),
            "kept_as_ratio": None if aimed is None or ratio is None else self._kept(ratio, aimed),
        }

    def _kept(self, seen: float, aim: float) -> bool:
        return seen <= aim if self.less else seen >= aim


def _stock(report: Report) -> float:
    return float(report["drain"]["stock_jobs_per_s"])


def _rate(name: str, absolute: int, part: str, member: str) -> Aim:
    return Aim(name, absolute, lambda r: float(r[part][member]), STOCK_THERE, _stock)


def _wait(name: str, absolute: float, point: str, there: float) -> Aim:
    return Aim(
        name, absolute, lambda r: float(r["latency_ms"][point]), there,
        lambda r: float(r["stock_latency_ms"][point]), less=True,
    )  # fmt: skip


#: First those of the proof, then those of the engine at its limits.
AIMS: tuple[Aim, ...] = (
    Aim("drain beside stock, first aim", 5, lambda r: float(r["drain"]["ratio"])),
    Aim("drain beside stock", 10, lambda r: float(r["drain"]["ratio"])),
    Aim("drain, two processes beside one", 1.4, lambda r: float(r["drain"]["two_to_one"])),
    _rate("dispatch, one dispatcher, first aim (events/s)", 25_000, "dispatch", "events_per_s"),
    _rate("dispatch, one dispatcher (events/s)", 35_000, "dispatch", "events_per_s"),
    _rate("dispatch, two dispatchers (events/s)", 45_000, "dispatch", "two_dispatchers_events_per_s"),
    Aim("dispatch, two dispatchers of one lane beside one", 1.3, lambda r: float(r["dispatch"]["two_to_one"])),
    Aim("dispatch, lost to 10 % duplicates (%)", 20, lambda r: float(r["dispatch"]["duplicates_cost_percent"]), less=True),
    _rate("framed, first aim (jobs/s)", 4_000, "framed", "jobs_per_s"),
    _rate("framed (jobs/s)", 6_000, "framed", "jobs_per_s"),
    _wait("commit to handler, idle, p50, first aim (ms)", 5, "p50", P50_THERE),
    _wait("commit to handler, idle, p99, first aim (ms)", 20, "p99", P99_THERE),
    _wait("commit to handler, idle, p50 (ms)", 2.5, "p50", P50_THERE),
    _wait("commit to handler, idle, p99 (ms)", 5, "p99", P99_THERE),
    Aim("commit to handler, 1,000 events/s, p99 (ms)", 25, lambda r: float(r["latency_at_1000_per_s_ms"]["p99"]), less=True),
    Aim("emit beside a bare insert, first aim", 0.85, lambda r: float(r["emit"]["ratio"])),
    Aim("emit beside a bare insert", 0.9, lambda r: float(r["emit"]["ratio"])),
    Aim("the same, flush of 2 ms", 0.9, lambda r: min(map(float, r["emit"]["by_clients_slow_disk"].values()))),
    Aim("create-run beside a bare insert", 0.6, lambda r: float(r["create_run"]["ratio"])),
    Aim("lost and doubled", 0, lambda r: float(r["lost"] + r["doubled"]), less=True),
    Aim("late finishes accepted", 0, lambda r: float(r["late_finishes_accepted"]), less=True),
)  # fmt: skip


def judged(report: Report) -> list[dict[str, Any]]:
    """Every aim with what was seen of it."""
    return [aim.judged(report) for aim in AIMS] + pressed(report["pressure"])


def pressed(report: Report) -> list[dict[str, Any]]:
    """The aims of `headwater bench --only pressure`, which the whole bench has as well."""
    return [_loss(name, percent).judged(report) for name, percent in pressure.AIMS.items()]


def _loss(name: str, percent: float) -> Aim:
    return Aim(f"under pressure: {name}, lost (%)", percent, lambda r: float(r["losses"][name]["percent"]), less=True)


def table(aims: list[dict[str, Any]]) -> list[str]:
    """The same as lines of Markdown."""
    rows = [
        f"| {a['figure']} | {'<=' if a['at_most'] else '>='} {_n(a['aim'])} | {_n(a['seen'])} | {_word(a['kept'])} "
        f"| {_times(a['aim_ratio_to_stock'])} | {_times(a['seen_ratio_to_stock'])} | {_word(a['kept_as_ratio'])} |"
        for a in aims
    ]
    return [
        "| figure | aim | seen | kept | aim beside stock | seen beside stock | kept beside stock |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]


def _n(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.3g}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3g} x"


def _word(kept: bool | None) -> str:
    return "" if kept is None else "yes" if kept else "no"
