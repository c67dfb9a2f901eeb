"""The stand-in vendors: the same world every time, faults exactly as ordered, a bill that adds up."""

from __future__ import annotations

import ast
import json
import random
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import worker.providers.sandbox
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker import commands
from worker.providers.sandbox.box import Box, Latency
from worker.providers.sandbox.faults import KINDS
from worker.providers.sandbox.register import lei_records
from worker.providers.sandbox.web import search
from worker.providers.sandbox.world import LANDS, SEED, World

ASKED = {"query": "uniform suppliers Botswana", "max_results": 20, "include_usage": True}


def ask(sandbox: RunningSandbox, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {KEY}", **headers}
    return httpx.post(f"{sandbox.url}/search", json=ASKED, headers=sent, trust_env=False)


def test_two_sandboxes_with_one_seed_are_one_world_and_another_seed_is_another() -> None:
    def seen(seed: int) -> tuple[bytes, bytes]:
        world = World(seed)
        page = lei_records(world, {"filter[entity.legalAddress.country]": "BW"}, "http://x")
        return page.body, search(world, "google", KEY, json.dumps(ASKED).encode()).body

    assert seen(7) == seen(7)
    assert seen(7) != seen(8)


def test_every_domain_is_owned_once() -> None:
    world = World(7)
    domains = [company.domain for code in LANDS for company in world.companies(code)]
    assert len(set(domains)) == len(domains) > 3000


def test_no_wire_code_is_shared_with_the_adapters() -> None:
    folder = Path(worker.providers.sandbox.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("worker"):
                assert (node.module or "").startswith("worker.providers.sandbox"), path


def test_the_process_has_the_world_of_its_seed_says_when_it_is_ready_and_leaves_cleanly() -> None:
    command = [sys.executable, "-m", "headwater", "sandbox", "--port", "0", "--seed", "8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        word, url = process.stdout.readline().split()
        assert word == "ready"
        assert httpx.get(f"{url}/__control/requests", trust_env=False).json() == {
            "requests": [],
            "totals": {},
            "violations": {},
        }
        params = {"filter[entity.legalAddress.country]": "BW"}
        page = httpx.get(f"{url}/api/v1/lei-records", params=params, trust_env=False).content
        assert page == lei_records(World(8), params, url).body != lei_records(World(SEED), params, url).body
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
        assert (rest, process.returncode) == ("", 0)


def test_the_seed_is_told_in_its_help() -> None:
    said = CliRunner().invoke(commands.app, ["sandbox", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert said.exit_code == 0
    assert "--seed" in said.stdout
    assert f"default: {SEED}" in said.stdout


def drawn(seed: int, times: int = 20) -> list[float]:
    """Delays of a box with that seed, in milliseconds."""
    box = Box(World(seed))
    box.latency["tavily"] = Latency(ms=80, p99_ms=400, vendor="tavily")
    return [box._delay_ms("tavily") for _ in range(times)]


def test_one_seed_has_one_row_of_latencies_and_a_reset_begins_it_anew() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    box = Box(World(8))
    wish = Latency(ms=80, p99_ms=400)
    first = [wish.draw(box.luck) for _ in range(20)]
    box.clear()
    assert [wish.draw(box.luck) for _ in range(20)] == first == drawn(8)


@pytest.mark.parametrize(("ms", "p99_ms"), [(80, 400), (5, 6), (2_000, 30_000)])
@pytest.mark.parametrize("seed", [7, 8])
def test_latencies_have_the_median_and_the_last_hundredth_that_were_asked_for(
    ms: float, p99_ms: float, seed: int
) -> None:
    # At the law's own density, 60,000 draws put an estimate of the 99th percentile within 3 % of it in 2 standard deviations.
    luck, wish = random.Random(seed), Latency(ms=ms, p99_ms=p99_ms)
    delays = [wish.draw(luck) for _ in range(60_000)]
    assert statistics.median(delays) == pytest.approx(ms, rel=0.03)
    assert statistics.quantiles(delays, n=100)[98] == pytest.approx(p99_ms, rel=0.08)
    assert min(delays) > 0


def test_without_a_spread_every_answer_is_as_late_as_ordered() -> None:
    for wish in (Latency(ms=80), Latency(ms=80, p99_ms=80), Latency(ms=80, p99_ms=10)):
        assert {wish.draw(random.Random(seed)) for seed in range(20)} == {80}


def test_the_register_notes_who_comes_and_keeps_a_limit_that_is_set(sandbox: RunningSandbox) -> None:
    def come(times: int) -> list[httpx.Response]:
        return [httpx.get(f"{sandbox.url}/api/v1/lei-records", trust_env=False) for _ in range(times)]

    assert [answer.status_code for answer in come(3)] == [200, 200, 200]
    arrivals = sandbox._call("/__control/arrivals?vendor=gleif&operation=lei-records")["arrivals"]
    assert len(arrivals) == 3
    assert arrivals == sorted(arrivals)
    sandbox._call("/__control/limit", {"vendor": "gleif", "limit": 5, "seconds": 60})
    *fine, over = come(3)
    assert [answer.status_code for answer in fine] == [200, 200]
    assert over.status_code == 429
    assert 50 <= int(over.headers["retry-after"]) <= 60
    assert over.json()["errors"][0]["status"] == "429"
    assert over.headers["content-type"] == "application/vnd.api+json"
    assert sandbox._call("/__control/requests")["violations"] == {"gleif": 1}


def test_what_hunter_is_asked_again_is_billed_once(sandbox: RunningSandbox) -> None:
    # providers.md, section 10: the same query within the period costs nothing.
    def verify(address: str, key: str = "k") -> None:
        at, headers = f"{sandbox.url}/hunter/v2/email-verifier", {"X-API-KEY": key}
        while httpx.get(at, params={"email": address}, headers=headers, trust_env=False).status_code != 200:
            pass

    sandbox.fault("truncate", vendor="hunter")
    for _ in range(3):
        verify("one@example.com")
    assert sandbox.totals("hunter")["credits"] == 0.5
    verify("two@example.com")
    assert sandbox.totals("hunter")["credits"] == 1.0
    assert sorted(line["billed"] for line in sandbox.requests()) == [1, 1]
    verify("two@example.com", "somebody-elses")
    assert sandbox.totals("hunter")["credits"] == 1.5


def test_the_bill_counts_what_was_served_and_what_was_lost_on_the_way(sandbox: RunningSandbox) -> None:
    assert ask(sandbox).json()["usage"] == {"credits": 1}
    sandbox.fault("truncate")
    ask(sandbox)
    for kind in ("429", "500", "401"):
        sandbox.fault(kind)
        ask(sandbox)
    assert sandbox.totals("tavily") == {"requests": 5, "credits": 2.0, "repeated": 4}
    assert sandbox.requests()[0]["outcomes"] == {"200": 1, "truncate": 1, "429": 1, "500": 1, "401": 1}
    usage = httpx.get(f"{sandbox.url}/usage", trust_env=False).json()
    assert usage["key"]["usage"] == 2.0


def test_a_fault_hits_the_requests_it_names_as_often_as_ordered(sandbox: RunningSandbox) -> None:
    sandbox.fault("500", channel="keyword", skip=1, times=2)
    keyword = [ask(sandbox, **{"X-Project-ID": "headwater-keyword"}).status_code for _ in range(5)]
    google = [ask(sandbox, **{"X-Project-ID": "headwater-google"}).status_code for _ in range(2)]
    assert (keyword, google) == ([200, 500, 500, 200, 200], [200, 200])
    sandbox.fault("503", path="/api/", times=None)
    assert ask(sandbox).status_code == 200
    register = f"{sandbox.url}/api/v1/lei-records"
    assert [httpx.get(register, trust_env=False).status_code for _ in range(3)] == [503, 503, 503]
    sandbox.reset()
    assert httpx.get(register, trust_env=False).status_code == 200


def test_latency_is_added_to_one_vendor_only(sandbox: RunningSandbox) -> None:
    sandbox.latency(600, "tavily")
    assert ask(sandbox).elapsed.total_seconds() >= 0.6
    botswana = f"{sandbox.url}/api/v1/lei-records?filter[entity.legalAddress.country]=BW"
    assert httpx.get(botswana, trust_env=False).elapsed.total_seconds() < 0.6


@pytest.mark.parametrize("order", [{"kind": "explode"}, {"kind": "42"}, {"kind": "500", "tims": 1}, {}])
def test_an_order_with_a_typing_error_is_refused(sandbox: RunningSandbox, order: dict[str, Any]) -> None:
    answer = httpx.post(f"{sandbox.url}/__control/faults", json=order, trust_env=False)
    assert answer.status_code == 400
    assert httpx.get(f"{sandbox.url}/__control/faults", trust_env=False).json() == []


def test_every_kind_of_fault_can_be_ordered(sandbox: RunningSandbox) -> None:
    for kind in (*KINDS, "432"):
        sandbox.fault(kind)
    assert len(httpx.get(f"{sandbox.url}/__control/faults", trust_env=False).json()) == len(KINDS) + 1


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page[size]": "201"}, 400),
        ({"page[number]": "0"}, 400),
        ({"page[number]": "x"}, 400),
        ({"page[size]": "200", "page[number]": "51"}, 400),
        ({"filter[entity.legalname]": "x"}, 400),
        ({"page[size]": "200", "page[number]": "50"}, 200),
    ],
)
def test_the_register_refuses_what_gleif_refuses(sandbox: RunningSandbox, params: dict[str, str], status: int) -> None:
    answer = httpx.get(f"{sandbox.url}/api/v1/lei-records", params=params, trust_env=False)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/vnd.api+json"


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        ("none", ASKED, 401),
        ("sk-1", ASKED, 401),
        (KEY, {}, 422),
        (KEY, [], 422),
        (KEY, {"query": " "}, 400),
        (KEY, {"query": "x", "max_results": 21}, 400),
    ],
)
def test_web_search_refuses_what_tavily_refuses(sandbox: RunningSandbox, key: str, body: object, status: int) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{sandbox.url}/search", json=body, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert "detail" in answer.json()
    assert sandbox.totals("tavily")["credits"] == 0
