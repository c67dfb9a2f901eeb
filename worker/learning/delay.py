"""How long positives take to be known, and how many are known by an age: F(age). Pure.

Among leads that are still young only the quick positives are seen (right truncation): their delays alone would look too short. F is
estimated in reverse time, so that each delay is held against those that could have been seen as well (Lagakos, Barraj and De
Gruttola, "Nonparametric analysis of truncated survival data", Biometrika 75, 1988). What takes longer than the older leads are old
is unseen by anybody: F is 1 from the last delay on that `LEAST_AT_RISK` could have been seen with.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Positives from which their delays say something.
LEAST_POSITIVES = 20
LEAST_AT_RISK = 10
#: Leads of whose positives fewer are known than this are left out, positive or not: a weight stays at 1 / LEAST_KNOWN at most.
LEAST_KNOWN = 0.2


@dataclass(frozen=True, slots=True)
class Arrival:
    """F as steps: from `days[i]` on `share[i]` of all positives are known. `seen`: delays it was estimated from."""

    days: tuple[float, ...]
    share: tuple[float, ...]
    seen: int

    def known_by(self, age_days: float) -> float:
        """F(age)."""
        place = bisect_right(self.days, age_days)
        return self.share[place - 1] if place else 0.0

    def quantile(self, share: float) -> float:
        """Days by which such a share is known."""
        return next(day for day, reached in zip(self.days, self.share, strict=True) if reached >= share)


def arrival(positives: Sequence[tuple[float, float]]) -> Arrival | None:
    """F of positives as (days until it was known, age of its lead by now); None: too few to tell."""
    if len(positives) < LEAST_POSITIVES:
        return None
    held, old = np.maximum(np.array(positives, dtype=np.float64).T, 0.0)
    old = np.maximum(old, held)
    days, counts = np.unique(held, return_counts=True)
    # At risk at a delay, read backwards: known by then, on leads old enough to be seen with it.
    risk = np.searchsorted(np.sort(held), days, side="right") - np.searchsorted(np.sort(old), days, side="left")
    last = int(np.flatnonzero(risk >= LEAST_AT_RISK).max(initial=-1)) + 1
    if not last:
        return None
    days, left = days[:last], 1.0 - counts[:last] / risk[:last]
    share = np.append(np.cumprod(left[:0:-1])[::-1], 1.0)
    return Arrival(tuple(days.tolist()), tuple(share.tolist()), len(held))
