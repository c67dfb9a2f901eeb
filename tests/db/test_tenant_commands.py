"""`headwater tenants` and `headwater retention`, as an operator types them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from contracts.retention import PERIODS
from tests.conftest import Connection
from tests.front.programs import run


def told(db_url: str, *words: str, status: int = 0) -> Any:
    done = run(*words, "--json", DATABASE_URL=db_url)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


@pytest.mark.slow
async def test_a_tenant_is_suspended_granted_and_closed_by_command(conn: Connection, db_url: str) -> None:
    # S4.08 R16
    told(db_url, "tenants", "create", "acme")
    assert told(db_url, "tenants", "suspend", "acme")["status"] == "paused"
    assert await conn.fetchval("SELECT count(*) FROM app.pauses") == 1  # nothing of it is handed off
    assert told(db_url, "tenants", "resume", "acme")["status"] == "active"
    assert await conn.fetchval("SELECT count(*) FROM app.pauses") == 0
    granted = told(db_url, "tenants", "quotas", "acme", "--max-runs-per-day", "3", "--queued-buffer", "50")
    assert {name: value for name, value in granted["quotas"].items() if value is not None} == {
        "queued_buffer": 50,
        "max_runs_per_day": 3,
    }
    granted = told(db_url, "tenants", "quotas", "acme", "--daily-shortlist-cap", "5")
    assert {name: value for name, value in granted["quotas"].items() if value is not None} == {
        "queued_buffer": 50,
        "max_runs_per_day": 3,
        "daily_shortlist_cap": 5,
    }
    assert told(db_url, "tenants", "quotas", "acme", "--reset")["quotas"]["queued_buffer"] is None
    assert "--queued-buffer" in told(db_url, "tenants", "quotas", "acme", "--queued-buffer", "0", status=2)
    assert told(db_url, "tenants", "close", "acme")["status"] == "closed"
    assert "headwater tenants list" in told(db_url, "tenants", "show", "nobody", status=1)
    assert "cannot be suspended" in told(db_url, "tenants", "suspend", "system", status=1)
    actions = await conn.fetch("SELECT action FROM app.audit_log ORDER BY at")
    assert [a["action"] for a in actions][:4] == ["tenant.created", "tenant.paused", "tenant.active", "quotas.set"]


@pytest.mark.slow
async def test_what_is_past_its_time_is_counted_first_and_deleted_then(conn: Connection, db_url: str) -> None:
    # S1.06
    tenant: UUID = await conn.fetchval("INSERT INTO app.tenants (slug, name) VALUES ('a', 'A') RETURNING id")
    await conn.execute(
        "INSERT INTO app.idempotency_keys (tenant_id, route, key, body_hash, subject_id, created_at)"
        " SELECT $1, 'r', 'k' || n, sha256('x'), gen_random_uuid(), app.now() - interval '91 days' FROM generate_series(1, 500) n",
        tenant,
    )
    listed = told(db_url, "retention", "list")["items"]
    assert [each["table"] for each in listed] == list(PERIODS)
    forecast = told(db_url, "retention", "run", "--dry-run")["items"]
    assert {p["table"]: p["rows"] for p in forecast if p["rows"]} == {"idempotency_keys": 500}
    assert await conn.fetchval("SELECT count(*) FROM app.idempotency_keys") == 500
    done = run("retention", "run", "--table", "idempotency_keys", DATABASE_URL=db_url)
    assert (done.returncode, done.stdout.split()) == (0, ["idempotency_keys", "500", "gone"])
    (last,) = [each for each in told(db_url, "retention", "list")["items"] if each["table"] == "idempotency_keys"]
    assert (last["deleted"], last["stays"]) == (500, "90 d after created_at")
    assert "headwater retention list" in run("retention", "run", "--table", "x", DATABASE_URL=db_url).stderr
