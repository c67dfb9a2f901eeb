"""What is made ahead and what is thrown away: history months, and rows past the time that `contracts.retention` gives them.

A table is walked page by page, each bite in a transaction of its own: no index is needed, each page is read once a day, and a bite
holds its rows for milliseconds. Rows that somebody has locked are left for tomorrow, and a lock that is not had within 200 ms is
asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import asyncpg
import structlog

from contracts.retention import PERIODS, Passed, Period, RetentionList, periods
from db.sql import load
from db.transaction import CONTENTION, DbRole, Pool, Tx, transaction

SQL = load("retention")
#: Months of history made ahead of time.
MONTHS_AHEAD = 3
#: A bite: pages looked at, and rows deleted at most, in one transaction. Fewer of those that take others along.
PAGES = 64
ROWS = 200
PARENTS = 20
#: How often a lock is asked for before a bite is left for tomorrow, and the pause in between, in seconds.
TRIES = 5
PAUSE_S = 0.2
#: A table is gone through once in so many hours, by whoever comes first.
HOURS = 20.0
#: Tables that only ever grow, as far as the system role goes.
GROWING = ("audit_log",)
#: Tables whose rows go under conditions beyond their age.
OWN = {
    "job_attempts": SQL["past_job_attempts"],
    "job_executions": SQL["past_job_executions"],
    "absorbed_events": SQL["past_absorbed_events"],
    "ordering_turns": SQL["past_ordering_turns"],
    "runs": SQL["past_runs"],
    "sessions": SQL["past_sessions"],
    "enrichments": SQL["past_enrichments"],
    "source_records": SQL["past_source_records"],
    "field_values": SQL["past_field_values"],
    "vendor_items": SQL["past_vendor_items"],
    "vendor_calls": SQL["past_vendor_calls"],
    "leads": SQL["past_leads"],
    "contacts": SQL["past_contacts"],
    "companies": SQL["past_companies"],
    "entity_keys": SQL["past_entity_keys"],
    "crm_links": SQL["past_crm_links"],
}
_WAITS = "SET LOCAL lock_timeout = '200ms'"
log = structlog.get_logger("db.retention")


async def make_months(tx: Tx) -> list[str]:
    """Make this month's history partition and the next three (owner role). Returns the months made.

    Waits at most 200 ms for its locks; a busy moment is left to the next try.
    """
    await tx.execute("SELECT set_config('lock_timeout', '200ms', true)")
    rows = await tx.fetch(SQL["make_months"], MONTHS_AHEAD)
    return [r["month"] for r in rows if r["made"]]


async def keep_months(tx: Tx) -> list[str]:
    """`make_months` from a system transaction: for the rest of it the owner acts."""
    await tx.execute("SELECT set_config('role', $1, true)", DbRole.OWNER.value)
    return await make_months(tx)


async def prepare(pool: Pool) -> list[str]:
    """`make_months` in a transaction of its own."""
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        return await make_months(tx)


async def astray(tx: Tx) -> int:
    """How many rows stand in the DEFAULT partition (at most 100,000 are counted): should be none."""
    return int(await tx.fetchval(SQL["astray"]))


async def ask(tx: Tx) -> int:
    """Have every table gone through by the next round of a worker, without waiting for tomorrow. Returns how many. System role."""
    return len(await tx.fetch(SQL["ask"]))


async def late(tx: Tx, hours: float) -> int:
    """How many tables were not gone through for so long. System role."""
    return int(await tx.fetchval(SQL["late"], hours))


async def listed(tx: Tx) -> RetentionList:
    """Every table with its period and what the last pass over it did. System role."""
    passes = {r["table_name"]: r for r in await tx.fetch(SQL["passes"])}
    found = []
    for each in periods():
        last = passes.get(each.table)
        done = {"passed_at": last["passed_at"], "deleted": last["deleted"]} if last else {}
        found.append(each.model_copy(update=done))
    return RetentionList(items=found)


async def daily(pool: Pool) -> list[Passed]:
    """Go through every table that nobody has gone through today. A table that fails is named in the log and tried again soon."""
    return [done async for done in passes(pool)]


async def passes(
    pool: Pool, tables: Iterable[str] = PERIODS, *, dry_run: bool = False, hours: float = HOURS
) -> AsyncIterator[Passed]:
    """Delete what is past its time, table by table; `dry_run` only counts. Tables begun within `hours` are left out."""
    for table in tables:
        period = PERIODS[table]
        if period.way != "aged" and table != "outbox_history":
            continue
        if not dry_run and not await take(pool, table, hours):
            continue
        try:
            done = await _pass(pool, table, period, dry_run)
        except BaseException:  # an outage, or the worker leaves
            if not dry_run:
                await give_back(pool, table)
            raise
        if not dry_run:
            await _note(pool, done)
        yield done


async def take(pool: Pool, table: str, hours: float) -> bool:
    """Is today's pass over `table` ours? False: somebody began it within `hours`."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return bool(await tx.fetchval(SQL["take"], table, hours))


async def give_back(pool: Pool, table: str) -> None:
    """Its pass was not finished: somebody may try again before tomorrow."""
    with contextlib.suppress(Exception):  # then it waits for tomorrow
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await tx.execute(SQL["give_back"], table)


async def _note(pool: Pool, done: Passed) -> None:
    if done.error:
        log.warning("retention_failed", table=done.table, rows=done.rows, error=done.error)
    elif done.rows:
        log.info("retention_passed", table=done.table, rows=done.rows, seconds=done.seconds)
    if done.error:
        await give_back(pool, done.table)
        return
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute(SQL["passed"], done.table, done.rows, done.pages)


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    pages: int = 0


async def _pass(pool: Pool, table: str, period: Period, dry_run: bool) -> Passed:
    began, tally, error = time.monotonic(), _Tally(), None
    try:
        if table == "outbox_history":
            await _drop_months(pool, period.days or 0, tally, dry_run)
        else:
            await _walk(pool, table, period, tally, dry_run)
    except (asyncpg.PostgresError, TimeoutError) as failed:
        error = f"{type(failed).__name__}: {failed}"
    seconds = round(time.monotonic() - began, 3)
    return Passed(table=table, rows=tally.rows, pages=tally.pages, seconds=seconds, dry_run=dry_run, error=error)


async def _walk(pool: Pool, table: str, period: Period, tally: _Tally, dry_run: bool) -> None:
    role = DbRole.OWNER if table in GROWING else DbRole.SYSTEM
    async with transaction(pool, None, role=role, read_only=True) as tx:
        pages = int(await tx.fetchval(SQL["pages"], f"app.{table}"))
    statement = _counting(table, period) if dry_run else _deleting(table, period)
    most = PARENTS if any(p.way == "with" and p.since == table for p in PERIODS.values()) else ROWS
    most = 1_000_000 if dry_run else most
    while tally.pages < pages:
        until = min(tally.pages + PAGES, pages)
        bite = (period.days or 0, (tally.pages, 0), (until, 0), most)
        while (gone := await _bite(pool, role, statement, bite)) >= most:
            tally.rows += gone
        tally.rows += gone
        tally.pages = until


async def _bite(pool: Pool, role: DbRole, statement: str, bite: tuple[object, ...]) -> int:
    """Raises: LockNotAvailableError or DeadlockDetectedError when the lock was not had `TRIES` times."""
    for tried in range(TRIES):
        try:
            async with transaction(pool, None, role=role, first=_WAITS) as tx:
                return int(await tx.fetchval(statement, *bite))
        except CONTENTION:
            if tried == TRIES - 1:
                raise
            await asyncio.sleep(PAUSE_S)
    raise AssertionError("unreachable")


async def _drop_months(pool: Pool, days: int, tally: _Tally, dry_run: bool) -> None:
    """Months go one by one."""
    if dry_run:
        async with transaction(pool, None, role=DbRole.OWNER, read_only=True) as tx:
            tally.rows = int(await tx.fetchval(SQL["past_months"], days))
        return
    tried = 0
    while True:
        try:
            async with transaction(pool, None, role=DbRole.OWNER, first=_WAITS) as tx:
                if await tx.fetchval(SQL["drop_month"], days) is None:
                    return
            tally.rows += 1
        except CONTENTION:
            tried += 1
            if tried == TRIES:
                raise
            await asyncio.sleep(PAUSE_S)


def past(table: str, period: Period) -> str:
    """A query for the places ($2 <= ctid < $3) of at most $4 rows that are $1 days past: the table's own, else by its column."""
    return OWN.get(table) or (
        f"SELECT t.ctid FROM app.{table} t WHERE t.ctid >= $2 AND t.ctid < $3"
        f" AND t.{period.since} < app.now() - $1::int * interval '1 day' LIMIT $4"
    )


def _deleting(table: str, period: Period) -> str:
    return (
        f"WITH gone AS (DELETE FROM app.{table} d WHERE d.ctid = ANY (ARRAY("
        f"{past(table, period)} FOR UPDATE OF t SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
    )


def _counting(table: str, period: Period) -> str:
    return f"SELECT count(*) FROM ({past(table, period)}) p"
