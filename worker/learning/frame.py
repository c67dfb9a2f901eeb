"""Rows of features as columns of numbers, once, so that many models can be trained on parts of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from contracts.models import Value, as_level

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

#: A feature is a number when at least this share of its known values are.
NUMERIC_SHARE = 0.9
#: And a list when at least this share are lists.
LIST_SHARE = 0.5
NOBODY: Rows = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Column:
    """A feature over all rows. `numbers`: nan where there is none; `codes`: an index into `levels`, -1 where there is none.

    A list has its members instead: entry i says that row `holders[i]` holds the level `members[i]`.
    `known` is False where the feature is missing. An object is known, and is neither number nor level.
    """

    name: str
    kind: Literal["number", "category", "list"]
    known: Flags
    numbers: Floats
    codes: Codes
    levels: tuple[str, ...]
    holders: Rows = field(default_factory=lambda: NOBODY)
    members: Codes = field(default_factory=lambda: NOBODY)

    def holding(self, level: str | None) -> Flags:
        """Which rows have a list with this member."""
        found = np.zeros(len(self.known), dtype=np.bool_)
        if level in self.levels:
            found[self.holders[self.members == self.levels.index(level)]] = True
        return found


@dataclass(frozen=True, slots=True)
class Frame:
    """Features by name, in a fixed order, over `size` rows."""

    size: int
    columns: tuple[Column, ...]

    def without(self, names: set[str]) -> Frame:
        return Frame(self.size, tuple(c for c in self.columns if c.name not in names))

    def of(self, rows: Sequence[Mapping[str, Any]]) -> Frame:
        """Other rows in the same columns: a level that is new has none of these codes."""
        return Frame(len(rows), tuple(_like(c, [row.get(c.name) for row in rows]) for c in self.columns))


def frame_of(rows: Sequence[Mapping[str, Any]]) -> Frame:
    """Columns of every feature that any row has, sorted by name."""
    names = sorted({name for row in rows for name in row})
    return Frame(len(rows), tuple(column_of(name, [row.get(name) for row in rows]) for name in names))


def column_of(name: str, values: Sequence[Any]) -> Column:
    """Decide what a feature is, and hold its values."""
    known = [v for v in values if v is not None]
    numeric = sum(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
    if known and numeric >= NUMERIC_SHARE * len(known):
        return _numbers(name, values)
    lists = [v for v in known if isinstance(v, list)]
    plain = {as_level(v) for v in known if isinstance(v, str | int | float)}
    levels = tuple(sorted(plain.union(*(_texts(v) for v in lists))))
    kind: Literal["list", "category"] = "list" if lists and len(lists) >= LIST_SHARE * len(known) else "category"
    return _levels(name, kind, values, levels)


def _like(column: Column, values: Sequence[Any]) -> Column:
    if column.kind == "number":
        return _numbers(column.name, values)
    return _levels(column.name, column.kind, values, column.levels)


def _numbers(name: str, values: Sequence[Any]) -> Column:
    numbers = np.array([_number(v) for v in values], dtype=np.float64)
    known = np.array([v is not None for v in values], dtype=np.bool_)
    return Column(name, "number", known, numbers, np.full(len(values), -1, dtype=np.int64), ())


def _levels(name: str, kind: Literal["list", "category"], values: Sequence[Any], levels: tuple[str, ...]) -> Column:
    places = {level: place for place, level in enumerate(levels)}
    codes = [places.get(as_level(v), -1) if isinstance(v, str | int | float) else -1 for v in values]
    known = np.array([v is not None for v in values], dtype=np.bool_)
    numbers = np.array([_number(v) for v in values], dtype=np.float64)
    held = [(row, places[m]) for row, v in enumerate(values) if isinstance(v, list) for m in _texts(v) if m in places]
    holders, members = (
        np.array(part, dtype=np.int64) for part in (zip(*sorted(held), strict=True) if held else ((), ()))
    )
    return Column(name, kind, known, numbers, np.array(codes, dtype=np.int64), levels, holders, members)


def _texts(values: Sequence[Any]) -> set[str]:
    return {v for v in values if isinstance(v, str)}


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
