"""Duplicates in files of companies: read as they come, compared in memory, reported. No database is asked."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from contracts.duplicates import find, measure
from contracts.errors import Invalid
from contracts.likeness import Record
from contracts.listings import DuplicateReport, LikelyPair, headings, listed
from db.pair_models import shipped

#: A file this large would not fit a small machine's memory beside its index.
MOST_BYTES = 200_000_000


@dataclass(slots=True)
class Listing:
    """A file's rows as they are compared, with their ids, and what was noticed."""

    ids: list[str]
    records: list[Record]
    columns: dict[str, str]
    ignored: list[str]
    notes: list[str] = field(default_factory=list)


def dedupe(path: Path, other: Path | None = None, truth: Path | None = None) -> DuplicateReport:
    """Likely duplicates within a file, or between two. Raises: Invalid for a file that cannot be read."""
    began = time.perf_counter()
    first = read(path)
    second = read(other) if other is not None else None
    records = first.records + (second.records if second else [])
    ids = first.ids + (second.ids if second else [])
    likely = find(records, shipped(), split=len(first.records) if second else None)
    best: dict[tuple[str, str], float] = {}
    for (a, b), probability in likely.items():
        named = _ordered(ids[a], ids[b], both=second is not None)
        if second is not None or ids[a] != ids[b]:
            best[named] = max(best.get(named, 0.0), probability)
    report = DuplicateReport(
        pairs=[
            LikelyPair(id_a=a, id_b=b, probability=round(p, 6))
            for (a, b), p in sorted(best.items(), key=lambda item: (-item[1], item[0]))
        ],
        rows=len(first.records),
        other_rows=len(second.records) if second else None,
        columns=first.columns | ({f"other.{k}": v for k, v in second.columns.items()} if second else {}),
        ignored=first.ignored + ([f"other.{name}" for name in second.ignored] if second else []),
        notes=first.notes + ([f"other file: {note}" for note in second.notes] if second else []),
        took_s=0.0,
    )
    if truth is not None:
        _judge(report, set(best), truth, first.ids, second.ids if second else None)
    report.took_s = round(time.perf_counter() - began, 3)
    return report


def read(path: Path) -> Listing:
    """Rows of a CSV file: comma, semicolon or tab; UTF-8 with or without mark, else Windows' Western letters."""
    rows, found = _table(path)
    used = headings(found)
    listing = Listing([], [], used, [name for name in found if name not in used.values()])
    seen: Counter[str] = Counter()
    nameless = 0
    for number, row in enumerate(rows, 1):
        values = {column: (row.get(heading) or "").strip() for column, heading in used.items()}
        identity = values.get("id") or str(number)
        seen[identity] += 1
        nameless += not values.get("name")
        listing.ids.append(identity)
        listing.records.append(listed(values))
    if not rows:
        listing.notes.append("there are no rows")
        return listing
    if "id" not in used:
        listing.notes.append("no column id: rows are named by their number, from 1")
    if "name" not in used:
        listing.notes.append("no column name: only the other columns could be compared")
    elif nameless:
        listing.notes.append(f"{nameless} rows have no name")
    if repeated := sum(1 for n in seen.values() if n > 1):
        listing.notes.append(f"{repeated} ids stand on more than one row; such rows count as one")
    return listing


def _judge(
    report: DuplicateReport, found: set[tuple[str, str]], path: Path, ids: list[str], others: list[str] | None
) -> None:
    rows, names = _table(path)
    if len(names) < 2:
        if rows or names:
            raise Invalid(f"{path} has no two columns: true pairs stand in columns id_a and id_b", code="bad_truth")
        report.notes.append("the file of true pairs is empty")
        return
    a, b = ("id_a", "id_b") if {"id_a", "id_b"} <= set(names) else names[:2]
    known, known_other = set(ids), set(others if others is not None else ids)
    true = set()
    for row in rows:
        left, right = (row.get(a) or "").strip(), (row.get(b) or "").strip()
        if (
            others is not None
            and (left not in known or right not in known_other)
            and left in known_other
            and right in known
        ):
            left, right = right, left
        if left and right and (others is not None or left != right):
            true.add(_ordered(left, right, both=others is not None))
    strangers = sum(1 for x, y in true if x not in known or y not in known_other)
    if strangers:
        report.notes.append(f"{strangers} true pairs name ids that are in no file; they count as not found")
    report.true_pairs = len(true)
    report.precision, report.recall, report.f1 = measure(found, true)


def _ordered(a: str, b: str, *, both: bool) -> tuple[str, str]:
    """Of one file a pair has no order; of two, the first file's id comes first."""
    return (a, b) if both or a <= b else (b, a)


def _table(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Invalid(
                f"{path} is larger than {MOST_BYTES // 1_000_000} MB: split it, by country for example",
                code="file_too_large",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", code="unreadable_file") from error
    text = _decoded(raw).replace("\x00", "")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(10_000_000)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="")
        names = [name for name in reader.fieldnames or () if name and name.strip()]
        return [{k: v for k, v in row.items() if isinstance(v, str)} for row in reader], names
    except csv.Error as error:
        raise Invalid(f"{path} is no CSV file: {error}", code="bad_csv") from error


def _decoded(raw: bytes) -> str:
    for encoding in ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp1252", errors="replace")
