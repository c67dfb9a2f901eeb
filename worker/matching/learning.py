"""A tenant's own model of pairs: the shipped one, moved as far as the answers of persons speak for it. Pure.

Answers come from the review queue, so they are few and all about doubtful pairs. The weights are therefore held to
the shipped ones by a
strong penalty on the difference (a Gaussian prior), and the result is used only where it tells held-out answers better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.models import EPSILON, Model

#: So many answers it takes to learn anything, and so many new ones to try again.
LEAST, NEW = 50, 20
#: Strength of the prior: how many answers one standard deviation of a weight's change weighs.
HOLD = 20.0
FOLDS = 5
#: How much better held-out answers must be told, in log loss.
BETTER = 0.005

Answer = tuple[Mapping[str, float], bool]
Floats = NDArray[np.float64]


def adapted(shipped: Model, answers: Sequence[Answer]) -> tuple[Model, dict[str, float]] | None:
    """The tenant's own model and its figures; None where there are too few answers, or it would not be better."""
    same = [a for a in answers if a[1]]
    if len(answers) < LEAST or len(same) < 5 or len(answers) - len(same) < 5:
        return None
    before, after = 0.0, 0.0
    for fold in range(FOLDS):
        rest = [a for n, a in enumerate(answers) if n % FOLDS != fold]
        held = [a for n, a in enumerate(answers) if n % FOLDS == fold]
        moved = _moved(shipped, rest)
        before += _loss(shipped, held)
        after += _loss(moved, held)
    figures = {
        "answers": float(len(answers)),
        "log_loss": after / len(answers),
        "shipped_log_loss": before / len(answers),
    }
    if figures["log_loss"] > figures["shipped_log_loss"] - BETTER:
        return None
    return _moved(shipped, answers), figures


def _moved(shipped: Model, answers: Sequence[Answer]) -> Model:
    """Maximum a posteriori around the shipped weights, by Newton's method."""
    columns: Floats = np.array([[1.0, *(t.column(said.get(t.feature)) for t in shipped.terms)] for said, _ in answers])
    truth: Floats = np.array([float(same) for _, same in answers])
    start: Floats = np.array([shipped.intercept, *(t.weight for t in shipped.terms)])
    weights = start.copy()
    for _ in range(25):
        told: Floats = 1.0 / (1.0 + np.exp(-np.clip(columns @ weights, -30, 30)))
        slope = columns.T @ (told - truth) + HOLD * (weights - start)
        curve = (columns.T * (told * (1 - told))) @ columns + HOLD * np.eye(len(start))
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    terms = tuple(t.model_copy(update={"weight": float(w)}) for t, w in zip(shipped.terms, weights[1:], strict=True))
    return shipped.model_copy(update={"intercept": float(weights[0]), "terms": terms})


def _loss(model: Model, answers: Sequence[Answer]) -> float:
    total = 0.0
    for said, same in answers:
        p = min(max(model.probability(said), EPSILON), 1 - EPSILON)
        total -= math.log(p if same else 1 - p)
    return total
