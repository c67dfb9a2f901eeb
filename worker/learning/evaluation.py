"""A version held against what came true after it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from contracts.models import Model
from worker.learning import drift, fit, measure
from worker.learning.design import raw_log_odds
from worker.learning.frame import Floats, Frame, frame_of
from worker.learning.outcomes import Example

#: Features whose movement is kept: those that moved most.
MOST_DRIFTED = 20


def later(examples: Sequence[Example], after: datetime | None) -> list[Example]:
    """Those decided on after a moment."""
    return [e for e in examples if after is None or e.decided_at > after]


def scored(model: Model, examples: Sequence[Example]) -> tuple[Floats, Floats]:
    """(probabilities, outcomes)."""
    frame = frame_of([e.vector for e in examples])
    p = fit.probabilities(model, frame, np.arange(len(examples)))
    return p, np.array([float(e.positive) for e in examples])


def figures(model: Model, p: Floats, y: Floats, trained_scores: Sequence[float]) -> dict[str, Any]:
    """What a report shows: numbers, curves, lift by band, movement of scores."""
    scores = measure.lift_scores(p, model.base_rate)
    return {
        "figures": {
            "n": len(y), "positives": int(y.sum()), "auc": measure.auc(p, y), "log_loss": measure.log_loss(p, y),
            "base_log_loss": measure.base_log_loss(y), "brier": measure.brier(p, y), "ece": measure.ece(p, y),
            "psi": measure.psi(np.array(trained_scores), p) if len(trained_scores) else 0.0,
        },
        "calibration": measure.calibration(p, y),
        "bands": measure.bands(scores, y),
        "deciles": measure.deciles(p, y),
    }  # fmt: skip


def drifted(examples: Sequence[Example], trained_to: datetime | None) -> dict[str, float]:
    """Movement of features since the training, those that moved most."""
    frame = frame_of([e.vector for e in examples])
    before = np.array([trained_to is not None and e.decided_at <= trained_to for e in examples], dtype=np.bool_)
    if not before.any() or before.all():
        return {}
    moved = drift.features(frame, np.flatnonzero(before), np.flatnonzero(~before))
    return {name: round(value, 4) for name, value in sorted(moved.items(), key=lambda i: -i[1])[:MOST_DRIFTED]}


def beside_rules(examples: Sequence[Example]) -> Floats | None:
    """What rules alone scored these leads; None where they did not score most of them."""
    scores = [e.rules_score for e in examples]
    known = [s for s in scores if s is not None]
    if len(known) < 0.8 * len(scores) or not known:
        return None
    middle = float(np.median(known))
    return np.array([middle if s is None else s for s in scores])


def by_version(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """What became of the leads each version really decided about (A/B), and how that fits what it had said."""
    groups: dict[UUID | None, list[Example]] = {}
    for e in examples:
        groups.setdefault(e.model_version_id, []).append(e)
    return [_decided(version, group) for version, group in sorted(groups.items(), key=lambda g: str(g[0]))]


def _decided(version: UUID | None, group: Sequence[Example]) -> dict[str, Any]:
    y = np.array([float(e.positive) for e in group])
    told: dict[str, Any] = {
        "model_version_id": str(version) if version else None, "leads": len(group), "positives": int(y.sum()),
        "rate": float(y.mean()),
    }  # fmt: skip
    said = [e.probability for e in group if e.probability is not None]
    if len(said) == len(group):
        p = np.array(said)
        told |= {"said": float(p.mean()), "log_loss": measure.log_loss(p, y), "auc": measure.auc(p, y)}
    return told


def recalibration(model: Model, examples: Sequence[Example]) -> dict[str, float] | None:
    """Slope, offset and base rate on the newest outcomes (rolling Platt); None while there are too few."""
    newest = examples[-fit.CALIBRATED_ON :]
    frame: Frame = frame_of([e.vector for e in newest])
    y = np.array([float(e.positive) for e in newest])
    if not len(newest) or not fit.enough(y):
        return None
    w = np.array([e.weight for e in newest])
    by = fit.platt(raw_log_odds(model, frame, np.arange(len(newest))), y, w)
    return {"slope": by.slope, "offset": by.offset, "base_rate": by.base_rate}
