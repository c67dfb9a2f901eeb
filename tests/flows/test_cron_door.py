"""The cron door and `headwater discover` over a whole installation: asked, worked on, answered (S0.05, S0.17)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.flows.business import business
from tests.flows.installation import PATIENCE_S, ROOT, Desk, Installation

pytestmark = pytest.mark.slow

DOOR = "/api/jobs/discovery/run"
SECRET = "the secret of these tests"
#: What the stats of S0.02 name.
STATS = {
    "channelResults", "totalDiscovered", "totalAfterDedupe", "companiesCreated", "companiesSkipped", "contactsCreated",
    "contactsSkipped", "leadsCreated", "leadsSkipped", "errors", "durationMs", "config",
}  # fmt: skip


@pytest.fixture(scope="module")
def door(house: Installation) -> Iterator[httpx.Client]:
    environment = {"JWT_SECRET": "of these tests, " * 4, "CRON_JOB_SECRET": SECRET, "DISCOVERY_RUNNER_ENABLED": "true"}
    limits = {"DISCOVERY_CHANNELS": "register", "DISCOVERY_MAX_QUERIES": "2"}
    address = house.start("api", "--port", "0", **environment, **limits).ready.removeprefix("ready ")
    with httpx.Client(base_url=address, headers={"x-job-secret": SECRET}, timeout=60, trust_env=False) as client:
        yield client


def discover(house: Installation, *words: str, enabled: str = "true") -> tuple[int, Any]:
    """(exit status, its JSON or what it said)."""
    settings = {"DISCOVERY_RUNNER_ENABLED": enabled, "DISCOVERY_CHANNELS": "register", "DISCOVERY_MAX_QUERIES": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "headwater", "discover", *words, "--json"],
        env={**house.environment(), **settings}, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S * 2,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stderr


async def test_a_dry_run_counts_and_writes_nothing_then_a_real_one_does(door: httpx.Client, desk: Desk) -> None:
    # S0.05 S0.17 S0.18 R21 R24
    before = await business(desk)
    dry = await asyncio.to_thread(door.post, DOOR, json={"dryRun": True, "maxCompanies": 5})
    assert dry.status_code == 200, dry.text
    assert (dry.json()["success"], dry.json()["status"], dry.json()["dryRun"]) == (True, "completed", True)
    assert dry.json()["stats"].keys() >= STATS
    counts = await business(desk)
    # The queries of a run are noted when it is real only, knocks are counted.
    assert {k: v for k, v in counts.items() if k != "app.login_failures"} == {
        k: v for k, v in before.items() if k != "app.login_failures"
    }

    real = (await asyncio.to_thread(door.post, DOOR, json={"maxCompanies": 5})).json()
    assert (real["status"], real["dryRun"], real["stats"]["companiesCreated"]) == ("completed", False, 5)
    assert real["stats"]["config"]["maxCompanies"] == 5
    assert dry.json()["stats"]["companiesCreated"] == 5, "it foretold that"
    row = await desk.rows("SELECT status, mode, triggered_by, stats FROM app.runs WHERE id = $1", real["runId"])
    assert [(r["status"], r["mode"], r["triggered_by"]) for r in row] == [("completed", "daily", "cron")]
    assert json.loads(row[0]["stats"]) == real["stats"]


def test_discover_does_the_same_from_a_shell(house: Installation) -> None:
    # S0.17 R25 S0.01
    status, said = discover(house, "--dry-run", "--max-companies", "4")
    assert (status, said["success"], said["dryRun"], said["status"]) == (0, True, True, "completed")
    assert said["stats"].keys() >= STATS
    status, real = discover(house, "--real", "--max-companies", "4")
    assert (status, real["status"], real["stats"]["companiesCreated"]) == (0, "completed", 4)
    status, refused = discover(house, "--real", enabled="True")
    assert status == 1
    assert "DISCOVERY_RUNNER_ENABLED" in refused
    status, refused = discover(house)
    assert status == 2
    assert "--dry-run" in refused
