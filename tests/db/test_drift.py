"""What goes wrong slowly is named with the command that mends it, and that command does mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from contracts.checkups import Finding
from contracts.events import CrmProbeRequested
from contracts.settings import Settings
from contracts.webhook_endpoints import SINK, ordering_key
from db import drift, isolation, outbox
from db.transaction import DbRole, Pool, Tx, transaction
from tests.conftest import Connection
from tests.front.programs import run
from tests.worker.dispatching import dispatcher, emit, probes

Check = Callable[[Tx, Settings], Awaitable[list[Finding]]]


async def asked(pool: Pool, check: Check) -> list[Finding]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        found = await check(tx, Settings.model_construct())
    assert all(f.mend for f in found if f.level != "ok")
    return found


def worst(found: list[Finding]) -> list[tuple[str, str]]:
    return [(f.level, f.found) for f in found if f.level != "ok"]


async def test_a_fresh_database_has_nothing_to_mend(pool: Pool) -> None:
    # B.10
    for check in (drift.stuck_keys, drift.bloat, drift.queue_schema, drift.walls, drift.daily):
        assert worst(await asked(pool, check)) == [], check.__name__
    assert worst(await drift.plans(pool)) == []


@pytest.mark.slow
async def test_a_job_whose_delivery_is_gone_is_named_and_retried(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    # B.10: it would keep its key for ever
    await emit(pool, tenant, *probes(2))
    await dispatcher(pool).dispatch_batch()
    await conn.execute("DELETE FROM queue.procrastinate_jobs")
    assert worst(await asked(pool, drift.stuck_keys)) == []  # it may be on its way
    await conn.execute("UPDATE app.job_executions SET queued_at = app.now() - interval '2 minutes'")
    first, second = await asked(pool, drift.stuck_keys)
    assert (first.check, first.level) == ("stuck keys", "wrong")
    await conn.execute(
        "UPDATE app.job_executions SET state = 'waiting' WHERE id::text = $1", (second.mend or "").split()[-1]
    )
    for each in (first, second):
        done = run(*(each.mend or "").split()[1:], DATABASE_URL=db_url)
        assert done.returncode == 0, done.stderr
    await dispatcher(pool).dispatch_batch()
    assert worst(await asked(pool, drift.stuck_keys)) == []
    assert await conn.fetchval("SELECT count(*) FROM queue.procrastinate_jobs") == 2


@pytest.mark.slow
async def test_a_failing_delivery_that_others_wait_behind_is_named(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    # B.10
    endpoint = await conn.fetchval(
        "INSERT INTO app.webhook_endpoints (tenant_id, url, events, ordering, created_by)"
        " VALUES ($1, 'https://hooks.example.com/', '{RunFinished}', 'block', 'tests') RETURNING id", tenant,
    )  # fmt: skip
    async with transaction(pool, tenant) as tx:
        for _ in range(3):
            fact = CrmProbeRequested(for_tenant=endpoint, probe_id=endpoint)
            await outbox.emit(tx, tenant, fact, sink=SINK, ordering_key=ordering_key(endpoint))
    await conn.execute(
        "UPDATE app.outbox_events SET state = 'failed', attempts = 3, created_at = app.now() - interval '1 hour'"
        " WHERE id = (SELECT min(id) FROM app.outbox_events)"
    )
    (found,) = await asked(pool, drift.stuck_keys)
    assert found.found.startswith("2 deliveries of one ordering key wait behind event")
    why, pass_by = (found.mend or "").split("; ")
    for command in (why.split(" says")[0], pass_by.split(" lets")[0]):
        done = run(*command.split()[1:], DATABASE_URL=db_url)
        assert done.returncode == 0, done.stderr
    assert await conn.fetchval("SELECT ordering FROM app.webhook_endpoints") == "park"


async def test_an_index_that_is_gone_or_broken_is_plan_drift(conn: Connection, pool: Pool) -> None:
    # B.10
    await conn.execute("DROP INDEX app.runs_occurrence")
    (found,) = [f for f in await drift.plans(pool) if f.level != "ok"]
    assert (found.level, found.found) == ("wrong", "index runs_occurrence is missing")
    assert (found.mend or "").startswith("CREATE UNIQUE INDEX CONCURRENTLY runs_occurrence ON app.runs")
    await conn.execute(found.mend or "")
    assert worst(await drift.plans(pool)) == []


async def test_old_statistics_are_plan_drift(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.10: the planner believes the table to be nearly empty, or its index to be of no use
    await conn.execute("ALTER TABLE app.runs SET (autovacuum_enabled = false)")
    await conn.execute("INSERT INTO app.runs (tenant_id, kind, triggered_by, params)"
                       " SELECT '00000000-0000-7000-8000-000000000001', 'discovery', 't',"
                       " jsonb_build_object('x', repeat(md5(n::text), 30)) FROM generate_series(1, 9000) n")  # fmt: skip
    await conn.execute("ANALYZE app.runs")
    assert worst(await drift.plans(pool)) == []
    await conn.execute("UPDATE pg_class SET relpages = 1, reltuples = 1 WHERE oid = 'app.runs'::regclass")
    await conn.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.runs_occurrence'::regclass")
    found = [(f.found, f.mend) for f in await drift.plans(pool) if f.level != "ok"]
    assert ("index app.runs_occurrence cannot be used", "REINDEX INDEX CONCURRENTLY app.runs_occurrence") in found
    assert ("a run's occurrence reads the whole of runs", "statistics are old: ANALYZE app.runs") in found


async def test_dead_rows_that_nobody_clears_are_bloat(conn: Connection, pool: Pool) -> None:
    # B.10
    await conn.execute("ALTER TABLE app.paces SET (autovacuum_enabled = false)")
    await conn.execute("INSERT INTO app.paces (name, credential) SELECT 'n' || n, 'c' FROM generate_series(1, 21000) n")
    await conn.execute("DELETE FROM app.paces; SELECT pg_stat_force_next_flush()")
    await conn.execute("SELECT pg_stat_clear_snapshot()")
    ((level, found),) = worst(await asked(pool, drift.bloat))
    assert (level, found.split(" dead")[0]) == ("note", "app.paces has 21,000")
    await conn.execute("VACUUM (ANALYZE) app.paces")
    await conn.execute("SELECT pg_stat_force_next_flush()")
    assert worst(await asked(pool, drift.bloat)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE queue.procrastinate_jobs ADD COLUMN more int", "table procrastinate_jobs is changed"),
        ("CREATE INDEX one_more ON queue.procrastinate_jobs (priority)", "index one_more is unknown"),
        ("DROP INDEX queue.procrastinate_jobs_standing", "index procrastinate_jobs_standing is missing"),
        (
            "CREATE OR REPLACE FUNCTION queue.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void LANGUAGE sql AS ''",
            "function procrastinate_unregister_worker_v1/1 is changed",
        ),
        ("DROP FUNCTION queue.procrastinate_update_heartbeat_v1", "function procrastinate_update_heartbeat_v1/1 is missing"),
        ("CREATE FUNCTION queue.more() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function more/0 is unknown"),
        (
            "ALTER TABLE queue.procrastinate_jobs DISABLE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1",
            "trigger procrastinate_jobs_notify_queue_job_aborted_v1 is changed",
        ),
        (
            "DROP INDEX queue.procrastinate_jobs_priority_idx_v1; CREATE INDEX procrastinate_jobs_priority_idx_v1"
            " ON queue.procrastinate_jobs (priority)", "index procrastinate_jobs_priority_idx_v1 is changed",
        ),
    ],
)  # fmt: skip
async def test_a_queue_schema_that_somebody_changed_is_told(
    conn: Connection, pool: Pool, change: str, said: str
) -> None:
    # B.10
    await conn.execute(change)
    (found,) = await asked(pool, drift.queue_schema)
    assert (found.level, said in found.found) == ("wrong", True), found.found
    # What it names does mend it, for whoever may act as the owner.
    await conn.execute(found.mend or "")
    await conn.execute("RESET ALL; RESET ROLE")
    assert worst(await asked(pool, drift.queue_schema)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("CREATE TABLE queue.more (a int)", "table more is unknown"),
        ("ALTER TABLE queue.procrastinate_events RENAME TO events_of_before", "table events_of_before is unknown"),
        ("ALTER TABLE queue.procrastinate_events RENAME TO events_of_before", "table procrastinate_events is missing"),
        ("ALTER TABLE queue.procrastinate_workers RENAME COLUMN last_heartbeat TO seen", "table procrastinate_workers is changed"),
    ],
)  # fmt: skip
async def test_what_may_be_ours_under_another_name_is_shown_and_not_dropped(
    conn: Connection, pool: Pool, change: str, said: str
) -> None:
    # B.10
    await conn.execute(change)
    (mend,) = [f.mend or "" for f in await asked(pool, drift.queue_schema) if said in f.found]
    assert mend.startswith("psql ")
    assert "DROP" not in mend
    assert "CREATE" not in mend


async def test_the_queue_schema_is_the_one_this_version_makes(pool: Pool) -> None:
    # B.10: after a migration that changes it, write drift.queue_shape of a fresh database into db/data/queue_shape.json
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await drift.queue_shape(tx) == drift.expected_shape()


@pytest.mark.slow
async def test_a_leak_and_late_days_are_told(conn: Connection, pool: Pool, tenant: UUID, db_url: str) -> None:
    # B.07 B.10
    assert run("tenants", "isolation", DATABASE_URL=db_url).returncode == 0
    await conn.execute("ALTER TABLE app.leads DISABLE ROW LEVEL SECURITY")
    told = run("tenants", "isolation", DATABASE_URL=db_url)
    assert (told.returncode, "app.leads" in told.stdout) == (1, True)
    (found,) = await asked(pool, drift.walls)
    assert (found.level, found.found.split(" shows")[0]) == ("wrong", "app.leads")
    sql, _, command = (found.mend or "").rpartition("; ")
    await conn.execute(sql)
    done = run(*command.split()[1:], DATABASE_URL=db_url)
    assert done.returncode == 0, done.stdout
    await conn.execute("CREATE POLICY more ON app.leads USING (true); ALTER POLICY tenant ON app.leads USING (true)")
    assert run("tenants", "isolation", DATABASE_URL=db_url).returncode == 1
    (found,) = await asked(pool, drift.walls)
    await conn.execute((found.mend or "").rpartition("; ")[0])
    await isolation.check(pool)
    assert worst(await asked(pool, drift.walls)) == []
    await conn.execute(
        "INSERT INTO app.retention_passes (table_name, begun_at) VALUES ('runs', app.now() - interval '3 days')"
    )
    assert worst(await asked(pool, drift.daily)) == [("note", "1 daily passes are more than 36 h old")]
