"""Examples -> a model version: the newest mature leads are kept aside for judging, the others are learned from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import to_json

from contracts.learning import TrainingConfig
from contracts.models import Model
from worker.learning import fit, measure
from worker.learning.delay import LEAST_KNOWN, Arrival
from worker.learning.frame import Floats, Frame, frame_of
from worker.learning.outcomes import Example

#: Leads kept aside for judging: a share of all, but neither fewer nor more than these.
LEAST_JUDGED, MOST_JUDGED = 200, 1000
#: Positives from which a model may decide anything.
LEAST_POSITIVES = 30
#: Of either kind, below which there is nothing to learn at all.
LEAST = 5
#: Bins of a stored distribution.
KEPT_QUANTILES = 101


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, its figures on what it learned from, and a word about what stands in its way."""

    model: Model
    metrics: dict[str, Any]
    reason: str | None
    data_hash: bytes
    learned: int


class TooFew(Exception):
    """There is nothing to learn from yet; the text says what is there."""


def arrays(examples: Sequence[Example]) -> tuple[Frame, Floats, Floats]:
    """(columns, outcomes, weights)."""
    frame = frame_of([e.vector for e in examples])
    y = np.array([float(e.positive) for e in examples])
    return frame, y, np.array([e.weight for e in examples])


def judged(examples: int, holdout: float, label_delay: str = "mature") -> int:
    """How many of the newest are kept aside. None where young leads are learned from: they cannot be judged by yet."""
    if label_delay == "weighted":
        return 0
    return min(max(int(holdout * examples), LEAST_JUDGED), MOST_JUDGED, examples // 2)


def train(
    examples: Sequence[Example], others: Counter[str], config: TrainingConfig, arrival: Arrival | None = None
) -> Trained:
    """Learn from all but the newest. `arrival`: how positives by age were weighted. Raises: TooFew."""
    leads, positives = _counted(examples)
    learned = examples[: len(examples) - judged(len(examples), config.holdout, config.label_delay)]
    known, hits = _counted(learned)
    if min(hits, known - hits) < LEAST:
        raise TooFew(
            f"{leads}{'' if arrival else ' mature'} leads with an outcome, {positives} positive"
            f" ({', '.join(f'{n} {why}' for why, n in sorted(others.items())) or 'no others'}):"
            f" at least {LEAST} of either kind are needed among the older ones; rules alone decide until then"
        )
    frame, y, w = arrays(learned)
    rows = np.arange(len(learned))
    fitted = fit.train(frame, rows, y, w)
    real = w > 0
    p, y = fit.probabilities(fitted.model, frame, rows)[real], y[real]
    reason = None
    if positives < LEAST_POSITIVES:
        reason = f"only {positives} mature positives: with fewer than {LEAST_POSITIVES} rules alone decide"
    metrics = {
        "examples": leads,
        "positives": positives,
        "learned": known,
        "learned_positives": hits,
        "learned_rate": float(np.average([e.positive for e in learned], weights=w)),
        "left_out": dict(others),
        "strength": fitted.strength,
        "features_left_out": fitted.design.left_out,
        "training": {"auc": measure.auc(p, y), "log_loss": measure.log_loss(p, y)},
        "scores": np.quantile(p, np.linspace(0, 1, KEPT_QUANTILES)).tolist(),
    }
    if arrival is not None:
        days = {"median_days": arrival.quantile(0.5), "p90_days": arrival.quantile(0.9)}
        metrics["label_delay"] = {"delays": arrival.seen, **days, "least_known": LEAST_KNOWN}
    return Trained(fitted.model, metrics, reason, data_hash(learned), len(learned))


def _counted(examples: Sequence[Example]) -> tuple[int, int]:
    """(leads, positives), without echoes."""
    return sum(e.weight > 0 for e in examples), sum(e.positive for e in examples)


def data_hash(examples: Sequence[Example]) -> bytes:
    """SHA-256 over what was learned from, in order."""
    digest = hashlib.sha256()
    for e in examples:
        digest.update(
            to_json([str(e.lead_id), e.decided_at.isoformat(), dict(sorted(e.vector.items())), e.positive, e.weight])
        )
    return digest.digest()
