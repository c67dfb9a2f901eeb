"""Companies, leads and suppressions as CSV, page by page: however many there are, one page is held at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.exports import COLUMNS, ExportKind, text_of
from db.sql import load
from db.transaction import Pool, transaction

SQL = load("exports")
#: Rows of one page, each a short transaction.
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows. The last three are for leads alone; suppressions know none."""

    country: str | None = None
    updated_since: datetime | None = None
    status: str | None = None
    run_id: UUID | None = None
    icp_profile_id: UUID | None = None


async def lines(pool: Pool, tenant: UUID, kind: ExportKind, wanted: Filters) -> AsyncIterator[str]:
    """CSV text, a page at a time, the header first. What is written meanwhile may be in it or not."""
    columns = COLUMNS[kind]
    yield text_of([columns])
    after = UUID(int=0)
    while True:
        async with transaction(pool, tenant) as tx:
            rows = await tx.fetch(SQL[kind], tenant, after, PAGE, *_arguments(kind, wanted))
        if rows:
            yield text_of([row[column] for column in columns] for row in rows)
            after = rows[-1]["id"]
        if len(rows) < PAGE:
            return


def _arguments(kind: ExportKind, wanted: Filters) -> list[Any]:
    if kind == "suppressions":
        return []
    both = [wanted.country, wanted.updated_since]
    return both if kind == "companies" else [*both, wanted.status, wanted.run_id, wanted.icp_profile_id]
