"""Every table has a period, and what is past it goes: no more, no less, and nobody waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from contracts.personal_data import RETENTION, TABLES
from contracts.retention import PERIODS, Passed
from db import planting, retention
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
AGED = [name for name, period in PERIODS.items() if period.way == "aged"]
#: What a planted row needs to be over. Until then it belongs to something that is under way.
ENDED = """
UPDATE app.dead_letters SET resolved_at = created_at, resolution = 'replayed';
UPDATE app.job_executions SET state = 'done', finished_at = queued_at;
UPDATE app.runs SET status = 'completed', finished_at = created_at, error_code = NULL, error = NULL, stop_reason = NULL,
       open_slices = 0, cancel_requested_at = NULL, started_at = created_at;
UPDATE app.imports SET state = 'done', finished_at = started_at;
UPDATE app.staging_imports SET state = 'done', finished_at = started_at;
UPDATE app.alerts SET state = 'resolved', resolved_at = first_seen;
UPDATE app.enrichments SET state = 'COMPLETED', finished_at = started_at;
UPDATE app.vendor_items SET state = 'answered', outcome = 'miss';
UPDATE app.vendor_calls SET state = 'answered', settled_at = sent_at;
"""
#: Rows of what is under way, and what hangs on them.
UNDER_WAY = {
    "dead_letters", "job_attempts", "job_executions", "runs", "run_slices", "run_vendor_items", "replay_differences", "imports",
    "import_errors",
    "staging_imports", "alerts", "enrichments", "waterfall_steps", "vendor_items", "vendor_calls", "source_records",
}  # fmt: skip


async def counts(conn: Connection) -> dict[str, int]:
    names = [name for name in PERIODS if not name.startswith("queue.")]
    return {name: await conn.fetchval(f"SELECT count(*) FROM app.{name}") for name in names}


async def planted(pool: Pool) -> UUID:
    """A tenant with a row in every table, references and all."""
    tenant = uuid4()
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        await tx.execute(
            "INSERT INTO app.tenants (id, slug, name) VALUES ($1, $2, 'old')", tenant, f"old-{tenant.hex[:8]}"
        )
        assert (await planting.plant(tx, tenant, "planted")).missing == []
        await tx.execute(
            "UPDATE app.source_records SET run_id = (SELECT id FROM app.runs WHERE tenant_id = $1),"
            " lead_id = (SELECT id FROM app.leads WHERE tenant_id = $1)", tenant,
        )  # fmt: skip
    return tenant


async def pass_over(pool: Pool, *tables: str, dry_run: bool = False) -> dict[str, Passed]:
    found = [p async for p in retention.passes(pool, tables or PERIODS, dry_run=dry_run, hours=0)]
    return {p.table: p for p in found}


async def later(conn: Connection, years: int) -> None:
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT interval '{years} years' $$"
    )


async def test_every_table_of_the_catalog_has_a_period(conn: Connection) -> None:
    # S1.06
    rows = await conn.fetch(
        "SELECT CASE n.nspname WHEN 'app' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('app', 'queue', 'public') AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    )
    there = {row["name"] for row in rows}
    assert not there - set(PERIODS), "how long may their rows stay? say so in contracts/retention.py"
    assert not set(PERIODS) - there, "these are no tables (any more)"
    said = OPERATIONS.read_text()
    assert not [name for name in PERIODS if f"`{name}`" not in said], "docs/operations.md lists every table"


async def test_no_period_is_longer_than_what_is_promised_of_personal_data() -> None:
    # S1.06 B.09
    for name, table in TABLES.items():
        most, days = RETENTION[table.retention][0], PERIODS[name].days
        assert most is None or days is None or days <= most, f"{name}: {table.retention} may stay {most} days"


async def test_what_the_list_says_fits_the_catalog(conn: Connection) -> None:
    # S1.06
    foreign = await conn.fetch(
        "SELECT c.relname::text AS child, p.relname::text AS parent, k.confdeltype::text = 'c' AS cascades FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid"
        " WHERE k.contype = 'f' AND k.connamespace = 'app'::regnamespace AND c.oid <> p.oid AND p.relname <> 'tenants'"
    )
    order = list(PERIODS)
    for row in foreign:
        child, parent = row["child"], row["parent"]
        if PERIODS[parent].way == "aged" and not row["cascades"]:
            assert order.index(child) < order.index(parent), f"{child} holds {parent}: it must go first"
    cascades = {(row["child"], row["parent"]) for row in foreign if row["cascades"]}
    for name, period in PERIODS.items():
        if period.way == "with":
            assert (name, period.since) in cascades, name
        if period.way == "aged":
            kind = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2"
            assert await conn.fetchval(kind, f"app.{name}", period.since) == "timestamp with time zone", name


async def test_what_is_past_its_time_goes_and_what_is_under_way_stays(conn: Connection, pool: Pool) -> None:
    # S1.06: every table has a row of eleven years ago
    await retention.prepare(pool)
    await planted(pool)
    before = await counts(conn)
    assert [name for name in AGED if before[name] != 1 and name != "isolation_checks"] == []
    assert {t: p.rows for t, p in (await pass_over(pool)).items() if p.rows} == {}  # young
    before = await counts(conn)

    await later(conn, 11)
    forecast = await pass_over(pool, dry_run=True)
    assert await counts(conn) == before
    first = await pass_over(pool)
    assert all(p.error is None for p in [*forecast.values(), *first.values()])
    assert all(forecast[t].rows <= p.rows for t, p in first.items())  # what children leave behind cannot be foretold
    left = await counts(conn)
    assert {name for name in AGED if left[name]} >= UNDER_WAY & set(AGED)
    assert left["outbox_history"] == 0
    assert left["outbox_events"] == 1
    assert {name for name in UNDER_WAY if not left[name]} == set()

    await conn.execute(ENDED)
    await pass_over(pool)
    left = await counts(conn)
    assert {name for name in AGED if left[name]} == set()
    assert {name for name, period in PERIODS.items() if period.way == "with" and left.get(name)} == {
        "model_evaluations"
    }
    stay = {name for name, period in PERIODS.items() if period.way == "kept" and name in left}
    assert {name for name in stay if left[name] < before[name]} == set()


async def test_a_dead_letter_that_nobody_answered_stays_with_its_job_and_attempts(conn: Connection, pool: Pool) -> None:
    # S1.06
    tenant = await planted(pool)
    await conn.execute(ENDED)
    await conn.execute("UPDATE app.dead_letters SET resolved_at = NULL, resolution = NULL, kind = 'job', event = NULL,"
                       " execution_id = (SELECT id FROM app.job_executions WHERE tenant_id = $1)", tenant)  # fmt: skip
    await later(conn, 11)
    await pass_over(pool)
    left = await counts(conn)
    assert (left["dead_letters"], left["job_executions"], left["job_attempts"], left["runs"]) == (1, 1, 1, 0)


async def test_executions_stay_as_long_as_the_month_of_their_event(conn: Connection, pool: Pool, db_url: str) -> None:
    # S1.06: else `outbox verify` would call them lost
    await retention.prepare(pool)
    await planted(pool)
    await conn.execute(ENDED)
    month = await conn.fetchval("SELECT tableoid::regclass::text FROM app.outbox_history")
    holder = await conn.fetchval("SELECT count(*) FROM app.outbox_history")
    await later(conn, 1)
    reader = await asyncpg.connect(db_url)
    await reader.execute("BEGIN; SELECT count(*) FROM app.outbox_history")
    held = await pass_over(pool, "outbox_history", "job_attempts", "job_executions", "absorbed_events")
    assert "LockNotAvailable" in (held["outbox_history"].error or "")  # it waits for nobody, and is tried again
    assert (held["job_executions"].rows, held["absorbed_events"].rows, holder) == (0, 0, 1)
    await reader.execute("ROLLBACK")
    await reader.close()
    gone = await pass_over(pool, "outbox_history", "job_executions", "absorbed_events")
    assert [gone[t].rows for t in gone] == [4, 1, 1]
    assert await conn.fetchval("SELECT to_regclass($1) IS NULL", month)


async def test_a_writer_waits_for_nobody_and_what_it_holds_is_left_for_tomorrow(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    # S1.06
    await conn.execute(
        "INSERT INTO app.idempotency_keys (tenant_id, route, key, body_hash, subject_id, created_at)"
        " SELECT $1, 'r', 'k' || n, sha256('x'), gen_random_uuid(), app.now() - interval '91 days'"
        " FROM generate_series(1, 20000) n",
        tenant,
    )
    update = "UPDATE app.idempotency_keys SET body_hash = sha256('y') WHERE tenant_id = $1 AND key = $2"
    holder, writer = await asyncpg.connect(db_url), await asyncpg.connect(db_url)
    await holder.execute("BEGIN")
    await holder.execute(update, tenant, "k7")
    await writer.execute("SET lock_timeout = '1s'")

    async def write() -> int:
        for n in range(300):
            await writer.execute(
                "INSERT INTO app.idempotency_keys (tenant_id, route, key, body_hash, subject_id)"
                " VALUES ($1, 'r', $2, sha256('z'), $1)",
                tenant, f"new{n}",
            )  # fmt: skip
            await writer.execute(update, tenant, f"k{20000 - n}")
        return 300

    passed, wrote = await asyncio.gather(pass_over(pool, "idempotency_keys"), write())
    assert (passed["idempotency_keys"].error, wrote) == (None, 300)
    await holder.execute("COMMIT")
    assert await conn.fetchval("SELECT count(*) FROM app.idempotency_keys WHERE key LIKE 'new%'") == 300
    assert await conn.fetchval("SELECT count(*) FROM app.idempotency_keys WHERE key = 'k7'") == 1
    again = await pass_over(pool, "idempotency_keys")  # what was busy, or had just moved behind the walk
    assert 1 <= again["idempotency_keys"].rows <= 301
    assert await conn.fetchval("SELECT count(*) FROM app.idempotency_keys WHERE key LIKE 'k%'") == 0
    await holder.close()
    await writer.close()
