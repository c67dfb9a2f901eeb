"""Alerts in the console: open first, with their baseline and the rows behind them; looked after and ended by those who may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.ui.alerts import behind
from contracts.alerts import AlertView
from contracts.tenants import Role
from db import alerts
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread
from tests.ui.test_pages import text
from tests.ui.visitors import Visitor


@pytest.fixture(scope="module")
def ops(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OPS)
        yield visitor


def raised(api: Served, rule: str, scope: str = "discovery", severity: Any = "warning", **evidence: Any) -> str:
    tenant = api.tenants[HOME].id

    async def work() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        async with transaction(pool, tenant) as tx:
            await alerts.raise_(tx, tenant, rule, scope, severity, evidence)
        await pool.close()

    in_a_thread(work)
    return str(api.rows("SELECT id FROM alerts WHERE rule = $1 AND scope = $2", rule, scope)[0]["id"])


def ended_run(api: Served) -> str:
    found = api.rows(
        "INSERT INTO runs (tenant_id, kind, triggered_by, status, started_at, finished_at, discovered_count) VALUES"
        " ($1, 'discovery', 'tests', 'completed', app.now() - interval '60 s', app.now(), 7) RETURNING id",
        api.tenants[HOME].id,
    )
    return str(found[0]["id"])


def test_without_alerts_the_page_says_when_there_would_be_one(api: Served) -> None:
    # S2.17 S4.06
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.OPS)
        page = text(visitor.get("/ui/alerts").text)
        assert "No alert is open" in page
        assert "Nothing has been resolved yet" in page
        assert "headwater alerts channels create" in page
        assert "No alert fits" in visitor.get("/ui/alerts", state="ack").text


def test_an_open_alert_leads_to_its_baseline_and_its_rows_and_ends_among_the_resolved(ops: Visitor) -> None:
    # S4.06 S4.07
    api, run, usual = ops.api, ended_run(ops.api), ended_run(ops.api)
    alert = raised(api, "run.slow", duration_s=60.0, median_s=10.0, n=5, run=run, baseline_runs=[usual])
    listed = text(ops.get("/ui/alerts").text)
    assert listed.index("<h2>Open</h2>") < listed.index(f"/ui/alerts/{alert}") < listed.index("<h2>Resolved</h2>")
    assert "a run took 60 s, usual are 10 s (median of 5)" in listed
    assert f'href="/ui/alerts/{alert}"' in ops.get("/ui").text
    page = text(ops.get(f"/ui/alerts/{alert}").text)
    assert "<dt>Usual (median)</dt><dd>10.0 s" in page
    assert page.index(f"/ui/runs/{run}") < page.index(f"/ui/runs/{usual}")
    assert "by nobody yet" in page
    assert "Nobody was told outside this page" in page
    assert ops.send(f"/ui/alerts/{alert}/acknowledge").status_code == 303
    page = text(ops.get(f"/ui/alerts/{alert}").text)
    assert "You look after it" in page
    assert "ops@example.com" in page
    assert f"/ui/alerts/{alert}/acknowledge" not in page
    assert f"/ui/alerts/{alert}" in ops.get("/ui/alerts", state="ack").text
    assert ops.send(f"/ui/alerts/{alert}/resolve").status_code == 303
    listed = ops.get("/ui/alerts").text
    assert listed.index(f'href="/ui/alerts/{alert}"') > listed.index("<h2>Resolved</h2>")
    refused = ops.send(f"/ui/alerts/{alert}/acknowledge", Referer=f"{api.base_url}/ui/alerts/{alert}")
    assert refused.status_code == 409
    assert f'<a href="/ui/alerts/{alert}">Back</a>' in refused.text


def test_the_page_a_refused_form_leads_back_to_is_ours(ops: Visitor) -> None:
    refused = ops.send("/ui/alerts/no-id/resolve", Referer="https://evil.example/ui/runs/elsewhere")
    assert refused.status_code == 400
    assert "evil" not in refused.text
    assert "elsewhere" not in refused.text


def test_deliveries_and_channels_are_shown_without_what_is_secret(ops: Visitor) -> None:
    # S4.06
    api, tenant = ops.api, ops.api.tenants[HOME].id
    alert = raised(api, "outbox.age", "dispatcher", "error", oldest_s=900)
    channel = {"name": "night shift", "kind": "slack", "url": "https://hooks.slack.com/services/T1/B2/very-secret"}
    made = api.client.post("/v1/alert-channels", json=channel, headers=api.as_(Role.OPS)).json()
    api.rows(
        "INSERT INTO alert_deliveries (tenant_id, alert_id, channel_id, transition, state, attempts, reason, ended_at)"
        " VALUES ($1, $2, $3, 'opened', 'dead', 5, 'answered 500', app.now()) RETURNING 1",
        tenant, UUID(alert), UUID(made["id"]),
    )  # fmt: skip
    page = text(ops.get(f"/ui/alerts/{alert}").text)
    assert "night shift" in page
    assert "answered 500" in page
    listed = ops.get("/ui/alerts").text
    assert "night shift" in listed
    assert "very-secret" not in listed + page
    assert ops.send(f"/ui/alerts/channels/{made['id']}/test").status_code == 303
    assert "A trial is on its way" in ops.get("/ui/alerts").text


def test_history_pages_by_key(ops: Visitor) -> None:
    api = ops.api
    api.rows(
        "INSERT INTO alerts (tenant_id, rule, scope, severity, state, evidence, resolved_at)"
        " SELECT $1, 'run.zero_records', 'old ' || n, 'info', 'resolved', '{}', app.now()"
        " FROM generate_series(1, 30) n RETURNING 1",
        api.tenants[HOME].id,
    )
    first = ops.get("/ui/alerts", rule="run.zero_records", format="json").json()
    older = ops.get("/ui/alerts", rule="run.zero_records", cursor=first["next_cursor"])
    assert (len(first["alerts"]), older.text.count('class="row"')) == (25, 5)
    assert "<h2>Open</h2>" not in older.text


def test_the_worst_of_the_open_ones_comes_first(ops: Visitor) -> None:
    # S4.06
    raised(ops.api, "outbox.age", "worst", "critical", oldest_s=9000)
    raised(ops.api, "run.late", "least", "info", n=1, oldest_s=60)
    shown = [a["severity"] for a in ops.get("/ui/alerts", format="json").json()["open"]]
    assert shown == sorted(shown, key=["critical", "error", "warning", "info"].index)
    assert (shown[0], shown[-1]) == ("critical", "info")


def test_who_only_looks_is_offered_nothing_to_press(ops: Visitor) -> None:
    # S3.20 R18
    alert = raised(ops.api, "run.error_rate", "quiet", errors=3, items=9)
    with Visitor.at(ops.api) as viewer:
        viewer.log_in(Role.VIEWER)
        for path in ("/ui/alerts", f"/ui/alerts/{alert}"):
            page = viewer.get(path)
            assert (page.status_code, 'method="post"' in page.text.partition("<main")[2]) == (200, False)
        assert "Where alerts are told" not in viewer.get("/ui/alerts").text
        assert viewer.send(f"/ui/alerts/{alert}/acknowledge").status_code == 403
    with Visitor.at(ops.api) as stranger:
        stranger.log_in(Role.OPS, ABROAD)
        assert stranger.get(f"/ui/alerts/{alert}").status_code == 404
        assert "run.error_rate" not in stranger.get("/ui/alerts").text


@pytest.mark.parametrize(
    ("rule", "scope", "first"),
    [
        ("inventory.low_stock", "sku:A/1 blue", "/ui/stock?code=A%2F1+blue"),
        (
            "trigger.silent",
            "account:01936f50-0000-7abc-8def-6d7e8f901701",
            "/ui/accounts/01936f50-0000-7abc-8def-6d7e8f901701",
        ),
        ("run.late", "discovery", "/ui/runs?status=pending"),
        ("dead_letters.open", "queue", "/ui/dead-letters"),
        ("budget.spent", "tavily", "/ui/vendors"),
        ("something.else", "x", None),
    ],
)
def test_a_rule_leads_to_the_rows_it_speaks_of(rule: str, scope: str, first: str | None) -> None:
    # S4.06
    at = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    view = AlertView(
        tenant_id=uuid4(), id=uuid4(), rule=rule, scope=scope, severity="warning", state="open", first_seen=at, last_seen=at,
        count=1, evidence={}, resolved_at=None,
    )  # fmt: skip
    assert next((address for address, _ in behind(view)), None) == first
