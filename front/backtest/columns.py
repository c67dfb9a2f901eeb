"""Which columns of a history are features, and why the others are not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from front.backtest.reading import Table
from front.backtest.words import looks_dated, missing, number
from worker.learning import measure
from worker.learning.frame import NUMERIC_SHARE, Column, Floats, Frame, column_of

#: Distinct values among known ones: beyond this share a text names its row, or is prose.
NAMES_ITS_ROW = 0.5
#: Levels of a text at most; beyond them it is left out unless the frequent ones cover this share of the rows.
MANY_LEVELS, COVERED = 200, 0.5
#: AUC of a single feature that nothing known beforehand has.
LEAK = 0.98
_ID = re.compile(r"(^|[\s_.-])(id|ids|uuid|guid|key|nr|no|number|index|rownum|row)$|[a-z](Id|ID|Uuid|Key)$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Features as columns, and the others by name with the reason."""

    frame: Frame
    ignored: dict[str, str]


def choose(table: Table, taken: dict[str, str], rows: list[int]) -> Chosen:
    """Look at every column that is not `taken` (name -> for what), over these rows, which are in time order."""
    ignored = dict(taken)
    columns: list[Column] = []
    for name, cells in table.columns.items():
        if name in taken:
            continue
        found, reason = _feature(name, [cells[i] for i in rows])
        if found is None:
            ignored[name] = reason
        else:
            columns.append(found)
    return Chosen(Frame(len(rows), tuple(columns)), ignored)


def _feature(name: str, cells: list[str]) -> tuple[Column | None, str]:
    known = [cell for cell in cells if not missing(cell)]
    counts = Counter(known)
    if len(known) < 5:
        return None, "hardly ever filled in"
    if len(counts) == 1 and len(known) == len(cells):
        return None, "constant"
    numbers = [number(cell) for cell in known]
    if sum(n is not None for n in numbers) >= NUMERIC_SHARE * len(known):
        return _number_column(name, cells, [n for n in numbers if n is not None])
    distinct = len(counts) / len(known)
    if len(known) >= 20 and distinct > NAMES_ITS_ROW:
        words = float(np.mean([len(cell.split()) for cell in known[:500]]))
        if looks_dated(known):
            return None, "dates: only the time column tells when"
        return None, "free text" if words >= 3 else "names its row: nearly every value is another"
    if len(counts) > 12 and looks_dated(known):
        return None, "dates: only the time column tells when"
    if len(counts) > MANY_LEVELS and sum(n for _, n in counts.most_common(40)) < COVERED * len(known):
        return None, f"{len(counts)} levels, most of them rare"
    values = [None if missing(cell) else cell for cell in cells]
    return column_of(name, values), ""


def _number_column(name: str, cells: list[str], numbers: list[float]) -> tuple[Column | None, str]:
    whole = all(n == int(n) for n in numbers if abs(n) < 1e15)
    if whole and len(numbers) >= 50 and len(set(numbers)) > 0.98 * len(numbers):
        steps = np.diff(np.array(numbers))
        if _ID.search(name) or (steps > 0).all() or (steps < 0).all():
            return None, "names its row: nearly every value is another"
    return column_of(name, [None if missing(cell) else number(cell) for cell in cells]), ""


def leaks(frame: Frame, y: Floats) -> dict[str, float]:
    """Features that alone nearly tell the outcome, with their AUC: surely written down afterwards."""
    found: dict[str, float] = {}
    for column in frame.columns:
        tells = max(_alone(column, y), _auc_either_way(column.known.astype(np.float64), y))
        if tells > LEAK:
            found[column.name] = round(tells, 4)
    return found


def _alone(column: Column, y: Floats) -> float:
    if column.kind == "number":
        middle = np.nanmedian(column.numbers) if column.known.any() else 0.0
        return _auc_either_way(np.nan_to_num(column.numbers, nan=middle), y)
    # Rates by level, learned on every second row and judged on the others: a level seen once tells nothing.
    learned, judged = np.arange(len(y)) % 2 == 0, np.arange(len(y)) % 2 == 1
    places = column.codes + 1
    size = len(column.levels) + 1
    hits = np.bincount(places[learned], weights=y[learned], minlength=size)
    seen = np.bincount(places[learned], minlength=size)
    rates = (hits + y.mean()) / (seen + 1)
    return _auc_either_way(rates[places[judged]], y[judged])


def _auc_either_way(values: Floats, y: Floats) -> float:
    found = measure.auc(values, y)
    return max(found, 1 - found)
