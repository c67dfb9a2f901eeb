"""How far features have moved from the rows that were trained on."""

from __future__ import annotations

from worker.learning import measure
from worker.learning.frame import Column, Frame, Rows


def features(frame: Frame, before: Rows, after: Rows) -> dict[str, float]:
    """Population stability index of each feature."""
    return {column.name: _moved(column, before, after) for column in frame.columns}


def _moved(column: Column, before: Rows, after: Rows) -> float:
    if column.kind == "number":
        return measure.psi(column.numbers[before], column.numbers[after])
    codes = column.codes.astype("float64")
    return measure.psi_of_levels(codes[before], codes[after])
