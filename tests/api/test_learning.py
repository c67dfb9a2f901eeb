"""Feedback and model versions over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served


def lead(api: Served) -> str:
    made = api.client.post(
        "/v1/leads", json={"company_name": "Karoo Workwear", "domain": "karoo.example"}, headers=api.as_(Role.ANALYST)
    )
    return str(made.json()["id"])


def say(api: Served, about: str, role: Role = Role.ANALYST, tenant: str = HOME, **body: Any) -> httpx.Response:
    return api.client.post(f"/v1/leads/{about}/feedback", json=body, headers=api.as_(role, tenant))


def test_feedback_is_taken_once_for_each_source_event(api: Served) -> None:
    # S2.12 R24
    about = lead(api)
    first = say(api, about, verdict="won", sourceEvent="odoo:1", source="crm", eventAt="2026-01-05T09:00:00Z")
    assert first.status_code == 201
    assert say(api, about, verdict="won", source_event="odoo:1", source="crm").json() == first.json()
    other = say(api, about, verdict="lost", source_event="odoo:1", source="crm")
    assert (other.status_code, other.json()["code"]) == (409, "source_event_reused")
    assert say(api, about, verdict="contacted").status_code == 201
    listed = api.client.get(f"/v1/leads/{about}/feedback?limit=1", headers=api.as_(Role.VIEWER)).json()
    assert [row["verdict"] for row in listed["items"]] == ["contacted"]
    url = f"/v1/leads/{about}/feedback?limit=1&cursor={listed['next_cursor']}"
    rest = api.client.get(url, headers=api.as_(Role.VIEWER)).json()
    assert [row["verdict"] for row in rest["items"]] == ["won"]
    assert rest["next_cursor"] is None
    events = api.rows("SELECT type FROM outbox_events WHERE type = 'FeedbackGiven'")
    assert len(events) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"verdict": "maybe"}, 400, "invalid_request"),
        ({"verdict": "won", "event_at": "2999-01-01T00:00:00Z"}, 400, "bad_times"),
        ({"verdict": "won", "event_at": "2026-02-01T00:00:00Z", "known_at": "2026-01-01T00:00:00Z"}, 400, "bad_times"),
        ({"verdict": "won", "event_at": "2026-01-01T00:00:00"}, 400, "invalid_request"),
        ({"verdict": "won", "note": "a\x00b"}, 400, "invalid_request"),
        ({"verdict": "won", "weight": 1e400}, 400, "invalid_request"),
    ],
)
def test_feedback_that_makes_no_sense_is_refused(api: Served, body: dict[str, Any], status: int, code: str) -> None:
    text = str(body).replace("'", '"').replace("inf", "1e400").replace("\x00", "\\u0000").replace("\\x00", "\\u0000")
    about = lead(api)
    headers = {**api.as_(Role.ANALYST), "content-type": "application/json"}
    answer = api.client.post(f"/v1/leads/{about}/feedback", content=text, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert api.count("lead_feedback") == 0


def test_nobody_speaks_about_anothers_lead_and_viewers_only_read(api: Served) -> None:
    about = lead(api)
    assert say(api, about, tenant=ABROAD, verdict="won").status_code == 404
    assert say(api, about, Role.VIEWER, verdict="won").status_code == 403
    assert say(api, str(uuid4()), verdict="won").json()["code"] == "lead_not_found"


def test_a_training_is_a_run_and_an_unknown_version_is_unknown(api: Served) -> None:
    # S2.12
    ops = api.as_(Role.OPS)
    asked = api.client.post("/v1/models", json={"maturityDays": 30}, headers=ops)
    assert asked.status_code == 202
    run = api.client.get(f"/v1/discovery/runs/{asked.json()['run_id']}", headers=ops).json()
    assert (run["kind"], run["status"], run["params"]["training"]["maturity_days"]) == ("training", "pending", 30)
    assert api.client.post("/v1/models", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    assert api.client.get("/v1/models", headers=api.as_(Role.VIEWER)).json() == {"items": [], "next_cursor": None}
    for verb in ("promote", "archive", "rollback", "evaluations"):
        answer = api.client.post(f"/v1/models/{uuid4()}/{verb}", json={}, headers=ops)
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")
