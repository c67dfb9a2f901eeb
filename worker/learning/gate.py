"""May a version decide? Pure rules over figures; every number has its reason in `docs/decisions/0015-learning.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.learning import MOST_PSI
from worker.learning import measure
from worker.learning.frame import Floats
from worker.learning.segments import Segment

LEAST_LABELS, LEAST_POSITIVES = 200, 30
MOST_ECE = 0.05
#: How much lower its AUC may be.
AUC_SLACK = 0.01
LEVEL = 0.9
#: A window tells something about the version that decides from so many leads on, so many of them positive.
WINDOW_LABELS, WINDOW_POSITIVES = 100, 10
#: Calibration error at which a window fails, and how many failing windows running roll a version back.
WINDOW_ECE, FAILS = 0.15, 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """`passed` None: too little has matured to tell. `reasons` name everything that stands in the way, or the gain."""

    passed: bool | None
    reasons: tuple[str, ...]
    intervals: dict[str, list[float]]

    @property
    def text(self) -> str:
        return "; ".join(self.reasons)


def promotion(
    p: Floats, other: Floats, y: Floats, *, other_ranks: Floats | None, mature: int, positives: int, psi: float,
    segments: Sequence[Segment] = (),
) -> Verdict:  # fmt: skip
    """A candidate beside whoever decides now, on the same later leads. `mature`, `positives`: all there are, also learned from.

    `other_ranks`: what ranks leads now, where that is no probability (the rules' scores). `segments`: parts of them, one by one.
    """
    if mature < LEAST_LABELS or positives < LEAST_POSITIVES or y.min(initial=1) == y.max(initial=0):
        had = f"{mature} mature labels, {positives} of them positive, {len(y)} of them kept for judging"
        return Verdict(None, (f"too few to judge: {had}; {LEAST_LABELS} and {LEAST_POSITIVES} are needed",), {})
    by_loss = measure.paired_interval(measure.losses(p, y) - measure.losses(other, y), level=LEVEL)
    by_brier = measure.paired_interval((p - y) ** 2 - (other - y) ** 2, level=LEVEL)
    found: list[str] = []
    for name, (low, high) in (("log loss", by_loss), ("Brier", by_brier)):
        if high >= 0:
            found.append(f"{name} is not surely better (90 % interval of the difference {low:.4f} to {high:.4f})")
    auc, beside = measure.auc(p, y), measure.auc(other if other_ranks is None else other_ranks, y)
    if auc < beside - AUC_SLACK:
        found.append(f"AUC {auc:.3f} is lower than {beside:.3f}")
    error = measure.ece(p, y)
    if error > MOST_ECE:
        found.append(f"calibration error {error:.3f} is above {MOST_ECE}")
    if psi >= MOST_PSI:
        found.append(f"scores have moved (PSI {psi:.2f}, limit {MOST_PSI})")
    found += [
        f"the segment {s.by} {s.name} collapses ({s.leads} leads): {s.collapsed}" for s in segments if s.collapsed
    ]
    intervals = {"log_loss": list(by_loss), "brier": list(by_brier)}
    if found:
        return Verdict(False, tuple(found), intervals)
    gain = f"log loss better by {-by_loss[1]:.4f} to {-by_loss[0]:.4f}, AUC {auc:.3f} beside {beside:.3f}"
    return Verdict(True, (gain,), intervals)


def window(p: Floats, y: Floats, base_rate: float) -> Verdict:
    """Does the version that decides still do better than saying the base rate of everybody?"""
    positives = int(y.sum())
    if len(y) < WINDOW_LABELS or positives < WINDOW_POSITIVES or positives == len(y):
        return Verdict(None, (f"too few to tell: {len(y)} new mature labels, {positives} positive",), {})
    found: list[str] = []
    loss, base = measure.log_loss(p, y), measure.base_log_loss(y, base_rate)
    if loss >= base:
        found.append(f"log loss {loss:.4f} is no better than the base rate's {base:.4f}")
    auc, error = measure.auc(p, y), measure.ece(p, y)
    if auc <= 0.5:
        found.append(f"AUC {auc:.3f} is no better than chance")
    if error > WINDOW_ECE:
        found.append(f"calibration error {error:.3f} is above {WINDOW_ECE}")
    if found:
        return Verdict(False, tuple(found), {})
    return Verdict(True, (f"log loss {loss:.4f} beside the base rate's {base:.4f}, AUC {auc:.3f}",), {})


def failing(before: Sequence[bool | None]) -> bool:
    """Whether the newest windows that told anything (newest first) all failed, so many as roll a version back."""
    told = [passed for passed in before if passed is not None][:FAILS]
    return len(told) == FAILS and not any(told)
