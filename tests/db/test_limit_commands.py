"""`headwater limits` and `headwater tenants quotas --weight`, as an operator types them."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.db.test_tenant_commands import told


@pytest.mark.slow
async def test_limits_are_set_paused_listed_and_lifted_by_command(conn: Connection, db_url: str) -> None:
    told(db_url, "tenants", "create", "acme")
    (made,) = told(db_url, "limits", "set", "queue", "enrichment", "--max-running", "20", "--per-s", "0.5")["items"]
    assert (made["max_running"], made["per_s"], made["burst"], made["held"]) == (20, 0.5, 1, None)
    told(db_url, "limits", "set", "tenant", "acme", "--per-s", "5", "--burst", "50")
    (paused,) = told(db_url, "limits", "pause", "queue", "enrichment", "--reason", "the plan is renewed")["items"]
    assert (paused["held"], paused["reason"], paused["by"].startswith("cli")) == ("paused", "the plan is renewed", True)
    told(db_url, "limits", "pause", "tenant", "acme", "--reason", "moving")
    await conn.execute(
        "INSERT INTO app.vendor_operations (vendor, operation, unit, units, billable) VALUES ('apollo', 'match', 'credit', 1, true)"
    )
    (asked,) = told(db_url, "limits", "set", "vendor", "apollo", "--per-s", "0.5", "--max-running", "2")["items"]
    assert (asked["scope"], asked["name"], asked["per_s"], asked["burst"], asked["max_running"]) == (
        "vendor", "apollo", 0.5, 1, 2,
    )  # fmt: skip
    assert told(db_url, "limits", "set", "vendor", "apollo")["items"] == []
    listed = told(db_url, "limits", "list")["items"]
    assert [(i["scope"], i["name"], i["held"]) for i in listed] == [
        ("queue", "enrichment", "paused"), ("tenant", "acme", "paused"),
    ]  # fmt: skip
    for scope, name in (("queue", "enrichment"), ("tenant", "acme")):
        (standing,) = told(db_url, "limits", "resume", scope, name)["items"]
        assert not standing["paused"]
        assert told(db_url, "limits", "set", scope, name)["items"] == []
    assert told(db_url, "limits", "list")["items"] == []
    assert await conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action LIKE 'limits.%'") == 8
    assert told(db_url, "tenants", "quotas", "acme", "--weight", "3")["quotas"]["weight"] == 3


@pytest.mark.slow
async def test_what_makes_no_sense_is_refused_in_words(conn: Connection, db_url: str) -> None:
    assert "unknown_queue" in told(db_url, "limits", "set", "queue", "nothing", "--max-running", "1", status=1)
    assert "per_s" in told(db_url, "limits", "set", "queue", "probe", "--burst", "3", status=2)
    assert "--max-running" in told(db_url, "limits", "set", "queue", "probe", "--max-running", "0", status=2)
    assert "unknown_vendor" in told(db_url, "limits", "set", "vendor", "nobody", "--max-running", "1", status=1)
    assert "headwater vendors list" in told(
        db_url, "limits", "pause", "vendor", "nobody", "--reason", "why not", status=1
    )
    assert "--reason" in told(db_url, "limits", "pause", "queue", "probe", "--reason", "", status=2)
    told(db_url, "limits", "set", "thing", "probe", status=2)
    assert await conn.fetchval("SELECT count(*) FROM app.limits") == 0
