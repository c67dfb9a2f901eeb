"""A file of the register into staging: CSV with ACRA's column names, plain or gzipped, batch by batch, from where it stopped."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from contracts.errors import Conflict, Invalid
from contracts.findings import RegisterEntity
from contracts.staging import Source, StagingImport, Tally, read_rows
from contracts.tenants import SYSTEM_TENANT
from db import staging
from db.transaction import Pool, transaction

#: Rows of one transaction.
BATCH = 2_000
#: Longest field of a CSV file, in characters.
MAX_FIELD = 100_000
_GZIP = b"\x1f\x8b"

Progress = Callable[[StagingImport, Tally], None]


def name_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex: the same file is the same import, wherever it lies. Raises: Invalid."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror}): give the path of a CSV file") from error


async def load(
    pool: Pool,
    path: Path,
    *,
    source: Source = "file",
    label: str | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> tuple[StagingImport, bool]:
    """Bring a file into staging. Returns the import as it stands, and whether anything was left to do.

    Each batch is committed with how far the file was read: after a crash the same file goes on from there. A file that was read to
    its end is not read again, unless `again`. Raises: Invalid for what is no such file; Conflict when another process reads it.
    """
    name = await asyncio.to_thread(name_of, path)
    async with transaction(pool, SYSTEM_TENANT) as tx:
        found = await staging.begin(tx, source, name, label or path.name)
        if found.state == "done":
            if not again:
                return found, False
            await staging.restart(tx, found)
            found = await staging.begin(tx, source, name, found.label)
    await _read_on(pool, path, found, source, progress)
    async with transaction(pool, SYSTEM_TENANT) as tx:
        await staging.finish(tx, found)
        return await staging.begin(tx, source, name, found.label), True


async def _read_on(pool: Pool, path: Path, of: StagingImport, source: Source, progress: Progress | None) -> None:
    total = of.tally
    with opened(path) as rows:
        await asyncio.to_thread(_skip, rows, of.rows_read)
        while True:
            entities, tally = await asyncio.to_thread(_batch, rows)
            if not entities and not tally.read:
                return
            async with transaction(pool, SYSTEM_TENANT) as tx:
                tally.add(await staging.upsert(tx, entities, source))
                if not await staging.advance(tx, of, tally, after=total.read):
                    raise Conflict(
                        f"{path.name} is being imported elsewhere: wait for it, then look at `headwater staging status`"
                    )
            total.add(tally)
            if progress is not None:
                progress(of, total)


Rows = Iterator[tuple[int, dict[str, str]]]


@contextmanager
def opened(path: Path) -> Iterator[Rows]:
    """(line, row) of each row. Raises: Invalid when it is not CSV, or lacks the columns that every row must have."""
    try:
        with _text(path) as lines:
            yield _rows(lines, path.name)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(
            f"{path.name} cannot be read as CSV in UTF-8 ({error}): fetch it anew, and import it once more"
        ) from error


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    if packed:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    else:
        with path.open("r", encoding="utf-8-sig", newline="") as lines:
            yield lines


def _rows(lines: TextIO, name: str) -> Rows:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.DictReader(lines)
    columns = {(column or "").strip().lower() for column in reader.fieldnames or ()}
    missing = sorted({"uen", "entity_name"} - columns)
    if missing:
        raise Invalid(
            f"{name} has no column {' and no column '.join(missing)}: its first line must hold ACRA's column names"
        )
    for row in reader:
        yield reader.line_num, row


def _skip(rows: Rows, count: int) -> None:
    for _ in islice(rows, count):
        pass


def _batch(rows: Rows) -> tuple[list[RegisterEntity], Tally]:
    return read_rows((f"line {line}", row) for line, row in islice(rows, BATCH))
