"""From a REST call to leads: API, worker and vendors as processes of their own (C.03 C.06)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.flows.installation import PATIENCE_S, ROOT, Installation, until
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.slow

JOBURG = "workwear manufacturers Johannesburg"


@pytest.fixture(scope="module")
def api(house: Installation) -> Iterator[httpx.Client]:
    """A client with the key of an operator, made on the command line."""
    address = house.start("api", "--port", "0", JWT_SECRET="of these tests, " * 4).ready.removeprefix("ready ")
    made = subprocess.run(
        [sys.executable, "-m", "headwater", "keys", "create", "--tenant", "well-crafted", "--role", "ops", "--json"],
        env=house.environment(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def _ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    def over() -> bool:
        return api.get(f"/v1/discovery/runs/{run_id}").json()["status"] not in ("pending", "running")

    asyncio.run(until(over, PATIENCE_S, f"run {run_id} does not end"))
    found: dict[str, Any] = api.get(f"/v1/discovery/runs/{run_id}").json()
    return found


def test_a_call_becomes_leads(api: httpx.Client, sandbox: RunningSandbox) -> None:
    # S2.03 S2.04 S0.08 C.05
    asked = {"channels": ["register", "google"], "queries": [JOBURG], "max_companies": 200}
    answer = api.post("/v1/discovery/runs", json=asked, headers={"Idempotency-Key": "monday"})
    assert answer.status_code == 202, answer.text
    run_id = answer.json()["id"]
    assert answer.headers["Location"].endswith(run_id)
    again = api.post("/v1/discovery/runs", json=asked, headers={"Idempotency-Key": "monday"})
    assert again.json()["id"] == run_id

    run = _ended(api, run_id)
    assert (run["status"], run["error"]) == ("completed", None)
    assert run["stats"]["leadsCreated"] == run["counts"]["leads_created"] >= 20
    leads = api.get("/v1/leads", params={"limit": 200}).json()["items"]
    assert len(leads) == run["counts"]["leads_created"]
    assert {lead["status"] for lead in leads} == {"new"}
    history = api.get(f"/v1/leads/{leads[0]['id']}").json()
    assert history["discovery_records"]

    moments = api.get(f"/v1/discovery/runs/{run_id}/timeline").json()["moments"]
    assert {"run", "event", "execution", "vendor_call", "slice", "lead"} <= {m["what"] for m in moments}  # B.02
    sent = api.get("/v1/outbox/events", params={"correlation_id": run_id, "limit": 200}).json()["items"]
    assert {e["type"] for e in sent} >= {"RunRequested", "SliceReady", "LeadDiscovered", "RunFinished"}
    assert {e["status"] for e in sent} == {"sent"}
    read = api.post(f"/v1/discovery/runs/{run_id}/inspect").json()
    assert {call["vendor"] for call in read["vendor_calls"]} == {"gleif", "tavily"}
    assert set(read["jobs"]) == {"done"}
    assert sum(read["records"].values()) == run["counts"]["discovered"]


def test_a_typed_lead_is_there_at_once_and_only_once(api: httpx.Client, house: Installation) -> None:
    # S2.19
    body = {"company_name": "Typed Clothing Ltd", "country": "ZA", "domain": "typed-clothing.co.za"}
    made = api.post("/v1/leads", json=body)
    assert made.status_code == 201, made.text
    refused = api.post("/v1/leads", json=body)
    assert refused.status_code == 409
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert (refused.json()["code"], refused.json()["lead_id"]) == ("lead_already_exists", made.json()["id"])

    def sent() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.get("/v1/outbox/events", params={"aggregate_id": made.json()["id"]}).json()[
            "items"
        ]
        return [event for event in found if event["status"] == "sent"]

    asyncio.run(until(lambda: bool(sent()), PATIENCE_S, "the lead's event is not sent"))
    # Somebody waits for it: it is enriched at once (S2.19).
    (event,) = sent()
    assert event["type"] == "LeadDiscovered"
    (follows,) = api.get(f"/v1/outbox/events/{event['event_id']}").json()["executions"]
    assert follows["job"] == "enrichment.run"


def test_the_shell_proves_that_nothing_was_lost(api: httpx.Client, house: Installation) -> None:
    # B.01
    proof = subprocess.run(
        [sys.executable, "-m", "headwater", "outbox", "verify", "--json"],
        env=house.environment(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert proof.returncode == 0, proof.stderr
    found = json.loads(proof.stdout)
    assert (found["ok"], found["lost"], found["doubled"]) == (True, 0, 0)
    assert found["events"] > 20


def test_processes_leave_when_they_are_asked_to(house: Installation, api: httpx.Client) -> None:
    # S2.17: last, since nobody is left afterwards
    assert [process.stop() for process in house.processes] == [0] * len(house.processes)
    assert api.is_closed is False
