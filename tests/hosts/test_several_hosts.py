"""An API and two workers on hosts of their own around one Postgres: each worker is cut off in turn, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.flows.installation import PATIENCE_S, ROOT, Installation, Process, until
from tests.hosts.network import Host, Kind, NoHosts, hosts
from tests.providers.sandbox_fixture import RunningSandbox

JOBURG = "workwear manufacturers Johannesburg"


@dataclass
class Elsewhere(Installation):
    """Processes of one host."""

    host: Host = field(kw_only=True)

    def environment(self) -> dict[str, str]:
        return self.host.seen_from(super().environment())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "headwater", *words],
            env=self.environment(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["loopback", "namespaces"])
def test_an_api_and_two_workers_on_hosts_of_their_own(
    kind: Kind, db_url: str, sandbox_server: RunningSandbox, tmp_path: Path
) -> None:
    # C.05: several hosts
    here = Installation(db_url, sandbox_server, tmp_path)
    assert "@127.0.0.1:" in here.environment()["DATABASE_URL"]
    try:
        with hosts(kind, ["api", "one", "two"], here.environment()) as made:
            front, one, two = (_at(host, db_url, sandbox_server, tmp_path / host.name) for host in made)
            try:
                _work(front, one, two)
            finally:
                for each in (front, one, two):
                    each.kill_all()
    except NoHosts as error:
        pytest.skip(str(error))


def _at(host: Host, url: str, sandbox: RunningSandbox, folder: Path) -> Elsewhere:
    folder.mkdir()
    return Elsewhere(url, sandbox, folder, prefix=host.prefix, host=host)


def _work(front: Elsewhere, one: Elsewhere, two: Elsewhere) -> None:
    secret = {"JWT_SECRET": "of these tests, " * 4}
    address = front.start("api", "--host", front.host.own, "--port", "0", **secret).ready.removeprefix("ready ")
    assert front.host.own in address
    made = front.run("keys", "create", "--tenant", "well-crafted", "--role", "ops", "--json")
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
    workers = {one.host.name: one.worker(), two.host.name: two.worker()}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        for away, there in ((one, two), (two, one)):
            away.host.cut_off()
            _completes(client, there)
            away.host.back()
            workers[away.host.name] = _supervised(away, workers[away.host.name])
    proof = front.run("outbox", "verify", "--json")
    assert (proof.returncode, json.loads(proof.stdout)["ok"]) == (0, True), proof.stdout + proof.stderr


def _completes(client: httpx.Client, there: Elsewhere) -> None:
    """A run that is asked for now is done by the only worker that is left."""
    asked = {"channels": ["register"], "queries": [JOBURG], "max_companies": 50}
    run_id = client.post("/v1/discovery/runs", json=asked).raise_for_status().json()["id"]

    def over() -> bool:
        return client.get(f"/v1/discovery/runs/{run_id}").json()["status"] not in ("pending", "running")

    asyncio.run(until(over, PATIENCE_S, f"the run does not end with {there.host.name} alone"))
    assert client.get(f"/v1/discovery/runs/{run_id}").json()["status"] == "completed"
    assert client.get("/readyz").status_code == 200


def _supervised(away: Elsewhere, worker: Process) -> Process:
    """A worker that was cut off for long has ended with an error, as it should, and its supervisor starts it again."""
    return worker if worker.popen.poll() is None else away.worker()
