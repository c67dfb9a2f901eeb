"""The past played through once more: every row is scored by what could be known before it.

As the product does it: trained anew now and then on all history whose outcome is known by then, calibrated anew more often on the
newest 1,000 known outcomes. `frozen` is the first model, never touched again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from contracts.models import Model
from worker.learning import fit
from worker.learning.frame import Floats, Frame, Rows

#: Over a whole test: how often it is trained anew, and calibrated anew; and rows between two calibrations at least.
RETRAINS, REFITS, LEAST_ROWS = 25, 250, 20

#: Before a moment: (rows whose outcome is known by then, in time order, and those outcomes over the whole frame).
Known = Callable[[float], tuple[Rows, Floats]]


@dataclass(frozen=True, slots=True)
class Played:
    """Probabilities of the test rows in three ways, the base rate each row is held against, and what was trained."""

    rolling: Floats
    recalibrated: Floats
    frozen: Floats
    base_rates: Floats
    first: fit.Fitted
    last: fit.Fitted
    trained: int
    retrains: int


def play(
    frame: Frame, times: Floats, known: Known, test: Rows, *, retrains: int = RETRAINS, refits: int = REFITS
) -> Played:
    """Score `test` (in time order, not empty). At its first row's time both outcomes must be known of somebody."""
    w = np.ones(frame.size)
    rows, y = known(times[test[0]])
    first = current = fit.train(frame, rows, y, w)
    blocks = np.array_split(test, max(1, min(refits, len(test) // LEAST_ROWS)))
    every = max(1, len(blocks) // max(1, retrains))
    made: list[tuple[Floats, Floats, Floats]] = []
    fits = 1
    for nth, block in enumerate(blocks):
        now = times[block[0]]
        history, y = known(now)
        if nth and nth % every == 0:
            current = fit.train(frame, history, y, w, current.strength)
            fits += 1
        model = _recalibrated(frame, current, history, y)
        slow = _recalibrated(frame, first, history, y)
        p = fit.probabilities(model, frame, block)
        made.append((p, fit.probabilities(slow, frame, block), np.full(len(block), model.base_rate)))
    rolling, recalibrated, base = (np.concatenate(parts) for parts in zip(*made, strict=True))
    frozen = fit.probabilities(first.model, frame, test)
    return Played(rolling, recalibrated, frozen, base, first, current, len(rows), fits)


def _recalibrated(frame: Frame, fitted: fit.Fitted, history: Rows, y: Floats) -> Model:
    """Calibrated on the newest known outcomes, each scored as if it had not been trained on."""
    newest = history[-fit.CALIBRATED_ON :]
    if not fit.enough(y[newest]):
        return fitted.model
    return fit.calibrated(fitted.model, fit.platt(fit.raw_as_unseen(fitted, frame, newest), y[newest]))
