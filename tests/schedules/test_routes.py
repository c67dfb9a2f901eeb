"""Schedules over HTTP and on the command line: made, listed with their next times, changed, paused, taken away."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.tenants import Role
from db.schedule_commands import schedules_app
from tests.api.server_fixture import ABROAD, Served, api

__all__ = ["api"]
AT = "/v1/schedules"
EVENING = {
    "name": "evening",
    "kind": "discovery",
    "cron": "0 18 * * mon-fri",
    "zone": "Africa/Johannesburg",
    "params": {"max_companies": 25},
}


def test_a_schedule_lives_its_life(api: Served) -> None:
    # S0.19 R7
    ops = api.as_(Role.OPS)
    answer = api.client.post(AT, json=EVENING, headers=ops)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    at = answer.headers["location"]
    assert at == f"{AT}/{made['id']}"
    assert len(made["upcoming"]) == 3
    assert all(datetime.fromisoformat(each).strftime("%H:%M %z") == "16:00 +0000" for each in made["upcoming"])
    morning = api.client.post(AT, json={**EVENING, "name": "morning", "cron": "0 6 * * *"}, headers=ops)
    assert morning.status_code == 201, "several a day"
    assert api.client.post(AT, json=EVENING, headers=ops).json()["code"] == "schedule_exists"
    assert [each["name"] for each in api.client.get(AT, headers=ops).json()["items"]] == ["evening", "morning"]
    times = api.client.get(f"{at}/next", params={"count": 5}, headers=ops).json()
    assert len(times["utc"]) == 5
    assert all(each.endswith("T18:00:00+02:00") for each in times["local"])

    changed = api.client.patch(at, json={"cron": "30 7 * * *", "zone": "Asia/Singapore"}, headers=ops).json()
    assert datetime.fromisoformat(changed["next_due_at"]).strftime("%H:%M") == "23:30"
    paused = api.client.post(f"{at}/pause", headers=ops).json()
    assert (paused["enabled"], paused["next_due_at"], paused["upcoming"]) == (False, None, [])
    assert api.client.get(f"{at}/next", headers=ops).json()["utc"] == []
    resumed = api.client.post(f"{at}/resume", headers=ops).json()
    assert (resumed["enabled"], resumed["next_due_at"]) == (True, changed["next_due_at"])
    assert api.client.get(f"{at}/fires", headers=ops).json() == {"items": [], "next_cursor": None}

    assert api.client.get(at, headers=api.as_(Role.OPS, ABROAD)).status_code == 404
    assert api.client.delete(at, headers=api.as_(Role.OPS, ABROAD)).status_code == 404
    assert api.client.delete(at, headers=ops).status_code == 204
    assert api.client.get(at, headers=ops).json()["code"] == "schedule_not_found"
    assert api.client.post(AT, json=EVENING, headers=ops).status_code == 201, "the name is free again"
    actions = [
        row["action"] for row in api.rows("SELECT action FROM audit_log WHERE subject_type = 'schedule' ORDER BY id")
    ]
    assert actions == [
        "schedule.created",
        "schedule.created",
        "schedule.changed",
        "schedule.changed",
        "schedule.changed",
        "schedule.removed",
        "schedule.created",
    ]


def test_a_change_can_be_looked_at_before_it_is_made(api: Served) -> None:
    # S3.20 R7: the preview is what PATCH then does; it writes nothing, and refuses what PATCH refuses
    ops = api.as_(Role.OPS)
    made = api.client.post(AT, json={**EVENING, "jitter_s": 60}, headers=ops).json()
    at = f"{AT}/{made['id']}"
    change = {"cron": "30 7 * * *", "zone": "Asia/Singapore", "params": {"max_companies": 40}, "jitter_s": 0}
    seen = api.client.post(f"{at}/preview", params={"count": 3}, json=change, headers=ops).json()
    assert seen["changed"] == ["cron", "zone", "params", "jitter_s"]
    assert [each[10:] for each in seen["local"]] == ["T07:30:00+08:00"] * 3
    assert seen["fires_at"] == seen["utc"][0]
    assert api.client.get(at, headers=ops).json() == made
    written = "SELECT action FROM audit_log WHERE subject_type = 'schedule'"
    assert [row["action"] for row in api.rows(written)] == ["schedule.created"], "looking leaves no mark"
    changed = api.client.patch(at, json=change, headers=ops).json()
    assert (changed["upcoming"], changed["params"]) == (seen["utc"], seen["params"])
    assert api.client.post(f"{at}/preview", json=change, headers=ops).json()["changed"] == []
    paused = api.client.post(f"{at}/preview", json={"enabled": False}, headers=ops).json()
    assert (paused["changed"], paused["utc"], paused["fires_at"]) == (["enabled"], [], None)
    for wrong, code in [({"cron": "61 * * * *"}, "invalid_request"), ({"params": {"max_companies": 0}}, "bad_params")]:
        for answer in (
            api.client.post(f"{at}/preview", json=wrong, headers=ops),
            api.client.patch(at, json=wrong, headers=ops),
        ):
            assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert api.client.post(f"{at}/preview", json={}, headers=api.as_(Role.ANALYST)).status_code == 403
    assert api.client.post(f"{at}/preview", json={}, headers=api.as_(Role.OPS, ABROAD)).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cron": "61 * * * *"}, "invalid_request"),
        ({"cron": "0 0 31 2 *"}, "invalid_request"),
        ({"zone": "Mars/Olympus"}, "invalid_request"),
        ({"name": "No Blanks"}, "invalid_request"),
        ({"jitter_s": -1}, "invalid_request"),
        ({"catch_up": "twice"}, "invalid_request"),
        ({"params": {"max_companies": 0}}, "bad_params"),
        ({"params": {"nobody": 1}}, "bad_params"),
        ({"kind": "job", "params": {"job": "accounts.nothing"}}, "bad_params"),
        ({"kind": "rollup", "params": {"days": 400}}, "bad_params"),
        ({"kind": "cleanup", "params": {}}, "kind_of_the_house"),
        ({"params": {"icp_profile_id": "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"}}, "icp_not_found"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Served, change: dict[str, Any], code: str) -> None:
    answer = api.client.post(AT, json={**EVENING, **change}, headers=api.as_(Role.OPS))
    assert (answer.status_code, answer.json()["code"]) == (404 if code == "icp_not_found" else 400, code), answer.text
    assert api.count("schedules") == 0


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command of `headwater schedules`: its JSON, or what it said when it was to fail."""
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(*words: str, status: int = 0) -> Any:
        done = CliRunner().invoke(schedules_app, [*words, *([] if status or words[0] == "delete" else ["--json"])])
        assert done.exit_code == status, f"{done.output} {done.exception!r}"
        if status or words[0] == "delete":
            return f"{done.output} {done.exception!r}"
        return json.loads(done.stdout[done.stdout.index("{") :])

    return ask


def test_the_same_from_a_shell(headwater: Callable[..., Any]) -> None:
    # S0.19 R7
    words = ("--kind", "discovery", "--cron", "0 18 * * *", "--zone", "Africa/Johannesburg")
    made = headwater("create", "evening", *words, "--params", '{"max_companies": 5}', "--catch-up", "all")
    assert (made["cron"], made["params"], made["catch_up"]) == ("0 18 * * *", {"max_companies": 5}, "all")
    assert [each["name"] for each in headwater("list")["items"]] == ["evening"]
    assert headwater("next", "evening", "--count", "2")["local"][0].endswith("T18:00:00+02:00")
    assert headwater("pause", "evening")["enabled"] is False
    assert headwater("next", made["id"])["utc"] == []
    assert headwater("resume", "evening")["enabled"] is True
    assert headwater("change", "evening", "--cron", "0 19 * * *")["cron"] == "0 19 * * *"
    change = ("change", "evening", "--params", '{"max_companies": 9}', "--jitter-s", "60", "--paused")
    seen = headwater(*change, "--dry-run")
    assert (seen["changed"], seen["utc"]) == (["enabled", "params", "jitter_s"], [])
    assert headwater("list")["items"][0]["params"] == {"max_companies": 5}, "a dry run saves nothing"
    done = headwater(*change)
    assert (done["params"], done["jitter_s"], done["enabled"]) == ({"max_companies": 9}, 60, False)
    again = headwater("change", "evening", "--enabled", "--dry-run", "--count", "2")
    assert [each[11:19] for each in again["local"]] == ["19:00:00"] * 2
    assert headwater("fires", "evening") == {"items": [], "next_cursor": None}
    assert "evening is deleted" in headwater("delete", "evening")
    assert "schedule_not_found" in headwater("next", "evening", status=1)
    assert "minute" in headwater("create", "wrong", "--kind", "discovery", "--cron", "99 * * * *", status=1)
    assert headwater("list", "--tenant", "system") == {"items": [], "next_cursor": None}
    house = headwater("create", "cleaning", "--kind", "cleanup", "--cron", "@daily", "--tenant", "system")
    assert house["kind"] == "cleanup"
