"""What a pull of the register reads, and how far a page brings it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.findings import RegisterCatalog
from contracts.staging import DATASETS

#: A slice without a cursor is fetched as a file; with one, page by page from that row on.
FROM_THE_START = "0"


def datasets(asked: Sequence[str], configured: Sequence[str], catalog: RegisterCatalog | None) -> tuple[str, ...]:
    """Which data sets to read: those the run names, else ACRA_DATASETS, else the collection's, else the 27 we know of."""
    chosen = asked or configured or (catalog.datasets if catalog else ()) or tuple(DATASETS.values())
    return tuple(dict.fromkeys(chosen))


def offset_of(cursor: str) -> int:
    """The row a page starts at."""
    return int(cursor) if cursor.isascii() and cursor.isdigit() else 0
