"""Learning what a pair's features say. Rows are pairs with the answer; the model is plain values (contracts/models.py)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from contracts.likeness import together
from contracts.models import Model, Term

FEATURES = (
    "name_set", "name_sort", "name_jw", "name_rare", "name_same", "address_set", "address_ratio", "number_agree", "number_conflict",
    "phone_agree", "phone_conflict", "zip_agree", "zip_alike", "city", "site_agree", "name_place", "name_phone", "name_site",
)  # fmt: skip
#: One of each group of features that are known or missing together.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "name": ("name_set", "name_sort", "name_jw", "name_rare", "name_same"),
    "address": ("address_set", "address_ratio", "number_agree", "number_conflict"),
    "phone": ("phone_agree", "phone_conflict"),
    "zip": ("zip_agree", "zip_alike"),
    "city": ("city",),
    "site": ("site_agree",),
}
_MISSING = ("name_set", "address_set", "number_agree", "phone_agree", "zip_agree", "city", "site_agree")
#: Inverse strength of the penalty. Chosen on the training sets alone.
C = 0.3

Pair = tuple[Mapping[str, float], bool, float]


def without_columns(pairs: Sequence[Pair], seed: int, copies: int = 2) -> list[Pair]:
    """The pairs, and copies that lack columns at random: files differ in what they have, and a model must not lean on
    one column.
    """
    draw = random.Random(seed)  # noqa: S311
    made = list(pairs)
    for said, same, weight in pairs:
        for _ in range(copies):
            gone = {f for group, fs in GROUPS.items() if draw.random() < (0.03 if group == "name" else 0.4) for f in fs}
            made.append((together({name: v for name, v in said.items() if name not in gone}), same, weight))
    return made


def fit(pairs: Sequence[Pair]) -> Model:
    """L2 logistic regression over z-scaled features and missing indicators. Pairs are (features, same, weight)."""
    known = np.array([[said.get(name, np.nan) for name in FEATURES] for said, _, _ in pairs], dtype=float)
    center = np.nan_to_num(np.nanmean(known, axis=0))
    scale = np.nan_to_num(np.nanstd(known, axis=0))
    scale[scale < 1e-9] = 1.0
    numbers = np.nan_to_num((known - center) / scale, nan=0.0)
    missing = np.isnan(known[:, [FEATURES.index(name) for name in _MISSING]]).astype(float)
    columns = np.hstack([numbers, missing])
    answers = np.array([same for _, same, _ in pairs])
    weights = np.array([weight for _, _, weight in pairs])
    learned = LogisticRegression(C=C, max_iter=5000).fit(columns, answers, sample_weight=weights)
    means = np.average(columns, axis=0, weights=weights)
    terms = [
        Term(feature=name, kind="number", center=center[i], scale=scale[i], weight=learned.coef_[0][i], mean=means[i])
        for i, name in enumerate(FEATURES)
    ]
    terms += [
        Term(feature=name, kind="missing", weight=learned.coef_[0][len(FEATURES) + i], mean=means[len(FEATURES) + i])
        for i, name in enumerate(_MISSING)
    ]
    base = float(np.average(answers, weights=weights))
    return Model(intercept=float(learned.intercept_[0]), terms=tuple(terms), base_rate=min(max(base, 1e-6), 1 - 1e-6))
