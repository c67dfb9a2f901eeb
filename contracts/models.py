"""A trained model as plain values, and how it scores: logistic regression over named features, in pure Python.

log-odds = intercept + sum(weight_i * x_i), then Platt's calibration: logit(p) = slope * log-odds + offset. A contribution is
`slope * weight_i * (x_i - mean_i)`, so that base + sum(contributions) = logit(p), where base is logit(p) of the average row.
The score is OR / (1 + OR) with OR = odds(p) / odds(base rate) (R10): 0.5 is an average lead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: What a feature may be. None, and a feature that is not there, are missing.
Value = float | int | bool | str | list[str] | None
#: Probabilities are kept this far from 0 and 1: nobody is that sure, and odds stay finite.
EPSILON = 1e-6


class Term(BaseModel):
    """One column of the design matrix.

    `number`: (value - center) / scale, 0 where it is missing or no number. `category`: 1 where the value equals `level`. `member`:
    1 where the value is a list that holds `level` (a list is as many columns as it has frequent members: multi-hot). `missing`: 1
    where the feature is not known. `mean` is the column's mean over the training rows. Before that a number is held within
    `low`..`high`, the range that was trained on (None: no bound), and with `log` its logarithm is taken: sign(x) * log(1 + |x|).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    kind: Literal["number", "category", "member", "missing"]
    level: str | None = None
    center: float = 0.0
    scale: float = Field(default=1.0, gt=0)
    weight: float
    mean: float = 0.0
    log: bool = False
    low: float | None = None
    high: float | None = None

    def column(self, value: Value) -> float:
        if self.kind == "missing":
            return 1.0 if value is None else 0.0
        if value is None:
            return 0.0
        if self.kind == "member":
            return 1.0 if isinstance(value, list) and self.level in value else 0.0
        if isinstance(value, list):
            return 0.0
        if self.kind == "category":
            return 1.0 if as_level(value) == self.level else 0.0
        if not isinstance(value, int | float):
            return 0.0
        return (self._held(float(value)) - self.center) / self.scale

    def _held(self, value: float) -> float:
        if self.low is not None and value < self.low:
            value = self.low
        if self.high is not None and value > self.high:
            value = self.high
        return math.copysign(math.log1p(abs(value)), value) if self.log else value


class Model(BaseModel):
    """A scorer. `base_rate`: the share of positives it was calibrated on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float
    terms: tuple[Term, ...]
    slope: float = Field(default=1.0, ge=0)
    offset: float = 0.0
    base_rate: float = Field(gt=0, lt=1)

    def base_log_odds(self) -> float:
        """logit(p) of the average training row."""
        return self.slope * (self.intercept + sum(t.weight * t.mean for t in self.terms)) + self.offset

    def contributions(self, row: Mapping[str, Value]) -> dict[str, float]:
        """feature -> what it adds to the average row's log-odds, signed; its columns added up."""
        found: dict[str, float] = {}
        for term in self.terms:
            by = self.slope * term.weight * (term.column(row.get(term.feature)) - term.mean)
            found[term.feature] = found.get(term.feature, 0.0) + by
        return found

    def log_odds(self, row: Mapping[str, Value]) -> float:
        """logit(p), calibrated."""
        raw = self.intercept + sum(t.weight * t.column(row.get(t.feature)) for t in self.terms)
        return self.slope * raw + self.offset

    def probability(self, row: Mapping[str, Value]) -> float:
        return sigmoid(self.log_odds(row))


def as_level(value: Value) -> str:
    """A value as a category: true and false in JSON's words, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def logit(p: float) -> float:
    """log(p / (1 - p)), p kept EPSILON away from 0 and 1."""
    p = min(max(p, EPSILON), 1.0 - EPSILON)
    return math.log(p / (1.0 - p))


def lift_score(log_odds: float, base_rate: float) -> float:
    """OR / (1 + OR) with OR = odds(p) / odds(base rate), in [0, 1] (R10)."""
    return sigmoid(log_odds - logit(base_rate))
