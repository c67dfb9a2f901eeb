"""Alerts and their channels over HTTP: listed, filtered, shown with what is behind them, looked after; no secret shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.tenants import Role
from db import alerts
from db.transaction import transaction
from tests.alerting.house import SIGNING_KEY
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread, served, settings_of_tests

URL, CHANNELS = "/v1/alerts", "/v1/alert-channels"
HOOK = {"name": "night shift", "kind": "webhook", "url": "https://hooks.karoo.co.za/secret-part?token=abc"}


@pytest.fixture
def house(db_url: str) -> Iterator[Served]:
    with served(db_url, settings_of_tests(webhook_signing_key=SIGNING_KEY)) as running:
        yield running


def raised(api: Served, rule: str = "run.slow", severity: Any = "warning", **evidence: Any) -> str:
    """Open an alert of HOME."""
    tenant = api.tenants[HOME].id

    async def work() -> None:
        from db.pool import open_pool

        pool = await open_pool(api.database_url, name="tests", size=1)
        async with transaction(pool, tenant) as tx:
            await alerts.raise_(tx, tenant, rule, "discovery", severity, evidence)
        await pool.close()

    in_a_thread(work)
    (row,) = api.rows("SELECT id FROM alerts WHERE rule = $1 AND state <> 'resolved'", rule)
    return str(row["id"])


def test_alerts_are_listed_filtered_and_shown_with_the_runs_behind_them(house: Served) -> None:
    # S4.07 S0.19
    as_ = house.as_(Role.VIEWER)
    run = house.rows(
        "INSERT INTO runs (tenant_id, kind, triggered_by, status, started_at, finished_at, discovered_count) VALUES"
        " ($1, 'discovery', 'tests', 'completed', app.now() - interval '60 s', app.now(), 7) RETURNING id",
        house.tenants[HOME].id,
    )[0]["id"]
    slow = raised(house, duration_s=60.0, median_s=10.0, n=5, run=str(run), baseline_runs=["no uuid"])
    worse = raised(house, "run.consecutive_failures", "critical", failures=2)
    page = house.client.get(URL, params={"limit": 1}, headers=as_).json()
    assert [a["id"] for a in page["items"]] == [worse]
    rest = house.client.get(URL, params={"limit": 1, "cursor": page["next_cursor"]}, headers=as_).json()
    assert ([a["id"] for a in rest["items"]], rest["next_cursor"]) == ([slow], None)
    for name, value, found in (("severity", "critical", worse), ("rule", "run.slow", slow)):
        items = house.client.get(URL, params={name: value}, headers=as_).json()["items"]
        assert [a["id"] for a in items] == [found]
    assert house.client.get(URL, params={"state": "resolved"}, headers=as_).json()["items"] == []
    assert house.client.get(URL, params={"severity": "awful"}, headers=as_).status_code == 400
    shown = house.client.get(f"{URL}/{slow}", headers=as_).json()
    assert shown["evidence"]["median_s"] == 10.0
    assert shown["summary"].startswith("discovery: a run took 60 s, usual are 10 s (median of 5)")
    assert [(r["id"], r["duration_s"], r["items"]) for r in shown["runs"]] == [(str(run), 60.0, 7)]


def test_people_look_after_alerts_and_end_them(house: Served) -> None:
    # S4.07
    alert, ops = raised(house), house.as_(Role.OPS)
    assert house.client.post(f"{URL}/{alert}/acknowledge", headers=house.as_(Role.ANALYST)).status_code == 403
    taken = house.client.post(f"{URL}/{alert}/acknowledge", headers=ops).json()
    assert (taken["state"], bool(taken["acknowledged_by"]), bool(taken["acknowledged_at"])) == ("ack", True, True)
    again = house.client.post(f"{URL}/{alert}/acknowledge", headers=ops)
    assert (again.status_code, again.json()["state"]) == (200, "ack")
    over = house.client.post(f"{URL}/{alert}/resolve", headers=ops).json()
    assert (over["state"], over["resolved_by"]) == ("resolved", taken["acknowledged_by"])
    for verb in ("acknowledge", "resolve"):
        answer = house.client.post(f"{URL}/{alert}/{verb}", headers=ops)
        assert (answer.status_code, answer.json()["code"]) == (409, "alert_over")
        abroad = house.client.post(f"{URL}/{alert}/{verb}", headers=house.as_(Role.OWNER, ABROAD))
        assert (abroad.status_code, abroad.json()["code"]) == (404, "alert_not_found")
    actions = {row["action"] for row in house.rows("SELECT action FROM audit_log WHERE subject_type = 'alert'")}
    assert actions == {"alert.acknowledged", "alert.resolved"}


def test_a_channel_is_made_shown_without_its_secret_changed_tried_and_removed(house: Served) -> None:
    # S4.07
    ops = house.as_(Role.OPS)
    made = house.client.post(CHANNELS, json=HOOK, headers=ops)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    body = made.json()
    assert body["signing_secret"].startswith("whsec_")
    assert body["place"] == "https://hooks.karoo.co.za/…"
    address = f"{CHANNELS}/{body['id']}"
    said = made.text + house.client.get(address, headers=ops).text + house.client.get(CHANNELS, headers=ops).text
    said += "".join(str(row) for row in house.rows("SELECT to_jsonb(a) FROM audit_log a"))
    assert "secret-part" not in said
    assert "token" not in said
    assert "signing_secret" not in house.client.get(address, headers=ops).text
    twice = house.client.post(CHANNELS, json=HOOK, headers=ops)
    assert (twice.status_code, twice.json()["code"]) == (409, "channel_exists")
    changed = house.client.patch(address, json={"min_severity": "critical", "enabled": False}, headers=ops).json()
    assert (changed["min_severity"], changed["enabled"], changed["name"]) == ("critical", False, "night shift")
    tried = house.client.post(f"{address}/test", headers=ops)
    assert tried.status_code == 202
    (event,) = house.rows("SELECT payload FROM outbox_events WHERE type = 'AlertTestRequested'")
    assert "probeId" in str(event["payload"])
    assert house.client.delete(address, headers=ops).status_code == 204
    assert house.client.delete(address, headers=ops).json()["code"] == "channel_not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**HOOK, "url": "https://169.254.169.254/"}, "bad_webhook_url"),
        ({**HOOK, "url": "http://localhost:5432/"}, "bad_webhook_url"),
        ({"name": "n", "kind": "pagerduty", "secret_ref": "JWT_SECRET"}, "alert_secret_refused"),
        ({"name": "n", "kind": "pagerduty", "url": "https://events.pagerduty.com"}, "invalid_request"),
        ({"name": "n", "kind": "email"}, "invalid_request"),
        ({"name": "n", "kind": "pigeon"}, "invalid_request"),
    ],
)
def test_what_cannot_be_a_channel_is_refused_with_the_reason(house: Served, body: dict[str, Any], code: str) -> None:
    # S4.07
    answer = house.client.post(CHANNELS, json=body, headers=house.as_(Role.OPS))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert len(answer.json()["detail"]) > 20


def test_only_ops_and_only_their_own_and_not_without_number(house: Served) -> None:
    # S4.07
    made = house.client.post(CHANNELS, json=HOOK, headers=house.as_(Role.OPS)).json()
    assert house.client.get(CHANNELS, headers=house.as_(Role.ANALYST)).status_code == 403
    abroad = house.as_(Role.OWNER, ABROAD)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("POST", "/test", None),
        ("DELETE", "", None),
    ):
        answer = house.client.request(method, f"{CHANNELS}/{made['id']}{path}", json=body, headers=abroad)
        assert answer.status_code == 404
    for n in range(19):
        another = {**HOOK, "name": f"more {n}"}
        assert house.client.post(CHANNELS, json=another, headers=house.as_(Role.OPS)).status_code == 201
    full = house.client.post(CHANNELS, json={**HOOK, "name": "one more"}, headers=house.as_(Role.OPS))
    assert (full.status_code, full.json()["code"]) == (409, "too_many_channels")
