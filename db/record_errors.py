"""Many records in one statement, and no bad one spoils the others: a part that fails is halved until the record is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg

from contracts.accounts import Report
from db.transaction import Tx

#: What a record's own values can cause: numbers out of range, values a constraint refuses. Anything else is fatal.
BAD_RECORD = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


async def in_parts(
    tx: Tx,
    records: Sequence[UUID],
    size: int,
    work: Callable[[Sequence[UUID]], Awaitable[int]],
    report: Report,
) -> None:
    """Give `work` parts of at most `size` records; it returns how many rows it changed. Counts into `report`.

    A part that fails is rolled back and tried as two halves; a single record that fails is noted and left as it was.
    """
    report.processed += len(records)
    for start in range(0, len(records), size):
        await _try(tx, records[start : start + size], work, report)


async def _try(tx: Tx, part: Sequence[UUID], work: Callable[[Sequence[UUID]], Awaitable[int]], report: Report) -> None:
    await tx.execute("SAVEPOINT part")
    try:
        report.changed += await work(part)
    except BAD_RECORD as error:
        await tx.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
        if len(part) == 1:
            report.note(part[0], str(error))
            return
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            await _try(tx, half, work, report)
        return
    await tx.execute("RELEASE SAVEPOINT part")
