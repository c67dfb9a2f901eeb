"""The ledger call by call: every call once and in order, by any filter, and no page reads more than it may of a large one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.vendor_calls import CallFilter, CallRow
from db import paging, tenants, vendor_calls
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection

#: More than one page may look at.
CALLS = 30_000
RUN = uuid4()
#: A call a minute, the oldest first, so that the newest is now; three in a hundred are of one run, the first two outstanding.
_FILL = f"""
INSERT INTO app.vendor_calls (tenant_id, id, vendor, operation, billable, state, units_reserved, units_spent, found, missed,
                              error_class, run_id, sent_at, settled_at)
SELECT $1, gen_random_uuid(), CASE WHEN n % 2 = 0 THEN 'tavily' ELSE 'gleif' END, 'search', true,
       CASE WHEN n <= 2 THEN 'unknown' WHEN n % 1000 = 0 THEN 'forfeited' ELSE 'answered' END, 1, 1, n % 2, 1 - n % 2,
       CASE WHEN n % 1000 = 0 THEN 'vendor_down' WHEN n % 1000 = 1 THEN 'vendor_busy' END,
       CASE WHEN n % 100 < 3 THEN $2::uuid END, t.at, CASE WHEN n > 2 THEN t.at END
  FROM generate_series(1, {CALLS}) n, LATERAL (SELECT app.now() - ({CALLS} - n) * interval '1 min' AS at) t
"""
_READ = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables WHERE relname = 'vendor_calls'
"""


@pytest.fixture
async def pool(db_url: str) -> Any:
    made = await open_pool(db_url, name="tests", size=1)
    try:
        yield made
    finally:
        made.terminate()


@pytest.fixture
async def tenant(pool: Pool, conn: Connection) -> UUID:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        busy, other = [(await tenants.create(tx, slug, by="tests")).id for slug in ("busy", "other")]
    for each in (busy, other):
        await conn.execute(_FILL, each, RUN)
    await conn.execute("VACUUM ANALYZE app.vendor_calls")
    return busy


#: PostgreSQL 15 reads a row more for a window than the limit below it lets through.
AHEAD = 1


async def all_of(pool: Pool, tenant: UUID, limit: int = 200, **asked: Any) -> list[CallRow]:
    """Every page of a listing, one after another."""
    found: list[CallRow] = []
    cursor: str | None = None
    while True:
        async with transaction(pool, tenant, read_only=True) as tx:
            page = await vendor_calls.list_(tx, [tenant], CallFilter(**asked), limit=limit, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


async def reads(pool: Pool, tenant: UUID, asked: CallFilter, cursor: str | None = None) -> int:
    """Rows of the ledger that one page reads, planned for any parameters."""
    async with transaction(pool, tenant, read_only=True) as tx:
        await tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        before: int = await tx.fetchval(_READ)
        await vendor_calls.list_(tx, [tenant], asked, limit=50, cursor=cursor)
        after: int = await tx.fetchval(_READ)
        return after - before


async def test_pages_hold_every_call_once_the_newest_first(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # S1.07 R18
    found = await all_of(pool, tenant, days=1.5)
    assert len(found) == len({call.id for call in found}) == 36 * 60
    assert [call.sent_at for call in found] == sorted((call.sent_at for call in found), reverse=True)
    between = await all_of(pool, tenant, since=found[130].sent_at, until=found[100].sent_at)
    assert [call.id for call in between] == [call.id for call in found[101:131]]
    cursor = paging.encode("calls", datetime.now(UTC), paging.LAST_UUID)
    for asked in (CallFilter(), CallFilter(days=30), CallFilter(until=datetime.now(UTC))):
        assert await reads(pool, tenant, asked, cursor) <= 51 + AHEAD
    other = await conn.fetchval("SELECT id FROM app.tenants WHERE slug = 'other'")
    async with transaction(pool, tenant, read_only=True) as tx:
        # Whoever a caller believes to look at, Postgres shows its own.
        assert (await vendor_calls.list_(tx, [other], CallFilter())).items == []
        mine = await vendor_calls.list_(tx, [other, tenant], CallFilter(), limit=200)
    assert {call.tenant_id for call in mine.items} == {tenant}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        both = await vendor_calls.list_(tx, [other, tenant], CallFilter(outcome="error"), limit=10)
    assert [call.tenant_id for call in both.items].count(other) == 5


async def test_each_filter_finds_all_that_it_names_and_no_page_reads_more_than_it_may(pool: Pool, tenant: UUID) -> None:
    # S1.07
    of_run, rare = CALLS * 3 // 100, CALLS // 1000
    cases: list[tuple[dict[str, Any], int, int]] = [
        ({"run_id": RUN}, of_run, of_run),
        ({"run_id": RUN, "vendor": "gleif"}, CALLS // 100, of_run),
        ({"run_id": uuid4()}, 0, 0),
        ({"state": ["sent", "unknown"]}, 2, 4),  # the index has both tenants' ones
        ({"state": "forfeited"}, rare, paging.LOOK),
        ({"outcome": "error"}, rare, paging.LOOK),
        ({"outcome": "throttled", "vendor": "gleif", "operation": "search"}, rare, paging.LOOK),
        ({"outcome": "missed", "days": 1}, 24 * 30, 24 * 60),
        ({"outcome": "found", "days": 1}, 24 * 30, 24 * 60),
        ({"vendor": "nobody"}, 0, paging.LOOK),
    ]
    for asked, count, most in cases:
        assert len(await all_of(pool, tenant, **asked)) == count, asked
        assert await reads(pool, tenant, CallFilter(**asked)) <= most + AHEAD, asked
