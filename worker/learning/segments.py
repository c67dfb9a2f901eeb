"""Does a candidate fail one part of a tenant's leads while it is better overall? Pure.

A segment is the leads of one ICP profile, one country or one industry. It collapses where the candidate is surely worse there
by log loss, than whoever decides now or than saying the base rate of everybody; or its ranking falls by more than
`MOST_AUC_DROP`. "Surely": a paired bootstrap interval of 90 %, widened by the number of segments looked at (Bonferroni), lies
on the wrong side. Otherwise one of twenty segments would fail by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.learning import measure
from worker.learning.frame import Floats, Rows

#: Labels of either kind from which a segment tells something, and of both together.
LEAST_LABELS, LEAST_EITHER = 50, 10
LEVEL = 0.9
MOST_AUC_DROP = 0.1
#: Segments looked at: the largest.
MOST = 30


@dataclass(frozen=True, slots=True)
class Segment:
    """How both do on one segment. `collapsed`: why it does, in words; None: it does not."""

    by: str
    name: str
    leads: int
    positives: int
    figures: Mapping[str, float]
    collapsed: str | None

    def told(self) -> dict[str, Any]:
        """As it stands on the evaluation."""
        said = {"by": self.by, "segment": self.name, "leads": self.leads, "positives": self.positives}
        return {**said, **{k: round(v, 4) for k, v in self.figures.items()}, "collapsed": self.collapsed}


def looked_at(
    p: Floats, other: Floats, ranks: Floats | None, y: Floats, base_rate: float, of: Sequence[Mapping[str, str]]
) -> list[Segment]:
    """Every segment with enough labels, largest first. Arguments as of `gate.promotion`; `of`: each lead's segments."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, parts in enumerate(of):
        for part in parts.items():
            rows.setdefault(part, []).append(row)
    enough = [(part, np.array(found)) for part, found in rows.items() if _enough(y[found])]
    enough.sort(key=lambda found: (-len(found[1]), found[0]))
    level = 1 - (1 - LEVEL) / max(1, len(enough[:MOST]))
    beside = other if ranks is None else ranks
    return [_segment(part, found, p, other, beside, y, base_rate, level) for part, found in enough[:MOST]]


def _enough(y: Floats) -> bool:
    positives = int(y.sum())
    return len(y) >= LEAST_LABELS and min(positives, len(y) - positives) >= LEAST_EITHER


def _segment(
    part: tuple[str, str],
    rows: Rows,
    p: Floats,
    other: Floats,
    ranks: Floats,
    y: Floats,
    base_rate: float,
    level: float,
) -> Segment:
    p, other, ranks, y = p[rows], other[rows], ranks[rows], y[rows]
    mine, theirs = measure.losses(p, y), measure.losses(other, y)
    plain = measure.losses(np.full(len(y), base_rate), y)
    figures = {
        "log_loss": float(mine.mean()), "beside_log_loss": float(theirs.mean()), "base_log_loss": float(plain.mean()),
        "auc": measure.auc(p, y), "beside_auc": measure.auc(ranks, y),
    }  # fmt: skip
    why = []
    for than, losses in (("whoever decides now", theirs), ("the base rate", plain)):
        low, _ = measure.paired_interval(mine - losses, level=level)
        if low > 0:
            why.append(f"log loss {mine.mean():.3f} is surely worse than {losses.mean():.3f} of {than}")
    fallen = figures["beside_auc"] - figures["auc"]
    if fallen > MOST_AUC_DROP and measure.auc_drop_interval(ranks, p, y, level=level)[0] > 0:
        why.append(f"AUC {figures['auc']:.2f} falls from {figures['beside_auc']:.2f}")
    return Segment(*part, len(y), int(y.sum()), figures, "; ".join(why) or None)
