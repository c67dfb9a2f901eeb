"""Geometry of what the console draws in SVG. Pure; units are those of the drawing's viewBox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from contracts.accounts import Sku
from contracts.learning import MOST_PSI, ModelDetail
from contracts.models import sigmoid
from contracts.scores import ContributionRow

#: A contribution's bar: the axis stands in the middle of `WIDTH`.
WIDTH = 400.0
#: Side of a calibration plot's square, and the margin around it.
SIDE, MARGIN = 260.0, 34.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One contribution: where its bar begins and how long it is, and the score after it when all before are added up."""

    row: ContributionRow
    x: float
    width: float
    score: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Contributions, the strongest first. `base_score`: the score before any; `score`: after all."""

    bars: tuple[Bar, ...]
    base_score: float
    score: float


def bars(base_log_odds: float, rows: Sequence[ContributionRow]) -> Bars:
    """Bars of a score's log-odds: base + their sum is the score's own (R10)."""
    ordered = sorted(rows, key=lambda r: -abs(r.log_odds))
    longest = max((abs(r.log_odds) for r in ordered), default=0.0) or 1.0
    made, total = [], base_log_odds
    for row in ordered:
        total += row.log_odds
        width = abs(row.log_odds) / longest * (WIDTH / 2)
        made.append(Bar(row, WIDTH / 2 - width if row.log_odds < 0 else WIDTH / 2, width, sigmoid(total)))
    return Bars(tuple(made), sigmoid(base_log_odds), sigmoid(total))


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    radius: float
    said: float
    was: float
    rows: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Said probability (x) against what came true (y), in bins of equal mass; `line` is the path through them."""

    points: tuple[Point, ...]
    line: str


def curve(bins: Sequence[dict[str, float]]) -> Curve:
    """A reliability diagram of bins {said, was, rows}."""
    most = max((b["rows"] for b in bins), default=0.0) or 1.0
    points = tuple(
        Point(
            MARGIN + b["said"] * SIDE, MARGIN + (1 - b["was"]) * SIDE, 3 + 4 * (b["rows"] / most) ** 0.5, b["said"],
            b["was"], int(b["rows"]),
        )
        for b in sorted(bins, key=lambda b: b["said"])
    )  # fmt: skip
    line = " ".join(f"{'L' if n else 'M'}{p.x:.1f} {p.y:.1f}" for n, p in enumerate(points))
    return Curve(points, line)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a feature moved since the training: PSI, and how wide its bar is of 100."""

    feature: str
    psi: float
    width: float


def drift_of(model: ModelDetail) -> list[Drift]:
    """Of its newest evaluation that tells of any, what moved most first. A bar is full at twice what the gate refuses."""
    for evaluation in model.evaluations:
        moved = evaluation.metrics.get("drift")
        if isinstance(moved, dict) and moved:
            ordered = sorted(moved.items(), key=lambda item: -item[1])
            return [Drift(name, psi, round(min(1.0, psi / (2 * MOST_PSI)) * 100, 2)) for name, psi in ordered]
    return []


def curve_of(model: ModelDetail) -> Curve | None:
    """The curve of its newest evaluation that has one, else of its training."""
    for metrics in (*(e.metrics for e in model.evaluations), model.metrics):
        bins = metrics.get("calibration")
        if isinstance(bins, list) and bins:
            return curve(bins)
    return None


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over time: `values[n]` belongs to `names[n]` and has a figure for each of `times`."""

    times: tuple[datetime, ...]
    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


#: Days that a burn-down looks ahead at least and at most, and points of it.
AHEAD, FARTHEST, POINTS = 14, 365, 120


def burn_down(sku: Sku) -> Plot | None:
    """What is left of a SKU day by day at its rate over 90 and over 30 days, and where it has to be ordered again.

    None: nobody has said what is on hand, or nothing has moved yet.
    """
    if sku.on_hand is None or sku.burn_rate is None:
        return None
    until = max(sku.days_left or 0, sku.lead_days + sku.review_days) * 1.2
    days = min(FARTHEST, max(AHEAD, ceil(until)))
    step = ceil(days / POINTS)
    offsets = range(0, days + step, step)
    lines = {"at the rate of 90 days": _left(sku.on_hand, sku.burn_rate, offsets)}
    if sku.burn_rate_30 is not None:
        lines["at the rate of 30 days"] = _left(sku.on_hand, sku.burn_rate_30, offsets)
    if sku.reorder_point is not None:
        lines["order again at"] = tuple(round(sku.reorder_point, 2) for _ in offsets)
    return Plot(tuple(sku.updated_at + timedelta(days=d) for d in offsets), tuple(lines), tuple(lines.values()))


def _left(on_hand: float, rate: float, offsets: Sequence[int]) -> tuple[float, ...]:
    return tuple(round(max(0.0, on_hand - rate * day), 2) for day in offsets)
