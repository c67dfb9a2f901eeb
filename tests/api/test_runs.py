"""Runs over HTTP: asked for once, listed, inspected, watched and cancelled. Nobody works on them here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from typer.testing import CliRunner

from contracts.tenants import Role
from db.run_commands import runs_app
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.api.test_guards import snapshot
from tests.ui import planted

RUNS = "/v1/discovery/runs"


def ask(api: Served, body: dict[str, Any] | None = None, key: str | None = None, tenant: str = HOME) -> httpx.Response:
    headers = {**api.as_(Role.ANALYST, tenant), **({"Idempotency-Key": key} if key else {})}
    return api.client.post(RUNS, json=body or {}, headers=headers)


def get(api: Served, path: str, tenant: str = HOME, **query: Any) -> Any:
    answer = api.client.get(path, params=query, headers=api.as_(Role.VIEWER, tenant))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_run_is_born_pending_with_its_event(api: Served) -> None:
    # C.03 S2.03 R24
    answer = ask(api, {"channels": ["register"], "maxCompanies": 3})
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["Location"] == f"{RUNS}/{run['id']}"
    assert UUID(run["id"]).version == 7
    assert (run["status"], run["triggered_by"], run["params"]["max_companies"]) == ("pending", "api", 3)
    assert get(api, answer.headers["Location"]) | {"duration_s": None} == run
    events = api.rows("SELECT type, aggregate_id::text, payload FROM outbox_events")
    assert [(e["type"], e["aggregate_id"]) for e in events] == [("RunRequested", run["id"])]
    # On the wire an event speaks the documents' camelCase.
    assert json.loads(events[0]["payload"])["runId"] == run["id"]


def test_one_idempotency_key_is_one_run(api: Served) -> None:
    body = {"channels": ["register"], "max_companies": 3}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(api, body, "monday"), range(8)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 1
    spelt = ask(api, {"channels": ["register"], "maxCompanies": 3}, "monday")
    assert spelt.json()["id"] == answers[0].json()["id"]
    other = ask(api, {**body, "max_companies": 4}, "monday")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert ask(api, body, "monday", ABROAD).json()["id"] != answers[0].json()["id"]
    assert (api.count("runs"), api.count("outbox_events")) == (2, 2)


@pytest.mark.parametrize("key", ["a b", "x" * 256, "\u00fc"])
def test_an_impossible_key_is_refused_and_nothing_is_written(api: Served, key: str) -> None:
    headers = [(b"Authorization", api.as_(Role.ANALYST)["Authorization"].encode()), (b"Idempotency-Key", key.encode())]
    answer = api.client.post(RUNS, json={}, headers=headers)
    assert answer.status_code == 400
    assert api.count("runs") == 0


def test_what_is_not_there_is_named(api: Served) -> None:
    # S2.14
    nobody = str(uuid4())
    before = snapshot(api)
    for method, path, body, code in (
        ("GET", f"{RUNS}/{nobody}", None, "run_not_found"),
        ("GET", f"{RUNS}/{nobody}/timeline", None, "run_not_found"),
        ("GET", f"{RUNS}/{nobody}/records", None, "run_not_found"),
        ("GET", f"{RUNS}/{nobody}/events", None, "run_not_found"),
        ("GET", f"{RUNS}/{nobody}/verify", None, "run_not_found"),
        ("POST", f"{RUNS}/{nobody}/inspect", None, "run_not_found"),
        ("POST", f"{RUNS}/{nobody}/cancel", None, "run_not_found"),
        ("POST", RUNS, {"icpProfileId": nobody}, "icp_not_found"),
        ("POST", "/v1/leads", {"company_name": "A", "country": "ZA", "icp_profile_id": nobody}, "icp_not_found"),
        ("GET", f"/v1/leads/{nobody}", None, "lead_not_found"),
    ):
        answer = api.client.request(method, path, json=body, headers=api.as_(Role.ANALYST))
        assert (answer.status_code, answer.json()["code"]) == (404, code), f"{method} {path}"
    assert snapshot(api) == before


def test_runs_are_listed_page_by_page_and_filtered(api: Served) -> None:
    # S2.03 C.06
    modes = ("daily", "manual", "test", "manual", "daily")
    ids = [ask(api, {"mode": mode, "dry_run": mode == "test"}).json()["id"] for mode in modes]
    ask(api, tenant=ABROAD)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = get(api, RUNS, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (ids[::-1], None)
    for query, expected in (
        ({"mode": "daily"}, [ids[4], ids[0]]),
        ({"dry_run": True}, [ids[2]]),
        ({"status": ["pending", "running"]}, ids[::-1]),
        ({"status": "completed"}, []),
    ):
        assert [item["id"] for item in get(api, RUNS, **query)["items"]] == expected, query


def test_another_tenants_run_is_unknown(api: Served) -> None:
    # R18
    run_id = ask(api).json()["id"]
    for method, path in (
        ("GET", ""),
        ("GET", "/timeline"),
        ("GET", "/records"),
        ("POST", "/inspect"),
        ("POST", "/cancel"),
    ):
        answer = api.client.request(method, f"{RUNS}/{run_id}{path}", headers=api.as_(Role.OWNER, ABROAD))
        assert (answer.status_code, answer.json()["code"]) == (404, "run_not_found")
    assert get(api, f"{RUNS}/{run_id}")["status"] == "pending"


def test_what_a_run_read_is_listed_record_by_record(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # S1.07 C.06
    path = f"{RUNS}/{planted.run(api)}/records"
    seen, page = [], get(api, path, limit=4)
    while page["next_cursor"]:
        seen += page["items"]
        page = get(api, path, limit=4, cursor=page["next_cursor"])
    seen += page["items"]
    assert [record["id"] for record in seen] == sorted({record["id"] for record in seen}, reverse=True)
    assert len(seen) == 9
    assert {(record["company_name"], record["source"], record["vendor"]) for record in seen} == {
        ("Veld Overalls", "google", "tavily")
    }
    assert set(seen[0]) & {"payload", "external_id"} == set()
    assert len(get(api, path, status=["DISCOVERED", "ERROR"])["items"]) == 7
    assert [record["id"] for record in get(api, path, first_only=True)["items"]] == [seen[-1]["id"]]
    of_slice = get(api, path, slice_id=seen[-1]["slice_id"], status="DUPLICATE")["items"]
    assert [record["page"] for record in of_slice] == [2, 1]
    monkeypatch.setenv("DATABASE_URL", api.database_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    shell = CliRunner().invoke(runs_app, ["records", path.split("/")[-2], "--status", "DUPLICATE", "--json"])
    assert shell.exit_code == 0, shell.output
    assert [record["id"] for record in json.loads(shell.stdout)["items"]] == [record["id"] for record in of_slice]


def test_a_run_is_cancelled_once_and_by_name(api: Served) -> None:
    run_id = ask(api).json()["id"]
    for _ in range(2):
        answer = api.client.post(f"{RUNS}/{run_id}/cancel", headers=api.as_(Role.ANALYST))
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["stop_reason"]) == ("cancelled", "cancelled")
    said = api.rows("SELECT actor, subject_id FROM audit_log WHERE action = 'run.cancelled'")
    assert said == [{"actor": "key:analyst of tests", "subject_id": run_id}]
    # One that ended by itself stays as it ended.
    ended = ask(api).json()["id"]
    api.rows(
        "UPDATE runs SET status = 'completed', started_at = app.now(), finished_at = app.now() WHERE id = $1",
        UUID(ended),
    )
    refused = api.client.post(f"{RUNS}/{ended}/cancel", headers=api.as_(Role.ANALYST))
    assert (refused.status_code, refused.json()["code"]) == (409, "run_ended")
    assert get(api, f"{RUNS}/{ended}")["status"] == "completed"


def test_an_inspection_changes_nothing(api: Served) -> None:
    # S2.03
    run_id = ask(api, {"channels": ["register"]}).json()["id"]
    before = snapshot(api)
    shown = api.client.post(f"{RUNS}/{run_id}/inspect", headers=api.as_(Role.VIEWER))
    assert shown.status_code == 200
    assert shown.json()["run"]["id"] == run_id
    assert {"vendor_calls", "jobs", "records", "findings"} <= shown.json().keys()
    assert snapshot(api) == before


def _said(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event, data) of a stream of server-sent events."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_progress_is_told_until_the_run_ends(api: Served) -> None:
    run_id = ask(api).json()["id"]
    with api.client.stream("GET", f"{RUNS}/{run_id}/events", headers=api.as_(Role.VIEWER)) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = _said(stream.iter_lines())
        first = next(told)
        assert (first[0], first[1]["status"]) == ("progress", "pending")
        api.client.post(f"{RUNS}/{run_id}/cancel", headers=api.as_(Role.ANALYST))
        rest = list(told)  # the stream closes by itself
    assert [(name, data["status"]) for name, data in rest] == [("end", "cancelled")]
    with api.client.stream("GET", f"{RUNS}/{run_id}/events", headers=api.as_(Role.VIEWER)) as again:
        assert [name for name, _ in _said(again.iter_lines())] == ["end"]
