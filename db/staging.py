"""The register in staging: filled by file, webhook and pull, read by every tenant's night. Public rows, stored once.

They belong to the reserved tenant, so every function here that is given a pool opens a transaction of that tenant: a tenant's own
transaction sees no row of it. Whoever fills may run beside others: rows are upserted in key order, and each batch is committed
together with how far its import came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from contracts.findings import RegisterEntity
from contracts.runs import RunParams
from contracts.staging import Source, StagedCompany, StagedPage, StagingImport, StagingStatus, Tally
from contracts.tenants import SYSTEM_TENANT
from db import paging, runs
from db.sql import load
from db.transaction import Pool, Tx, transaction

SQL = load("staging")

#: Time budget of a pull, in seconds: 27 files take minutes, two million rows in pages two hours.
PULL_S = 6 * 3600
#: Rows of one page.
PAGE_ROWS = 2_000
#: A batch says when it changed rows before it commits them. Nobody's batch takes longer than this.
LATE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has read the changes: hand it in again to read on."""

    changed_at: datetime = paging.FIRST_AT
    uen: str = ""


def hash_of(entity: RegisterEntity) -> str:
    """What a row says, in hex: equal for equal content."""
    return hashlib.sha256(to_json(entity)).hexdigest()


async def upsert(tx: Tx, entities: Sequence[RegisterEntity], source: Source) -> Tally:
    """Write rows as the reserved tenant. Of two rows with one UEN the later one counts. Safe beside other writers."""
    last = {entity.uen: entity for entity in entities}
    rows = [{**entity.model_dump(), "hash": hash_of(entity)} for entity in last.values()]
    tally = Tally(read=len(entities), repeated=len(entities) - len(rows))
    if not rows:
        return tally
    at: datetime = await tx.fetchval(SQL["now"])
    for said in await tx.fetch(SQL["upsert"], SYSTEM_TENANT, source, at, rows):
        if said["is_new"]:
            tally.new += 1
        elif said["has_changed"]:
            tally.changed += 1
        else:
            tally.unchanged += 1
    return tally


async def begin(tx: Tx, source: Source, name: str, label: str) -> StagingImport:
    """The import of that name: a new one, or as it stands."""
    await tx.execute(SQL["open_import"], SYSTEM_TENANT, source, name, label)
    row = await tx.fetchrow(SQL["find_import"], SYSTEM_TENANT, source, name)
    assert row is not None
    return _import(row)


async def advance(tx: Tx, of: StagingImport, tally: Tally, *, after: int | None = None) -> bool:
    """Add what a batch did. With `after`, only if the import stands at that row: False = somebody else goes on with it."""
    t = tally
    moved = await tx.fetchval(
        SQL["advance_import"], SYSTEM_TENANT, of.id, after,
        t.read, t.new, t.changed, t.unchanged, t.dropped, t.repeated, t.bad,
    )  # fmt: skip
    return moved is not None


async def finish(tx: Tx, of: StagingImport) -> None:
    """The import was read to its end."""
    await tx.execute(SQL["end_import"], SYSTEM_TENANT, of.id)


async def restart(tx: Tx, of: StagingImport) -> None:
    """Read a finished import once more from its beginning."""
    await tx.execute(SQL["restart_import"], SYSTEM_TENANT, of.id)


async def start_pull(tx: Tx, datasets: Sequence[str], *, by_pages: bool, triggered_by: str, requested_by: str) -> UUID:
    """Ask for a pull: a run of the reserved tenant, its event committed with it. No `datasets`: all there are.

    `by_pages`: page by page from the start, instead of as files.
    """
    params = RunParams(
        channels=(),
        queries=tuple(datasets),
        max_companies=100_000,
        max_queries=1_000,
        max_runtime_seconds=PULL_S,
        page_size=PAGE_ROWS,
        cursor="0" if by_pages else None,
    )
    run_id, _ = await runs.start(
        tx,
        SYSTEM_TENANT,
        params,
        kind="maintenance",
        mode="manual",
        dry_run=False,
        triggered_by=triggered_by,
        requested_by=requested_by,
    )
    return run_id


async def receive(pool: Pool, entities: Sequence[RegisterEntity], tally: Tally) -> Tally:
    """Store what a webhook brought; `tally` has what was dropped on the way. One import a day collects the counts."""
    async with transaction(pool, SYSTEM_TENANT) as tx:
        day = f"{await tx.fetchval(SQL['now']):%Y-%m-%d}"
        tally.add(await upsert(tx, entities, "webhook"))
        # After the rows: whoever delivers at the same time waits here for the commit only.
        await advance(tx, await begin(tx, "webhook", day, f"webhook {day}"), tally)
    return tally


async def status(pool: Pool, imports: int = 10) -> StagingStatus:
    """How full the table is, and its latest imports, newest first."""
    async with transaction(pool, SYSTEM_TENANT) as tx:
        size = await tx.fetchrow(SQL["size"], SYSTEM_TENANT)
        rows = await tx.fetch(SQL["imports"], SYSTEM_TENANT, imports)
    assert size is not None
    return StagingStatus(
        companies=size["companies"], changed_at=size["changed_at"], imports=[_import(row) for row in rows]
    )


async def find(pool: Pool, uen: str) -> StagedCompany | None:
    """One company by its UEN."""
    async with transaction(pool, SYSTEM_TENANT) as tx:
        row = await tx.fetchrow(SQL["by_uen"], SYSTEM_TENANT, uen.upper())
    return StagedCompany.model_validate(dict(row)) if row else None


async def changed(pool: Pool, after: Mark, *, limit: int) -> tuple[list[StagedCompany], Mark]:
    """At most `limit` companies that are new or changed after `after`, oldest change first, and the mark to read on from.

    A batch under way may commit changes older than a mark somebody has read past: `resumed` steps back for them.
    """
    async with transaction(pool, SYSTEM_TENANT) as tx:
        rows = await tx.fetch(SQL["changed"], SYSTEM_TENANT, after.changed_at, after.uen, limit)
    found = [StagedCompany.model_validate(dict(row)) for row in rows]
    return found, Mark(found[-1].changed_at, found[-1].uen) if found else after


def resumed(mark: datetime | None) -> Mark:
    """Where a night starts that read up to `mark` the last time: far enough back to see what was committed late. None: all."""
    return Mark() if mark is None else Mark(max(mark - LATE, paging.FIRST_AT))


async def page(pool: Pool, *, since: datetime | None, limit: int, cursor: str | None) -> StagedPage:
    """Companies by their last change. Raises: Invalid (`invalid_cursor`)."""
    after = Mark(since - timedelta(microseconds=1), "\uffff") if since else Mark()
    if cursor is not None:
        _, (at, uen) = paging.decode(cursor, {"staging": (datetime, str)})
        after = Mark(at, uen)
    items, _ = await changed(pool, after, limit=limit + 1)
    shown = items[:limit]
    more = len(items) > limit
    return StagedPage(
        items=shown, next_cursor=paging.encode("staging", shown[-1].changed_at, shown[-1].uen) if more else None
    )


def _import(row: Any) -> StagingImport:
    return StagingImport.model_validate(dict(row))
