"""What stands still behind something else is named by the doctor, in a database in that very state, with what mends it."""

from __future__ import annotations

from uuid import UUID, uuid4

from pydantic import SecretStr

from contracts.checkups import Finding
from contracts.events import LeadDiscovered
from contracts.settings import Settings
from db import checkup, drift, outbox, standstill, streams
from db.transaction import DbRole, Pool, transaction
from tests.api.server_fixture import settings_of_tests
from tests.conftest import Connection
from tests.db.test_drift import Check, worst
from tests.front.programs import run
from tests.worker.dispatching import dispatcher, emit, probes


async def asked(pool: Pool, check: Check, settings: Settings | None = None) -> list[Finding]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        found = await check(tx, settings or settings_of_tests())
    assert all(f.mend for f in found if f.level != "ok")
    return found


async def test_a_fresh_database_stands_nowhere_still(pool: Pool) -> None:
    # B.10
    for check in (standstill.behind_the_dead, standstill.overlong, standstill.stream):
        assert worst(await asked(pool, check)) == [], check.__name__


async def test_events_behind_a_job_that_failed_for_good_are_named_until_it_is_retried(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    # B.10: a singleton key that a dead execution holds
    (fact,) = probes(1)
    await emit(pool, tenant, fact)
    await emit(pool, tenant, fact)
    await dispatcher(pool).dispatch_batch()
    assert await conn.fetchval("SELECT count(*) FROM app.absorbed_events") == 1
    assert await asked(pool, standstill.behind_the_dead) == []
    await conn.execute("DELETE FROM queue.procrastinate_jobs")
    await conn.execute("UPDATE app.job_executions SET state = 'dead', failures = 5, finished_at = app.now()")
    await conn.execute(
        "INSERT INTO app.dead_letters (tenant_id, kind, event_id, execution_id, name, attempts, created_at)"
        " SELECT tenant_id, 'job', event_id, id, job, 5, app.now() FROM app.job_executions"
    )
    (found,) = await asked(pool, standstill.behind_the_dead)
    assert (found.check, found.level) == ("stuck keys", "wrong")
    assert found.found.startswith("1 events count on probe.run ")
    done = run(*(found.mend or "").split("; ")[-1].split()[1:], DATABASE_URL=db_url)
    assert done.returncode == 0, done.stderr
    assert await asked(pool, standstill.behind_the_dead) == []


async def test_a_job_that_runs_past_its_time_is_named_with_its_worker(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # B.10
    await emit(pool, tenant, *probes(1))
    await dispatcher(pool).dispatch_batch()
    worker = await conn.fetchval(
        "INSERT INTO app.workers (host, pid, roles) VALUES ('far-away', 4711, ARRAY['jobs']) RETURNING id"
    )
    await conn.execute("UPDATE queue.procrastinate_jobs SET status = 'doing'")
    await conn.execute(
        "UPDATE app.job_executions SET state = 'running', worker_id = $1, started_at = app.now()", worker
    )
    assert worst(await asked(pool, standstill.overlong)) == []
    await conn.execute("UPDATE app.job_executions SET started_at = app.now() - interval '1 day'")
    (found,) = await asked(pool, standstill.overlong)
    assert found.level == "wrong"
    assert "on far-away, pid 4711; its limit is" in found.found
    execution = await conn.fetchval("SELECT id FROM app.job_executions")
    assert (found.mend or "").startswith(f"headwater jobs cancel {execution}")


async def test_facts_that_wait_for_nats_are_named(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # B.10
    async with transaction(pool, tenant) as tx:
        await streams.subscribe(tx, tenant, ["LeadDiscovered"], by="tests")
    (found,) = await asked(pool, standstill.stream)
    assert (found.level, found.found) == ("wrong", "1 tenants send facts to JetStream, and NATS_URL is not set")
    set_up = settings_of_tests(nats_url=SecretStr("nats://127.0.0.1:4222"))
    assert worst(await asked(pool, standstill.stream, set_up)) == []
    async with transaction(pool, tenant) as tx:
        await outbox.emit(tx, tenant, LeadDiscovered(lead_id=uuid4()), sink="nats")
    await conn.execute("UPDATE app.outbox_events SET created_at = app.now() - interval '10 minutes'")
    await conn.execute(
        "INSERT INTO app.breakers (operation, credential, state, failures, opens, opened_until, error)"
        " VALUES ('nats.publish', 'HEADWATER', 'open', 5, 1, app.now(), 'connection refused')"
    )
    (found,) = await asked(pool, standstill.stream, set_up)
    assert found.level == "wrong"
    assert found.found.startswith("facts have waited for NATS for 600 s; NATS said: connection refused")


async def test_workers_that_do_not_listen_are_named(conn: Connection, pool: Pool) -> None:
    # B.10: they are alive and poll, and no NOTIFY reaches them
    await conn.execute(
        "INSERT INTO app.workers (host, pid, roles, dispatched_at) VALUES ('h', 1, ARRAY['jobs', 'dispatch'], app.now())"
    )
    (found,) = await asked(pool, checkup._workers)
    assert (found.level, found.found) == ("note", "dispatchers and job workers are alive, but none listens")
    await conn.execute("SET application_name = 'headwater outbox listen'")
    (found,) = await asked(pool, checkup._workers)
    assert found.found == "job workers are alive, but none listens"


async def test_a_snapshot_that_is_held_is_named_by_pid_age_program_and_query(conn: Connection, pool: Pool) -> None:
    # B.10
    await conn.execute("SET application_name = 'somebody''s report'")
    await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    await conn.execute("SELECT count(*)\n   FROM app.tenants")
    pid = await conn.fetchval("SELECT pg_backend_pid() /* the last one */")
    (found,) = await checkup.held(pool, 0.0)
    assert f"pid {pid} holds a snapshot for 0 s" in found.found
    assert "(idle in transaction, somebody's report, SELECT pg_backend_pid() /* the last one */)" in found.found
    assert found.mend == f"end it where it began, or: SELECT pg_terminate_backend({pid})"
    await pool.execute(f"SELECT pg_terminate_backend({pid})")


async def test_a_database_that_lacks_what_the_installed_procrastinate_calls_is_named(pool: Pool) -> None:
    # B.10
    assert "procrastinate_fetch_job_v2" in drift.installed_calls()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        there = await drift.queue_shape(tx)
    assert drift.lacking(drift.installed_calls(), there) == []
    newer = drift.installed_calls() | {"procrastinate_fetch_job_v3"}
    assert drift.lacking(newer, there) == ["procrastinate_fetch_job_v3"]


async def test_bloat_says_when_a_table_was_last_vacuumed(conn: Connection, pool: Pool) -> None:
    # B.10
    await conn.execute("ALTER TABLE app.paces SET (autovacuum_enabled = false)")
    await conn.execute("INSERT INTO app.paces (name, credential) SELECT 'n' || n, 'c' FROM generate_series(1, 21000) n")
    await conn.execute("DELETE FROM app.paces; SELECT pg_stat_force_next_flush()")
    (found,) = await asked(pool, drift.bloat)
    assert found.found.endswith("never vacuumed")
