"""Logistic regression with strong shrinkage, and Platt's calibration: rows in time order -> `contracts.models.Model`.

Weights by scikit-learn (L2). How strong the shrinkage is, is chosen on later parts of the training rows only: never by a random
split. Classes are not reweighted: that would spoil the probabilities.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from contracts.models import EPSILON, Model
from worker.learning.design import Design, design, raw_log_odds
from worker.learning.frame import NOBODY, Floats, Frame, Rows

#: Inverse strengths of the shrinkage that are tried, strongest first (scikit-learn's C).
STRENGTHS = (0.01, 0.03, 0.1, 0.3)
#: Where nothing can be tried: too few rows of one kind.
FALLBACK = 0.03
#: Time folds: train before the first share, judge until the second.
FOLDS = ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0))
#: Rows the strength is chosen on, and a calibration is fitted on, at most: the newest.
MOST_CHOOSING = 6000
CALIBRATED_ON = 1000
SEEN_SHARE = 10
#: Of either kind: fewer, and the strength is not chosen but fixed, or a calibration is left out.
LEAST_CHOOSING, LEAST_CALIBRATING = 30, 10
#: Parts the newest rows are cut into, to be scored by models that have not seen them.
PARTS = 5
#: What a calibration believes before it has seen anything: slope 1, offset 0, with these deviations.
SLOPE_SD, OFFSET_SD = 0.5, 2.0
LEAST_SLOPE = 0.2


NOTHING: Floats = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Platt:
    """logit(p) = slope * raw + offset. `base_rate`: the share of positives it saw."""

    slope: float
    offset: float
    base_rate: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibrated model, and how it came about. `unseen`: what `unseen_rows`, trained on, score where they are left out."""

    model: Model
    strength: float
    design: Design
    unseen_rows: Rows
    unseen: Floats


def probabilities(model: Model, frame: Frame, rows: Rows) -> Floats:
    """Calibrated probabilities, as `Model.probability` gives them one by one."""
    return sigmoid(model.slope * raw_log_odds(model, frame, rows) + model.offset)


def sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float64)


def weights(frame: Frame, rows: Rows, y: Floats, w: Floats, strength: float) -> Fitted:
    """Fit the weights alone; the calibration is none (slope 1, offset 0). `y` and `w` are of these rows."""
    # A second to import: only who trains pays it.
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    made = design(frame, rows)
    base = float(np.clip(np.average(y, weights=w), 1e-4, 1 - 1e-4))
    if not made.terms or y.min() == y.max():
        plain = Model(intercept=_logit(base), terms=(), base_rate=base)
        return Fitted(plain, strength, made, NOBODY, NOTHING)
    # Several threads on so small a matrix wait for each other: ten times as slow where processors are shared (measured).
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200, tol=1e-8)
        learner.fit(made.matrix(frame, rows), y, sample_weight=w)
    terms = tuple(t.model_copy(update={"weight": float(b)}) for t, b in zip(made.terms, learner.coef_[0], strict=True))
    model = Model(intercept=float(learner.intercept_[0]), terms=terms, base_rate=base)
    return Fitted(model, strength, made, NOBODY, NOTHING)


def choose_strength(frame: Frame, rows: Rows, y: Floats, w: Floats) -> float:
    """The strength that ranks later rows best, by time folds; `rows` are in time order.

    Judged by log loss after the offset alone was moved: a later base rate is the calibration's business, not the shrinkage's.
    """
    if len(rows) > MOST_CHOOSING:
        rows, y, w = rows[-MOST_CHOOSING:], y[-MOST_CHOOSING:], w[-MOST_CHOOSING:]
    if min(y.sum(), len(y) - y.sum()) < LEAST_CHOOSING:
        return FALLBACK
    losses = dict.fromkeys(STRENGTHS, 0.0)
    judged = 0
    for first, last in FOLDS:
        cut, end = int(first * len(rows)), int(last * len(rows))
        before, after = slice(0, cut), slice(cut, end)
        if _classes(y[before]) < 2 or _classes(y[after]) < 2:
            continue
        judged += 1
        for strength in STRENGTHS:
            model = weights(frame, rows[before], y[before], w[before], strength).model
            raw = raw_log_odds(model, frame, rows[after])
            losses[strength] += _loss(sigmoid(raw + _shift(raw, y[after], w[after])), y[after], w[after]) * (end - cut)
    return min(STRENGTHS, key=lambda c: (losses[c], c)) if judged else FALLBACK


def platt(raw: Floats, y: Floats, w: Floats | None = None) -> Platt:
    """Fit slope and offset by Newton's method, with a prior around slope 1 and offset 0 so that few rows cannot run away.

    Platt 1999, with a Gaussian prior in place of his smoothed targets.
    """
    w = np.ones_like(y) if w is None else w
    start = _shift(raw, y, w) if _classes(y) == 2 else 0.0
    a, b = 1.0, start
    for _ in range(100):
        p = sigmoid(a * raw + b)
        error, spread = w * (p - y), w * p * (1 - p) + 1e-12
        gradient = np.array([error @ raw + (a - 1) / SLOPE_SD**2, error.sum() + b / OFFSET_SD**2])
        cross = float(spread @ raw)
        hessian = np.array(
            [[float(spread @ raw**2) + 1 / SLOPE_SD**2, cross], [cross, float(spread.sum()) + 1 / OFFSET_SD**2]]
        )
        step = np.linalg.solve(hessian, gradient)
        a, b = a - float(np.clip(step[0], -1, 1)), b - float(np.clip(step[1], -2, 2))
        if np.abs(step).max() < 1e-10:
            break
    if a < LEAST_SLOPE:  # these rows were ranked the wrong way round: the order is kept, and hardly believed
        a = LEAST_SLOPE
        b = _shift(a * raw, y, w)
    base = float(np.clip(np.average(y, weights=w), 1e-4, 1 - 1e-4))
    return Platt(a, b, base)


def calibrated(model: Model, by: Platt) -> Model:
    """The same weights under another calibration."""
    return model.model_copy(update={"slope": by.slope, "offset": by.offset, "base_rate": by.base_rate})


def train(frame: Frame, rows: Rows, y: Floats, w: Floats, strength: float | None = None) -> Fitted:
    """Weights on all rows, calibration on the newest of them as if unseen: each fifth scored by a model of the others.

    Where they are a small part of what was trained on, it makes no difference that they were seen, and one fit is enough.
    `rows` are in time order; `y` and `w` belong to the whole frame.
    """
    strength = strength or choose_strength(frame, rows, y[rows], w[rows])
    newest = rows[-CALIBRATED_ON:]
    whole = weights(frame, rows, y[rows], w[rows], strength)
    if not enough(y[newest]):
        return whole
    if len(rows) >= SEEN_SHARE * CALIBRATED_ON:
        return Fitted(_calibrated_on(whole.model, frame, newest, y, w), strength, whole.design, NOBODY, NOTHING)
    parts = []
    for part in np.array_split(newest, PARTS):
        others = np.setdiff1d(rows, part, assume_unique=True)
        parts.append(raw_log_odds(weights(frame, others, y[others], w[others], strength).model, frame, part))
    unseen = np.concatenate(parts)
    by = platt(unseen, y[newest], w[newest])
    return Fitted(calibrated(whole.model, by), strength, whole.design, newest, unseen)


def _calibrated_on(model: Model, frame: Frame, rows: Rows, y: Floats, w: Floats) -> Model:
    return calibrated(model, platt(raw_log_odds(model, frame, rows), y[rows], w[rows]))


def raw_as_unseen(fitted: Fitted, frame: Frame, rows: Rows) -> Floats:
    """What a model says of rows, some of which it may have been trained on, as if it had seen none of them."""
    raw = raw_log_odds(fitted.model, frame, rows)
    if len(fitted.unseen_rows):
        place = np.searchsorted(fitted.unseen_rows, rows).clip(max=len(fitted.unseen_rows) - 1)
        raw = np.where(fitted.unseen_rows[place] == rows, fitted.unseen[place], raw)
    return raw


def enough(y: Floats) -> bool:
    """Whether a calibration can be fitted on these: with fewer of one kind it would be noise."""
    positives = int(y.sum())
    return min(positives, len(y) - positives) >= LEAST_CALIBRATING


def _classes(y: Floats) -> int:
    return len(np.unique(y))


def _shift(raw: Floats, y: Floats, w: Floats) -> float:
    """The offset under which the mean probability is the share of positives."""
    target, low, high = float(np.average(y, weights=w)), -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.average(sigmoid(raw + middle), weights=w)) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _loss(p: Floats, y: Floats, w: Floats) -> float:
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return float(np.average(-(y * np.log(p) + (1 - y) * np.log(1 - p)), weights=w))


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
