"""Files into the database: batch by batch, from where it stopped, with what was wrong.

Each batch is one short transaction, committed with how far the file was read: after a crash the same file goes on from there,
and a file that was read to its end brings nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

from pydantic_core import to_json

from contracts.errors import Conflict, Invalid, NotFound
from contracts.events import MatchingRequested
from contracts.exports import text_of
from contracts.identity import company_keys
from contracts.import_rows import BadCell, Columns, SuppressionRow, columns, company_of, read, sales_of, suppressions_of
from contracts.imports import KEPT_ERRORS, Import, ImportDone, ImportKind, RowError, Tally, short
from contracts.providers import FoundCompany
from contracts.sales_rows import SalesRow, SkuRow
from contracts.suppressions import SuppressionKey, keys_of
from db import csv_files, leads, outbox, sales, suppressions
from db.access import audit
from db.csv_files import Examined, Record
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import CONTENTION, Pool, Tx, transaction

SQL = load("imports")
#: Rows of one transaction.
BATCH = 500
#: How many errors are shown with an import that has just ended.
FIRST_ERRORS = 20
ERROR_PAGE = 1_000
SOURCE = "import"

Progress = Callable[[Import, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A file, and how to read it. `mapping`: our field -> the file's column."""

    kind: ImportKind
    label: str
    by: str
    dry_run: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    icp_profile_id: UUID | None = None


@dataclass(slots=True)
class _Batch:
    """Rows of one transaction, read and checked."""

    rows: int = 0
    skipped: int = 0
    bad: int = 0
    companies: list[tuple[int, FoundCompany]] = field(default_factory=list)
    suppressions: list[tuple[int, list[SuppressionRow]]] = field(default_factory=list)
    sales: list[SalesRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    #: Of each row that made something, by what it is known; and for how many companies that is so, too.
    made: list[set[int]] = field(default_factory=list)
    made_companies: list[set[int]] = field(default_factory=list)
    keys: set[int] = field(default_factory=set)


class _RolledBack(Exception):
    """Ends a rehearsed batch without a trace."""


async def load_file(
    pool: Pool, tenant: UUID, file: BinaryIO, asked: Asked, *, again: bool = False, progress: Progress | None = None
) -> ImportDone:
    """Bring a file in. A file that was read to its end is not read again, unless `again`.

    Raises: Invalid for what is no such file (`empty_file`, `unknown_columns`); Conflict (`import_elsewhere`) when another process
    reads it.
    """
    how = await asyncio.to_thread(csv_files.examine, file)
    with closing(csv_files.records(file, how)) as found:
        header = await asyncio.to_thread(next, found, None)
        if header is None or header.problem:
            raise Invalid("the first line cannot be read: it must name the columns", code="unknown_columns")
        of = columns(asked.kind, header.cells, asked.mapping)
        async with transaction(pool, tenant) as tx:
            standing = await _open(tx, tenant, asked, how, of)
            if standing.state == "done":
                if not again:
                    return await done(tx, tenant, standing.id, again=True)
                standing = await _restart(tx, tenant, standing, how, of, asked.by)
        await _read_on(pool, tenant, found, standing, asked, of, progress)
    async with transaction(pool, tenant) as tx:
        row = await tx.fetchrow(SQL["finish"], tenant, standing.id)
        if row is not None and row["companies_created"] and not row["dry_run"]:
            await outbox.emit(tx, tenant, MatchingRequested(for_tenant=tenant), correlation_id=standing.id)
        return await done(tx, tenant, standing.id)


async def _open(tx: Tx, tenant: UUID, asked: Asked, how: Examined, of: Columns) -> Import:
    named = _name(asked, how)
    row = await tx.fetchrow(
        SQL["open"], tenant, asked.kind, named, short(asked.label, 200) or "file", asked.dry_run, dict(of.named),
        list(of.ignored), list(how.notes), asked.by,
    )  # fmt: skip
    if row is not None:
        detail = {"kind": asked.kind, "dry_run": asked.dry_run, "sha256": how.sha256.hex()}
        await audit(tx, tenant, asked.by, "import.begun", "import", str(row["id"]), detail)
        return _import(row)
    standing = await tx.fetchrow(SQL["by_content"], tenant, asked.kind, named)
    assert standing is not None
    return _import(standing)


def _name(asked: Asked, how: Examined) -> bytes:
    """What makes two imports the same: the content, and how it is read."""
    read_as = {"mapping": dict(sorted(asked.mapping.items())), "profile": asked.icp_profile_id}
    return hashlib.sha256(how.sha256 + to_json(read_as)).digest()


async def _restart(tx: Tx, tenant: UUID, standing: Import, how: Examined, of: Columns, by: str) -> Import:
    row = await tx.fetchrow(SQL["restart"], tenant, standing.id, dict(of.named), list(of.ignored), list(how.notes), by)
    if row is None:
        raise _elsewhere(standing)
    await tx.execute(SQL["forget_errors"], tenant, standing.id)
    await audit(tx, tenant, by, "import.again", "import", str(standing.id), {"kind": standing.kind})
    return _import(row)


async def _read_on(
    pool: Pool,
    tenant: UUID,
    found: Generator[Record],
    standing: Import,
    asked: Asked,
    of: Columns,
    progress: Progress | None,
) -> None:
    after, seen = standing.rows, set[int]()
    await asyncio.to_thread(lambda: sum(1 for _ in islice(found, after)))
    while True:
        batch = await asyncio.to_thread(_batch, asked.kind, found, of)
        if not batch.rows:
            return
        while True:
            try:
                await _write(pool, tenant, standing, asked, batch, after, seen)
                break
            except CONTENTION:
                await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311
        after += batch.rows
        if progress is not None:
            progress(standing, after)


def _batch(kind: ImportKind, found: Generator[Record], of: Columns) -> _Batch:
    """Read and check the next rows. Pure but for the file."""
    batch = _Batch()
    for record in islice(found, BATCH):
        batch.rows += 1
        try:
            if record.problem:
                raise BadCell(None, "unreadable", record.problem)
            row = read(record.cells, of)
            if row is None:
                batch.skipped += 1
            elif kind == "suppressions":
                batch.suppressions.append((record.number, suppressions_of(row)))
            elif kind in ("skus", "orders", "samples"):
                batch.sales.append(sales_of(kind, row, record.number))
            else:
                batch.companies.append((record.number, company_of(row, record.number)))
        except BadCell as bad:
            batch.bad += 1
            column = of.named.get(bad.field, bad.field) if bad.field else None
            batch.errors.append(RowError(row=record.number, column=column, code=bad.code, message=bad.message))
    return batch


async def _write(pool: Pool, tenant: UUID, of: Import, asked: Asked, batch: _Batch, after: int, seen: set[int]) -> None:
    """One batch. A rehearsed one is rolled back; what it counted is written in a second transaction."""
    tally: Tally | None = None
    errors = list(batch.errors)
    try:
        async with transaction(pool, tenant) as tx:
            tally = await _bring(tx, tenant, asked, batch, errors)
            if asked.dry_run:
                raise _RolledBack
            await _advance(tx, tenant, of, tally, errors, after)
            return
    except _RolledBack:
        assert tally is not None
    _uncount(batch, tally, seen)
    async with transaction(pool, tenant) as tx:
        await _advance(tx, tenant, of, tally, errors, after)


async def _bring(tx: Tx, tenant: UUID, asked: Asked, batch: _Batch, errors: list[RowError]) -> Tally:
    if asked.kind == "suppressions":
        return await _suppress(tx, tenant, asked, batch)
    if asked.kind in ("skus", "orders", "samples"):
        return await _sell(tx, tenant, asked, batch)
    await suppressions.hold(tx, tenant)
    companies = await _without_erased(tx, tenant, batch.companies, errors)
    brought = await leads.bring(
        tx, tenant, companies, source=SOURCE, with_leads=asked.kind == "leads", icp_profile_id=asked.icp_profile_id
    )
    new = brought.leads if asked.kind == "leads" else brought.companies
    if asked.dry_run:
        known = [{hash(key) for key in company_keys(company)} for company in companies]
        batch.keys = set().union(*known)
        batch.made = [keys for keys, is_new in zip(known, new, strict=True) if is_new]
        batch.made_companies = [keys for keys, is_new in zip(known, brought.companies, strict=True) if is_new]
    return Tally(
        rows=batch.rows, created=sum(new), merged=len(companies) - sum(new), skipped=batch.skipped, bad=batch.bad,
        companies_created=sum(brought.companies), contacts_created=brought.contacts,
    )  # fmt: skip


async def _sell(tx: Tx, tenant: UUID, asked: Asked, batch: _Batch) -> Tally:
    sold = await sales.bring(tx, tenant, batch.sales, source=SOURCE)
    if asked.dry_run:
        names = [{hash(k) for k in company_keys(row.company)} for row in batch.sales if not isinstance(row, SkuRow)]
        batch.keys = set().union(sold.keys, *names)
        batch.made = [{key} for key, is_new in zip(sold.keys, sold.new, strict=True) if is_new]
        batch.made_companies = [keys for keys, is_new in zip(names, sold.companies, strict=False) if is_new]
    return Tally(
        rows=batch.rows, created=sum(sold.new), merged=len(batch.sales) - sum(sold.new), skipped=batch.skipped, bad=batch.bad,
        companies_created=sum(sold.companies),
    )  # fmt: skip


async def _without_erased(
    tx: Tx, tenant: UUID, rows: Sequence[tuple[int, FoundCompany]], errors: list[RowError]
) -> list[FoundCompany]:
    """Companies without the contacts whose data were erased: those stay away, whoever brings them (B.09)."""
    keys = {number: _keys(company) for number, company in rows if company.contacts}
    gone = await suppressions.erased(tx, tenant, [key for each in keys.values() for key in each])
    kept: list[FoundCompany] = []
    for number, company in rows:
        if any(key in gone for key in keys.get(number, ())):
            company = company.model_copy(update={"contacts": ()})
            words = "belongs to somebody who was erased: the company came in without the person"
            errors.append(RowError(row=number, column=None, code="person_erased", message=words, fatal=False))
        kept.append(company)
    return kept


def _keys(company: FoundCompany) -> list[SuppressionKey]:
    emails = [c.email for c in company.contacts if c.email]
    return keys_of(emails=emails, people=[c.linkedin_url for c in company.contacts if c.linkedin_url])


async def _suppress(tx: Tx, tenant: UUID, asked: Asked, batch: _Batch) -> Tally:
    flat = [(number, each) for number, rows in batch.suppressions for each in rows]
    entries = [suppressions.Entry(each.channel, each.key, each.reason) for _, each in flat]
    new = await suppressions.add_many(tx, tenant, entries, by=asked.by, source=SOURCE)
    made: dict[int, set[int]] = {}
    for (number, each), is_new in zip(flat, new, strict=True):
        if is_new:
            made.setdefault(number, set()).add(hash((each.channel, each.key)))
    batch.made = list(made.values())
    batch.keys = set().union(*batch.made)
    merged = len(batch.suppressions) - len(made)
    return Tally(rows=batch.rows, created=len(made), merged=merged, skipped=batch.skipped, bad=batch.bad)


def _uncount(batch: _Batch, tally: Tally, seen: set[int]) -> None:
    """A rehearsal forgets each batch: what an earlier one would have created is not created once more."""
    twice = sum(bool(keys & seen) for keys in batch.made)
    tally.created -= twice
    tally.merged += twice
    tally.companies_created -= sum(bool(keys & seen) for keys in batch.made_companies)
    seen |= batch.keys


async def _advance(tx: Tx, tenant: UUID, of: Import, tally: Tally, errors: Sequence[RowError], after: int) -> None:
    row = await tx.fetchrow(SQL["lock"], tenant, of.id)
    if row is None or row["rows"] != after:
        raise _elsewhere(of)
    kept = sorted(errors, key=lambda e: e.row)[: max(0, KEPT_ERRORS - row["errors"])]
    await tx.execute(
        SQL["add_errors"], tenant, of.id, row["errors"], [e.row for e in kept], [e.column for e in kept],
        [e.code for e in kept], [e.message for e in kept], [e.fatal for e in kept],
    )  # fmt: skip
    t = tally
    await tx.execute(
        SQL["advance"], tenant, of.id, t.rows, t.created, t.merged, t.skipped, t.bad, t.companies_created,
        t.contacts_created, len(errors),
    )  # fmt: skip


def _elsewhere(of: Import) -> Conflict:
    words = f"this file is being imported elsewhere: wait for it, then look at `headwater import show {of.id}`"
    return Conflict(words, code="import_elsewhere", import_id=str(of.id))


def _import(row: Any) -> Import:
    return Import.model_validate({k: v for k, v in dict(row).items() if k in Import.model_fields})


async def done(tx: Tx, tenant: UUID, import_id: UUID, *, again: bool = False) -> ImportDone:
    """One import, with the first of what was wrong. Raises: NotFound (`import_not_found`)."""
    found = await show(tx, tenant, import_id)
    first = await errors(tx, tenant, import_id, limit=FIRST_ERRORS)
    return ImportDone(**found.model_dump(), again=again, first_errors=[error for _, error in first])


async def show(tx: Tx, tenant: UUID, import_id: UUID) -> Import:
    """One import. Raises: NotFound (`import_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, import_id)
    if row is None:
        raise NotFound(f"no import {import_id}", code="import_not_found")
    return _import(row)


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, kind: str | None = None, limit: int = 50
) -> list[Import]:
    """Imports, newest first. `before` is the last id of the page before."""
    return [_import(r) for r in await tx.fetch(SQL["list"], tenant, before or LAST_UUID, kind, limit)]


async def errors(
    tx: Tx, tenant: UUID, import_id: UUID, *, after: int = 0, limit: int = 50
) -> list[tuple[int, RowError]]:
    """(position, what was wrong), in the order of the rows, after a position."""
    rows = await tx.fetch(SQL["errors"], tenant, import_id, after, limit)
    return [(r["position"], RowError.model_validate({k: v for k, v in r.items() if k != "position"})) for r in rows]


async def error_lines(pool: Pool, tenant: UUID, import_id: UUID) -> AsyncIterator[str]:
    """What was wrong as CSV, a page at a time, the header first. Raises: NotFound (`import_not_found`) before the first line."""
    async with transaction(pool, tenant) as tx:
        await show(tx, tenant, import_id)
    yield text_of([("row", "column", "code", "message", "came_in")])
    after = 0
    while True:
        async with transaction(pool, tenant) as tx:
            page = await errors(tx, tenant, import_id, after=after, limit=ERROR_PAGE)
        if page:
            yield text_of((e.row, e.column, e.code, e.message, "no" if e.fatal else "yes") for _, e in page)
            after = page[-1][0]
        if len(page) < ERROR_PAGE:
            return
