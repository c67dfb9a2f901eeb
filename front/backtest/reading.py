"""A file of history as text columns: any delimiter, gzipped or not, with or without a byte order mark."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import Rejected

#: Characters of the beginning that the delimiter is told from.
SAMPLE = 20_000
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by column, as text without blanks around; a row that was short is filled up with "". `torn`: rows of another length."""

    columns: dict[str, list[str]]
    size: int
    torn: int


def refuse(detail: str, code: str) -> Rejected:
    return Rejected(detail, code=code)


def read(path: Path) -> Table:
    """Read a CSV file. Raises: Rejected saying in one line what is wrong with it and what to do."""
    text = _text(path)
    if not text.strip():
        raise refuse(f"{path.name} is empty: give a CSV file with a header and a row a lead", "empty_file")
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text[:SAMPLE]))
    try:
        header = _header(next(reader))
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise refuse(f"{path.name} cannot be read as CSV: {error}", "bad_csv") from error
    if not rows:
        raise refuse(f"{path.name} has a header and no rows: nothing can be learned from it", "empty_file")
    width = len(header)
    torn = sum(len(row) != width for row in rows)
    filled = [row if len(row) >= width else row + [""] * (width - len(row)) for row in rows]
    return Table({name: [row[i].strip() for row in filled] for i, name in enumerate(header)}, len(rows), torn)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except OSError as error:
        raise refuse(f"{path} cannot be read: {error.strerror or error}", "unreadable") from error
    except (EOFError, zlib.error) as error:
        raise refuse(f"{path} is no whole gzip file: {error}", "unreadable") from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").replace("\x00", "")
    try:
        return raw.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace").replace("\x00", "")


def _delimiter(sample: str) -> str:
    """The one that cuts the header, and the lines after it, into the most equal parts."""
    lines = [line for line in sample.splitlines() if line.strip()][:20]

    def regular(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        return (sum(w == widths[0] for w in widths) if widths[0] > 1 else 0, widths[0])

    return max(DELIMITERS, key=regular)


def _header(cells: list[str]) -> list[str]:
    """Names, each once: a blank one is called by its place, a repeated one gets a number."""
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.split()) or f"column {place}"
        again, known = 2, name
        while name in names:
            name, again = f"{known} ({again})", again + 1
        names.append(name)
    return names
