"""The design matrix: which columns a model looks at, decided on its training rows alone.

Numbers are held within their range, spread out by a logarithm where they are skewed, and scaled to mean 0 and deviation 1; levels
that are frequent enough get a column each, and so do members of lists; what is missing now and then gets a column that says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from contracts.models import Model, Term
from worker.learning.frame import Column, Flags, Floats, Frame, Rows

#: A level, or being missing, counts from this many rows on.
MIN_COUNT = 5
#: And levels of one feature at most.
MOST_LEVELS = 40
#: A number whose far end lies this many times beyond its middle is spread out by a logarithm.
SKEWED = 20.0
#: The range a number is held within, as shares of the training rows beyond it.
TAIL = 0.005


@dataclass(frozen=True, slots=True)
class Design:
    """Columns of the matrix as terms without a weight. `left_out`: features that got none, with the reason."""

    terms: tuple[Term, ...]
    left_out: dict[str, str]

    def matrix(self, frame: Frame, rows: Rows) -> Floats:
        """One column a term over these rows, not centred on their mean."""
        return matrix(self.terms, frame, rows)


def design(frame: Frame, rows: Rows) -> Design:
    """Decide the columns on these rows."""
    terms: list[Term] = []
    left_out: dict[str, str] = {}
    for column in frame.columns:
        found = _terms(column, rows)
        terms += found
        if not found:
            left_out[column.name] = "constant" if column.known[rows].any() else "never known"
    if not terms:
        return Design((), left_out)
    made = matrix(terms, frame, rows)
    means = made.mean(axis=0)
    return Design(tuple(t.model_copy(update={"mean": float(m)}) for t, m in zip(terms, means, strict=True)), left_out)


def matrix(terms: tuple[Term, ...] | list[Term], frame: Frame, rows: Rows) -> Floats:
    """As `Term.column` says, for many rows at once."""
    places = {column.name: column for column in frame.columns}
    made = np.zeros((len(rows), len(terms)))
    for nth, term in enumerate(terms):
        if term.feature in places:
            made[:, nth] = _filled(term, places[term.feature], rows)
        elif term.kind == "missing":
            made[:, nth] = 1.0
    return made


def raw_log_odds(model: Model, frame: Frame, rows: Rows) -> Floats:
    """What a model says before its calibration."""
    weights = np.array([t.weight for t in model.terms])
    return np.asarray(model.intercept + matrix(model.terms, frame, rows) @ weights, dtype=np.float64)


def _filled(term: Term, column: Column, rows: Rows) -> Floats:
    if term.kind == "missing":
        return np.asarray(~column.known[rows], dtype=np.float64)
    if term.kind == "member":
        return np.asarray(column.holding(term.level)[rows], dtype=np.float64)
    if term.kind == "category":
        return np.asarray(_is_level(term.level, column, rows), dtype=np.float64)
    values = column.numbers[rows]
    held = np.clip(values, term.low, term.high) if term.low is not None and term.high is not None else values
    if term.log:
        held = np.copysign(np.log1p(np.abs(held)), held)
    return np.asarray(np.nan_to_num((held - term.center) / term.scale, nan=0.0), dtype=np.float64)


def _is_level(level: str | None, column: Column, rows: Rows) -> Flags:
    if column.kind == "number":
        try:
            return np.asarray(column.numbers[rows] == float(level or "nan"), dtype=np.bool_)
        except ValueError:
            return np.zeros(len(rows), dtype=np.bool_)
    place = column.levels.index(level) if level in column.levels else -2
    return np.asarray(column.codes[rows] == place, dtype=np.bool_)


def _terms(column: Column, rows: Rows) -> list[Term]:
    missing = int((~column.known[rows]).sum())
    found = _OF_KIND[column.kind](column, rows)
    if MIN_COUNT <= missing <= len(rows) - MIN_COUNT:
        found.append(Term(feature=column.name, kind="missing", weight=0.0))
    return found


def _number_terms(column: Column, rows: Rows) -> list[Term]:
    values = column.numbers[rows]
    values = values[~np.isnan(values)]
    if len(values) < MIN_COUNT or values.min() == values.max():
        return []
    low, middle, high = (float(q) for q in np.quantile(values, [TAIL, 0.5, 1 - TAIL]))
    if low == high:
        low, high = float(values.min()), float(values.max())
    log = low >= 0 and high > SKEWED * (middle + 1)
    held = np.clip(values, low, high)
    held = np.log1p(held) if log else held
    scale = float(held.std())
    if not math.isfinite(scale) or scale < 1e-9 * max(1.0, abs(float(held.mean()))):
        return []
    center = float(held.mean())
    return [
        Term(
            feature=column.name, kind="number", center=center, scale=scale, weight=0.0, log=log, low=low, high=high
        )
    ]  # fmt: skip


def _level_terms(column: Column, rows: Rows) -> list[Term]:
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.levels))
    frequent = [i for i in np.argsort(-counts, kind="stable")[:MOST_LEVELS] if counts[i] >= MIN_COUNT]
    if len(frequent) == 1 and counts[frequent[0]] > len(rows) - MIN_COUNT:
        return []
    return [Term(feature=column.name, kind="category", level=column.levels[i], weight=0.0) for i in sorted(frequent)]


def _member_terms(column: Column, rows: Rows) -> list[Term]:
    """The members most lists have; one that all or hardly any rows have teaches nothing, nor does one that always
    comes with another.
    """
    here = np.zeros(len(column.known), dtype=np.bool_)
    here[rows] = True
    inside = here[column.holders]
    holders, members = column.holders[inside], column.members[inside]
    counts = np.bincount(members, minlength=len(column.levels))
    chosen: dict[bytes, int] = {}
    for i in np.argsort(-counts, kind="stable"):
        if counts[i] < MIN_COUNT or len(chosen) == MOST_LEVELS:
            break
        if counts[i] <= len(rows) - MIN_COUNT:
            chosen.setdefault(holders[members == i].tobytes(), int(i))
    return [
        Term(feature=column.name, kind="member", level=column.levels[i], weight=0.0) for i in sorted(chosen.values())
    ]


_OF_KIND: Mapping[str, Callable[[Column, Rows], list[Term]]] = {
    "number": _number_terms,
    "category": _level_terms,
    "list": _member_terms,
}
