"""The rules by which a run that ended raises alerts, and the words of every alert. Pure.

Sources: domain.md section 2 "Alert statistics" (the median catches 91 % of 4x slowdowns, the mean 79 %); robust
z after Iglewicz and Hoaglin (1993), "How to Detect and Handle Outliers": 0.6745 (x - median) / MAD > 3.5, and where MAD is 0
(x - median) / (1.253314 * mean absolute deviation); acceptance S4.06, S4.07, R12.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any
from uuid import UUID

from contracts.alerts import Severity

#: Runs that a baseline is taken from, and the fewest it takes.
BASELINE, FEWEST = 20, 5
SLOW_FACTOR, SLOW_FLOOR_S = 3.0, 5.0
#: Spread of log durations beyond which "3x" alone cries wolf, so that the robust z must agree.
NOISY_SIGMA = 0.6
ROBUST_Z = 3.5
STREAK = 2
MIN_ITEMS = 20
RUN_ERROR_RATE, SLO_ERROR_RATE = 0.10, 0.01
SLO_SUCCESS_RATE, SLO_DURATION_S, SLO_DAYS = 0.999, 30.0, 30
ZERO_OF, ZERO_CHANCE = 10, 0.01

CONSECUTIVE = "run.consecutive_failures"
SLOW = "run.slow"
ERRORS = "run.error_rate"
ZERO = "run.zero_records"
EXCESS = "run.excess_records"
SLO_DURATION = "slo.duration"
SLO_ERRORS = "slo.error_rate"
SLO_SUCCESS = "slo.success_rate"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended, neither dry nor cancelled. `items`: what it went through; None where its kind does not say."""

    id: UUID
    status: str
    duration_s: float | None
    items: int | None
    errors: int


@dataclass(frozen=True, slots=True)
class Month:
    """Thirty days of a kind of run: how many ended and failed, and of the items they went through how many failed."""

    runs: int
    failed: int
    items: int
    errors: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. Not `bad`: the condition is over, should an alert of it be open."""

    rule: str
    severity: Severity
    bad: bool
    evidence: dict[str, Any] = field(default_factory=dict)


def look(run: Ended, history: Sequence[Ended], month: Month, *, is_business_job: bool) -> list[Finding]:
    """Every rule that the end of `run` decides. `history`: the newest of its kind first, `run` among them.

    A run so old that it is not among them decides nothing. What a later run has put right is not opened for an earlier one.
    """
    place = next((n for n, each in enumerate(history) if each.id == run.id), None)
    if place is None:
        return []
    before = history[place + 1 :]
    findings = [streak(history), slow(run, before), error_rate(run), zero(run, before), excess(run, before)]
    if is_business_job:
        findings.append(too_long(run))
    return [*findings, error_burn(month), success_burn(month)]


def streak(history: Sequence[Ended]) -> Finding:
    """Two or more failures in a row, counted back from the newest run."""
    failed = 0
    while failed < len(history) and history[failed].status == "failed":
        failed += 1
    found = {"failures": failed, "threshold": STREAK, "runs": _ids(history[:failed])}
    return Finding(CONSECUTIVE, "critical", failed >= STREAK, found)


def slow(run: Ended, before: Sequence[Ended]) -> Finding:
    """More than three times the median of the last completed runs, and more than five seconds."""
    usual = _completed(before)
    took = run.duration_s
    if took is None or len(usual) < FEWEST:
        return Finding(SLOW, "warning", False)
    times = [each.duration_s or 0.0 for each in usual]
    middle = median(times)
    evidence = {
        "duration_s": _round(took), "median_s": _round(middle), "n": len(times), "factor": SLOW_FACTOR,
        "threshold_s": _round(max(SLOW_FACTOR * middle, SLOW_FLOOR_S)), "run": str(run.id), "baseline_runs": _ids(usual),
    }  # fmt: skip
    bad = took > SLOW_FACTOR * middle and took > SLOW_FLOOR_S
    logs = [math.log(max(t, 0.001)) for t in times]
    sigma = 1.4826 * _mad(logs)
    if bad and sigma > NOISY_SIGMA:
        z = robust_z(math.log(took), logs)
        evidence |= {"sigma": _round(sigma), "z": _round(z), "threshold_z": ROBUST_Z}
        bad = z > ROBUST_Z
    return Finding(SLOW, "warning", bad, evidence)


def error_rate(run: Ended) -> Finding:
    """More than a tenth of at least twenty items failed."""
    items = run.items or 0
    rate = min(1.0, run.errors / items) if items else 0.0
    evidence = {
        "errors": run.errors,
        "items": items,
        "rate": _round(rate),
        "threshold": RUN_ERROR_RATE,
        "min_items": MIN_ITEMS,
    }
    return Finding(ERRORS, "warning", items >= MIN_ITEMS and rate > RUN_ERROR_RATE, {**evidence, "run": str(run.id)})


def zero(run: Ended, before: Sequence[Ended]) -> Finding:
    """Nothing found by a run of a kind that finds something: median of the last ten above 0, and nothing in under 1 % of all."""
    usual = [each for each in before if each.status == "completed" and each.items is not None]
    if run.items != 0 or run.status == "failed" or len(usual) < FEWEST:
        return Finding(ZERO, "warning", False)
    last = [each.items or 0 for each in usual[:ZERO_OF]]
    chance = sum(each.items == 0 for each in usual) / len(usual)
    evidence = {
        "items": 0, "median": median(last), "n": len(last), "zero_share": _round(chance), "of_runs": len(usual),
        "threshold": ZERO_CHANCE, "run": str(run.id), "baseline_runs": _ids(usual[:ZERO_OF]),
    }  # fmt: skip
    return Finding(ZERO, "warning", median(last) > 0 and chance < ZERO_CHANCE, evidence)


def excess(run: Ended, before: Sequence[Ended]) -> Finding:
    """Far more records than usual: robust z above 3.5. Where every run had the same number, three times as many."""
    usual = [each for each in _completed(before) if each.items is not None]
    items = run.items or 0
    if items < MIN_ITEMS or len(usual) < FEWEST:
        return Finding(EXCESS, "warning", False)
    counts = [float(each.items or 0) for each in usual]
    middle, z = median(counts), robust_z(items, counts)
    evidence = {
        "items": items, "median": middle, "mad": _mad(counts), "n": len(counts), "z": _round(min(z, 9999.0)),
        "threshold_z": ROBUST_Z, "run": str(run.id), "baseline_runs": _ids(usual),
    }  # fmt: skip
    return Finding(EXCESS, "warning", z > ROBUST_Z and (not math.isinf(z) or items > 3 * middle), evidence)


def too_long(run: Ended) -> Finding:
    """A business job is to end within 30 s."""
    took = run.duration_s or 0.0
    evidence = {"duration_s": _round(took), "threshold_s": SLO_DURATION_S, "run": str(run.id)}
    return Finding(SLO_DURATION, "warning", took > SLO_DURATION_S, evidence)


def error_burn(month: Month) -> Finding:
    """More than 1 % of the items of thirty days failed."""
    rate = min(1.0, month.errors / month.items) if month.items else 0.0
    evidence = {
        "errors": month.errors, "items": month.items, "rate": _round(rate), "threshold": SLO_ERROR_RATE, "days": SLO_DAYS,
        "n": month.runs,
    }  # fmt: skip
    return Finding(SLO_ERRORS, "warning", month.items >= MIN_ITEMS and rate > SLO_ERROR_RATE, evidence)


def success_burn(month: Month) -> Finding:
    """Fewer than 99.9 % of the runs of thirty days ended well. One failure says nothing about a rate of one in a thousand."""
    rate = 1 - month.failed / month.runs if month.runs else 1.0
    evidence = {
        "failed": month.failed,
        "n": month.runs,
        "rate": _round(rate),
        "threshold": SLO_SUCCESS_RATE,
        "days": SLO_DAYS,
    }
    return Finding(
        SLO_SUCCESS, "warning", month.runs >= MIN_ITEMS and month.failed >= 2 and rate < SLO_SUCCESS_RATE, evidence
    )


def robust_z(x: float, values: Sequence[float]) -> float:
    """How far `x` lies above the median of `values`, in robust standard deviations; infinite above values that are all one."""
    middle = median(values)
    spread = _mad(values)
    if spread > 0:
        return 0.6745 * (x - middle) / spread
    spread = fmean(abs(v - middle) for v in values)
    if spread > 0:
        return (x - middle) / (1.253314 * spread)
    return math.inf if x > middle else 0.0


def _mad(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(v - middle) for v in values)


def _completed(runs: Sequence[Ended]) -> list[Ended]:
    return [each for each in runs if each.status == "completed" and each.duration_s is not None][:BASELINE]


def _ids(runs: Sequence[Ended]) -> list[str]:
    return [str(each.id) for each in runs[:BASELINE]]


def _round(value: float) -> float:
    return round(value, 4)
