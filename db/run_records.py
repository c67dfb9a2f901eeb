"""What a run read, record by record."""

from __future__ import annotations

from uuid import UUID

from contracts.run_records import RecordFilter, RecordPage, RecordRow
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("run_records")


async def list_(
    tx: Tx, tenant: UUID, run_id: UUID, asked: RecordFilter, *, before: UUID | None = None, limit: int = 50
) -> RecordPage | None:
    """One page, newest first; None for an unknown run. `before` is the last id of the page before."""
    if not await tx.fetchval(SQL["known"], tenant, run_id):
        return None
    states = [status.value for status in asked.status] or None
    which = (states, asked.slice_id, asked.first_only)
    rows = await tx.fetch(SQL["list"], tenant, run_id, before or LAST_UUID, *which, limit + 1)
    found = [RecordRow.model_validate(dict(row)) for row in rows]
    return RecordPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
