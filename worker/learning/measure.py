"""How good probabilities are. Arrays of one length; `y` holds 0 and 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from contracts.models import EPSILON
from worker.learning.frame import Floats

#: Bins of a calibration curve, and of a stability index.
BINS = 10
BIN_ROWS = 100
#: Bands of R10's score.
MEDIUM_FROM, HIGH_FROM = 0.33, 0.66


def auc(p: Floats, y: Floats) -> float:
    """The chance that a positive is ranked before a negative; ties count half. Needs both kinds (0.5 otherwise)."""
    positives = int(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return 0.5
    _, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def losses(p: Floats, y: Floats) -> Floats:
    """Log loss of each row, in nats."""
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log(1 - p)), dtype=np.float64)


def log_loss(p: Floats, y: Floats) -> float:
    return float(losses(p, y).mean())


def brier(p: Floats, y: Floats) -> float:
    return float(((p - y) ** 2).mean())


def base_log_loss(y: Floats, base_rate: float | None = None) -> float:
    """Log loss of saying the same of everybody: the rate given, else the rows' own (the best constant there is)."""
    rate = float(y.mean()) if base_rate is None else base_rate
    return log_loss(np.full(len(y), rate), y)


def calibration(p: Floats, y: Floats, bins: int = BINS) -> list[dict[str, float]]:
    """The reliability curve in bins of equal mass: mean probability said, share of positives, rows."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [{"said": float(p[part].mean()), "was": float(y[part].mean()), "rows": float(len(part))} for part in parts]


def ece(p: Floats, y: Floats, bins: int | None = None) -> float:
    """Expected calibration error: mean distance between said and was over bins of equal mass (Naeini et al. 2015).

    Ten bins, fewer where one would hold less than `BIN_ROWS`: with 27 rows a bin even the truth is off by 0.07.
    """
    bins = bins or max(2, min(BINS, len(y) // BIN_ROWS))
    curve = calibration(p, y, bins)
    return sum(abs(b["said"] - b["was"]) * b["rows"] for b in curve) / len(y)


def lift_scores(p: Floats, base_rate: float | Floats) -> Floats:
    """R10's score of each probability beside the base rate (one for all, or one a row)."""
    p = np.clip(p, EPSILON, 1 - EPSILON)
    base = np.clip(np.asarray(base_rate, dtype=np.float64), EPSILON, 1 - EPSILON)
    odds_ratio = np.log(p / (1 - p)) - np.log(base / (1 - base))
    return np.asarray(1 / (1 + np.exp(-odds_ratio)), dtype=np.float64)


def bands(
    scores: Floats, y: Floats, medium_from: float = MEDIUM_FROM, high_from: float = HIGH_FROM
) -> dict[str, dict[str, float]]:
    """By band of R10's score: share of rows, share of positives among them, and lift over everybody. An empty band has lift 0."""
    found: dict[str, dict[str, float]] = {}
    overall = float(y.mean())
    which = np.where(scores < medium_from, "LOW", np.where(scores < high_from, "MEDIUM", "HIGH"))
    for band in ("LOW", "MEDIUM", "HIGH"):
        inside = y[which == band]
        rate = float(inside.mean()) if len(inside) else 0.0
        found[band] = {
            "rows": float(len(inside)),
            "share": len(inside) / len(y),
            "rate": rate,
            "lift": rate / overall if overall > 0 else 0.0,
        }
    return found


def deciles(p: Floats, y: Floats) -> list[dict[str, float]]:
    """Lift of the best tenth, the best two tenths, and so on."""
    order = np.argsort(-p, kind="stable")
    overall = float(y.mean())
    found = []
    for tenth in range(1, 11):
        top = y[order[: max(1, len(y) * tenth // 10)]]
        found.append({"share": tenth / 10, "lift": float(top.mean()) / overall if overall > 0 else 0.0})
    return found


def psi(before: Floats, after: Floats, bins: int = BINS) -> float:
    """Population stability index over bins of equal mass of `before`; nan is a bin of its own. Shares are kept above 1e-4.

    Below 0.1 stable, from 0.25 on another population (a convention of credit scorecards).
    """
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.array([])
    return _psi(_histogram(before, edges), _histogram(after, edges))


def psi_of_levels(before: Floats, after: Floats) -> float:
    """The same for codes of levels: each code is a bin."""
    codes = np.unique(np.concatenate([before, after]))
    counts = [np.array([float((part == c).sum()) for c in codes]) for part in (before, after)]
    return _psi(counts[0], counts[1])


def _histogram(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()).astype(np.float64)


def _psi(a: Floats, b: Floats) -> float:
    p, q = (np.maximum(x / max(x.sum(), 1.0), 1e-4) for x in (a, b))
    return float(((q - p) * np.log(q / p)).sum())


def paired_interval(
    differences: Floats, *, draws: int = 1000, level: float = 0.9, seed: int = 20_260_101
) -> tuple[float, float]:
    """Bootstrap interval of the mean of paired differences: the same rows under both models."""
    return _interval(differences, lambda rows: float(differences[rows].mean()), draws, level, seed)


def auc_drop_interval(
    before: Floats, after: Floats, y: Floats, *, draws: int = 300, level: float = 0.9, seed: int = 20_260_101
) -> tuple[float, float]:
    """Bootstrap interval of how much lower the second's AUC is on the same rows."""
    return _interval(y, lambda rows: auc(before[rows], y[rows]) - auc(after[rows], y[rows]), draws, level, seed)


def _interval(
    rows: Floats, of: Callable[[np.ndarray[tuple[int], np.dtype[np.int64]]], float], draws: int, level: float, seed: int
) -> tuple[float, float]:
    dice = np.random.default_rng(seed)
    means = np.array([of(dice.integers(0, len(rows), len(rows))) for _ in range(draws)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
