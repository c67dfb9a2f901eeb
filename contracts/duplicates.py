"""Likely duplicates in a list of records, in memory: candidates, probabilities, groups. Pure; the product's own scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts import pairs as decide
from contracts.blocking import candidates, rarity
from contracts.likeness import Rarity, Record, features
from contracts.models import Model


@dataclass(frozen=True, slots=True)
class Scorer:
    """Probability that two records are the same, under a model and a file's rarity of words."""

    model: Model
    rarity: Rarity

    def __call__(self, a: Record, b: Record) -> float:
        if a.country and b.country and a.country != b.country:
            return 0.0  # a company is registered in one country, and no labelled set teaches what a difference is worth
        said = features(a, b, self.rarity)
        return self.model.probability(said) if said else 0.0


def find(records: Sequence[Record], model: Model, *, split: int | None = None) -> dict[tuple[int, int], float]:
    """Likely pairs of positions with their probabilities (>= 0.5). `split`: two files, the second from there on."""
    score = Scorer(model, rarity(records))
    scored = {(a, b): score(records[a], records[b]) for a, b in set(candidates(records, split))}
    possible = {pair: p for pair, p in sorted(scored.items()) if p >= decide.REVIEW}

    def of(a: int, b: int) -> float:
        key = (a, b) if a < b else (b, a)
        return scored[key] if key in scored else score(records[a], records[b])

    return decide.implied(possible, of) if split is None else decide.consistent(possible, of)


def measure(found: set[tuple[str, str]], true: set[tuple[str, str]]) -> tuple[float | None, float | None, float | None]:
    """(precision, recall, F1) of found pairs; None where nothing was found or nothing is true."""
    hits = len(found & true)
    precision = hits / len(found) if found else None
    recall = hits / len(true) if true else None
    if precision is None or recall is None:
        return precision, recall, None if not true else 0.0
    return precision, recall, 2 * hits / (len(found) + len(true))
