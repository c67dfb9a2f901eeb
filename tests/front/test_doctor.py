"""`headwater doctor`: quiet on a healthy installation, and names what mends a broken one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from db import queue
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.front.programs import Up, run
from tests.queue.seeding import TENANT, seed_jobs

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


def findings(*words: str, **changes: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """(exit status, findings that are not ok, by check)."""
    done = run("doctor", "--json", *words, **{"TAVILY_API_KEY": "tvly-tests", **changes})
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in report["findings"]:
        if each["level"] != "ok":
            assert each["mend"], f"{each} says no next step"
            found.setdefault(each["check"], []).append(each)
    return done.returncode, found


def test_a_healthy_installation_has_no_findings(running: Up) -> None:
    assert findings(HEADWATER_DATA=str(running.data)) == (0, {})
    told = run("doctor", HEADWATER_DATA=str(running.data), TAVILY_API_KEY="tvly-tests")
    assert told.stdout.rstrip().endswith("all is well")


def test_a_running_address_is_checked_from_outside(running: Up) -> None:
    # S1.10
    assert findings("--url", running.url) == (0, {})
    status, found = findings("--url", "http://127.0.0.1:1")
    assert status == 1
    assert "headwater up" in found["address"][0]["mend"]


def test_a_database_without_tables_wants_migrating(empty_db_url: str) -> None:
    status, found = findings(DATABASE_URL=empty_db_url, JWT_SECRET="x" * 32)
    assert status == 1
    assert found["migrations"][0]["mend"] == "headwater db migrate"


def test_no_database_and_bad_settings_are_findings(tmp_path: Any) -> None:
    status, found = findings(HEADWATER_DATA=str(tmp_path))
    assert (status, list(found)) == (1, ["database"])
    status, found = findings(LOG_LEVEL="LOUD", DISCOVERY_PAGE_SIZE="0")
    assert status == 1
    assert {each["found"].split(":")[0] for each in found["settings"]} == {"LOG_LEVEL", "DISCOVERY_PAGE_SIZE"}


async def test_what_holds_the_flow_up_is_named(db_url: str, conn: Connection) -> None:
    # B.10
    await _event_astray(conn)
    await _event_due_for_a_minute(conn)
    await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM app.tenants")
    pid = await conn.fetchval("SELECT pg_backend_pid()")
    environment = {"DATABASE_URL": db_url, "JWT_SECRET": "x" * 32}
    status, found = findings("--held-after", "0", **environment)
    assert status == 1
    assert "no worker is alive" in found["workers"][0]["found"]
    assert any(f"pid {pid} " in each["found"] for each in found["snapshots"])
    assert f"pg_terminate_backend({pid})" in " ".join(each["mend"] for each in found["snapshots"])
    assert "1 rows" in found["history"][0]["found"]
    assert "due for" in found["outbox"][0]["found"]
    await conn.execute("COMMIT")
    # What it names does mend it.
    assert run("db", "migrate", **environment).returncode == 0
    _, after = findings(**environment)
    assert after.keys() == {"workers", "outbox"}


async def test_jobs_that_nobody_moves_are_counted(db_url: str, conn: Connection) -> None:
    pool = await open_pool(db_url, name="tests", size=1)
    await conn.execute("INSERT INTO app.tenants (id, slug, name) VALUES ($1, 'tests', 'Tests')", TENANT)
    await seed_jobs(pool, 5)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.fetch(tx, await queue.register(tx, "here", 1, ["jobs"]), ["probe"], 2)
    await pool.close()
    # Long ago: the worker has not beaten since, and nobody came for the rest.
    await conn.execute("UPDATE app.workers SET beat_at = app.now() - interval '10 minutes'")
    await conn.execute("UPDATE app.job_executions SET queued_at = app.now() - interval '10 minutes'")
    status, found = findings(DATABASE_URL=db_url, JWT_SECRET="x" * 32)
    assert status == 1
    assert [each["found"].split()[0] for each in found["queue"]] == ["2", "3"]
    assert [each["mend"].split(":")[0] for each in found["queue"]] == [
        "headwater worker --only maintain",
        "headwater worker --only jobs",
    ]


async def _event_astray(conn: Connection) -> None:
    """A sent event of a month that nobody has made."""
    await conn.execute(
        """
        INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                        sink, priority, attempts, routes, created_at, sent_at)
        VALUES ($1, 1, $2, 'probe', $2, 'Probed', 1, '{}', '{}', 'queue', 0, 0, 0, app.now(), app.now())
        """,
        await _tenant(conn),
        uuid4(),
    )


async def _event_due_for_a_minute(conn: Connection) -> None:
    await conn.execute(
        """
        INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                       created_at, available_at)
        VALUES ($1, $2, 'probe', $2, 'Probed', 1, '{}', '{}', app.now(), app.now() - interval '1 minute')
        """,
        await _tenant(conn),
        uuid4(),
    )


async def _tenant(conn: Connection) -> Any:
    return await conn.fetchval(
        "INSERT INTO app.tenants (slug, name) VALUES ($1, 'Tests') RETURNING id", f"tests-{uuid4().hex[:8]}"
    )
