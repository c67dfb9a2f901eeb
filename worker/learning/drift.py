"""How far features have moved from the rows that were trained on."""

from __future__ import annotations

import numpy as np

from worker.learning import measure
from worker.learning.frame import Column, Floats, Frame, Rows


def features(frame: Frame, before: Rows, after: Rows) -> dict[str, float]:
    """Population stability index of each feature."""
    return {column.name: _moved(column, before, after) for column in frame.columns}


def _moved(column: Column, before: Rows, after: Rows) -> float:
    if column.kind == "number":
        return measure.psi(column.numbers[before], column.numbers[after])
    if column.kind == "list":
        return measure.psi_of_levels(_entries(column, before), _entries(column, after))
    codes = column.codes.astype("float64")
    return measure.psi_of_levels(codes[before], codes[after])


def _entries(column: Column, rows: Rows) -> Floats:
    """Members of these rows' lists one after the other; -1 for a row without any."""
    here = np.zeros(len(column.known), dtype=np.bool_)
    here[rows] = True
    inside = here[column.holders]
    here[column.holders[inside]] = False
    return np.concatenate([column.members[inside], np.full(int(here.sum()), -1)]).astype(np.float64)
