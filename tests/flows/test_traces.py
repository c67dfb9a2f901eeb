"""One trace from a request to the vendors it led to, through API, outbox and worker, at a collector that is a server of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError

from contracts.settings import Settings
from front.logs import settings_problems
from tests.exchange.receiver import receiving
from tests.flows.collector import Collector, Told, collecting
from tests.flows.installation import PATIENCE_S, ROOT, Installation, until
from tests.front.programs import environment
from tests.providers.sandbox_fixture import KEY, RunningSandbox

pytestmark = pytest.mark.slow

JOBURG = "workwear manufacturers Johannesburg"
TOKEN = "collector-token-4d1f"
SIGNING = "a master key of the tests, long enough for it"


@dataclass
class Traced:
    """An installation whose API and worker tell the collector."""

    api: httpx.Client
    key: str
    collector: Collector
    house: Installation

    def run(self, **body: Any) -> tuple[str, str, dict[str, Any]]:
        """Ask for a run inside a trace of our own: (trace, our span, the run as it ended)."""
        trace, span = uuid4().hex, uuid4().hex[:16]
        headers = {"traceparent": f"00-{trace}-{span}-01", "tracestate": "tests=1"}
        answer = self.api.post("/v1/discovery/runs", json={"queries": [JOBURG], **body}, headers=headers)
        assert answer.status_code == 202, answer.text
        where = f"/v1/discovery/runs/{answer.json()['id']}"
        asyncio.run(until(lambda: self._over(where), PATIENCE_S, "the run does not end"))
        return trace, span, self.api.get(where).json()

    def _over(self, where: str) -> bool:
        return self.api.get(where).json()["status"] not in ("pending", "running")

    def told(self, trace: str, *names: str) -> list[Told]:
        """The spans of a trace, once these are among them and all but the first hang on one that came."""

        def whole() -> bool:
            spans = self.collector.of(trace)
            known = {span.id for span in spans}
            orphans = [span for span in spans if span.parent not in known]
            return set(names) <= {span.name for span in spans} and len(orphans) == 1

        asyncio.run(until(whole, PATIENCE_S, f"the trace never has {names}: {self.collector.of(trace)}"))
        return self.collector.of(trace)


@pytest.fixture(scope="module")
def traced(idle: Installation) -> Iterator[Traced]:
    with collecting() as collector:
        telling = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "WEBHOOK_SIGNING_KEY": SIGNING,
            "WEBHOOK_ALLOW_LOOPBACK": "true",
        }
        address = idle.start("api", "--port", "0", JWT_SECRET="of these tests, " * 4, **telling).ready
        idle.worker(**telling)
        made = subprocess.run(
            [sys.executable, "-m", "headwater", "keys", "create", "--tenant", "well-crafted", "--role", "ops", "--json"],
            env=idle.environment(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        key = json.loads(made.stdout)["key"]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(
            base_url=address.removeprefix("ready "), headers=headers, timeout=30, trust_env=False
        ) as client:
            yield Traced(client, key, collector, idle)


def _one(spans: list[Told], name: str, parent: Told | str) -> Told:
    above = parent if isinstance(parent, str) else parent.id
    (found,) = [span for span in spans if span.name == name and span.parent == above]
    return found


def test_a_request_its_events_jobs_and_vendor_calls_are_one_trace(traced: Traced, sandbox: RunningSandbox) -> None:
    # S4.06
    trace, ours, run = traced.run(channels=["register"], max_companies=10)
    assert run["status"] == "completed", run
    spans = traced.told(trace, "POST /v1/discovery/runs", "discovery.run", "discovery.fetch", "emit RunFinished")

    request = _one(spans, "POST /v1/discovery/runs", ours)
    assert (request.kind, request.service) == ("server", "headwater-api")
    assert (request.about["http.route"], request.about["http.response.status_code"]) == ("/v1/discovery/runs", 202)
    asked = _one(spans, "emit RunRequested", request)
    assert asked.kind == "producer"
    planned = _one(spans, "discovery.run", asked)
    assert (planned.kind, planned.service) == ("consumer", "headwater-worker")
    assert (planned.about["headwater.run_id"], planned.about["headwater.outcome"]) == (run["id"], "done")
    fetched = _one(spans, "discovery.fetch", _one(spans, "emit SliceReady", planned))
    (call,) = [span for span in spans if span.parent == fetched.id and span.kind == "client"]
    assert (call.service, call.failed) == ("headwater-worker", False)
    assert (call.about["headwater.vendor"], call.about["http.response.status_code"]) == ("gleif", 200)
    assert call.about["headwater.operation"]
    assert call.name == f"gleif {call.about['headwater.operation']}"


def test_a_vendor_that_fails_and_the_attempts_after_it_are_seen(traced: Traced, sandbox: RunningSandbox) -> None:
    # S4.06
    sandbox.fault("503", vendor="gleif", times=1)
    trace, _, run = traced.run(channels=["register"], queries=["cleaning companies Durban"], max_companies=5)
    assert run["status"] == "completed", run
    spans = traced.told(trace, "discovery.fetch", "emit RunFinished")
    calls = [span for span in spans if span.kind == "client"]
    bad = next(span for span in calls if span.failed)
    assert bad.about["http.response.status_code"] >= 500
    attempt = next(span for span in spans if span.id == bad.parent)
    assert attempt.about["headwater.outcome"] in ("failed", "snoozed")
    assert attempt.about["error.type"] == bad.about["error.type"]
    again = [span for span in spans if span.name == "discovery.fetch" and span.parent == attempt.parent]
    assert "done" in [span.about["headwater.outcome"] for span in again], "its next attempt stands beside it"


def test_a_lead_that_is_typed_in_is_one_trace_up_to_its_score(traced: Traced, sandbox: RunningSandbox) -> None:
    # S4.06 S2.17
    trace, ours = uuid4().hex, uuid4().hex[:16]
    lead = {"company_name": "Karoo Workwear", "country": "ZA", "domain": f"karoo-{ours}.co.za"}
    answer = traced.api.post("/v1/leads", json=lead, headers={"traceparent": f"00-{trace}-{ours}-01"})
    assert answer.status_code == 201, answer.text
    spans = traced.told(trace, "enrichment.run", "site crawl", "scoring.compute")
    request = _one(spans, "POST /v1/leads", ours)
    enriched = _one(spans, "enrichment.run", _one(spans, "emit LeadDiscovered", request))
    assert "site crawl" in {span.name for span in spans if span.parent == enriched.id and span.kind == "client"}
    seen = _one(spans, "features.compute", _one(spans, "emit LeadEnriched", enriched))
    _one(spans, "scoring.compute", _one(spans, "emit FeaturesComputed", seen))
    served = traced.house.log("request_served")
    assert [line["route"] for line in served if line.get("traceId") == trace] == ["/v1/leads"]


def test_what_a_tenants_address_is_told_is_in_the_trace_and_goes_on_there(
    traced: Traced, sandbox: RunningSandbox
) -> None:
    # S4.06: a refusal and the delivery after it hang on the event; the receiver is given the span that told it
    with receiving() as receiver:
        receiver.answers = [400]
        made = traced.api.post("/v1/webhook-endpoints", json={"url": receiver.url, "events": ["RunFinished"]})
        assert made.status_code == 201, made.text
        try:
            trace, _, run = traced.run(channels=["register"], queries=["bakers Durban"], max_companies=3)
            traced.told(trace, "emit RunFinished", "webhook RunFinished")
            asyncio.run(until(lambda: len(receiver.posts) > 1, PATIENCE_S, "it is not delivered again"))
            asyncio.run(
                until(lambda: _webhooks(traced.collector.of(trace)) == 2, PATIENCE_S, "the second is not told of")
            )
        finally:
            traced.api.delete(f"/v1/webhook-endpoints/{made.json()['id']}")
    spans = traced.collector.of(trace)
    (finished,) = [span for span in spans if span.name == "emit RunFinished"]
    told = [span for span in spans if span.name == "webhook RunFinished"]
    assert {(span.kind, span.service, span.parent) for span in told} == {("client", "headwater-worker", finished.id)}
    bad, good = sorted(told, key=lambda span: span.about["headwater.attempt"])
    assert (bad.failed, bad.about["http.response.status_code"], bad.about["headwater.outcome"]) == (
        True,
        400,
        "refused",
    )
    assert (good.failed, good.about["http.response.status_code"]) == (False, 200)
    assert (good.about["headwater.attempt"], good.about["headwater.outcome"]) == (2, "delivered")
    assert good.about["headwater.endpoint_id"] == made.json()["id"]
    assert [post.headers["traceparent"] for post in receiver.posts] == [
        f"00-{trace}-{span.id}-01" for span in (bad, good)
    ]
    assert not [post for post in receiver.posts if "tracestate" in post.headers]
    assert {post.told["data"]["runId"] for post in receiver.posts} == {run["id"]}
    for hidden in (receiver.url, "/hook", SIGNING, made.json()["secret"]):
        assert hidden.encode() not in traced.collector.raw, hidden


def _webhooks(spans: list[Told]) -> int:
    return sum(span.name == "webhook RunFinished" for span in spans)


def test_nothing_secret_and_nobodys_words_leave_with_a_span(traced: Traced, sandbox: RunningSandbox) -> None:
    # S4.06
    trace, _, _ = traced.run(channels=["google"], queries=["Mei Tan uniforms Bedok"], max_companies=5)
    traced.told(trace, "discovery.fetch", "emit RunFinished")
    collector = traced.collector
    assert collector.paths == {"/v1/traces"}
    assert {headers["authorization"] for headers in collector.headers} == {f"Bearer {TOKEN}"}
    for hidden in (traced.key, KEY, TOKEN, "Mei Tan", JOBURG, "http://", "postgresql://", str(ROOT)):
        assert hidden.encode() not in collector.raw, hidden
    assert not [span for span in collector.spans if span.name.endswith(("/healthz", "/readyz", "/metrics"))]


def test_what_a_command_asks_for_begins_a_trace_that_the_worker_goes_on_with(
    traced: Traced, idle: Installation
) -> None:
    # S4.06: told at the command's end, though batches leave every five seconds
    run_id = _asked_on_the_command_line(idle, traced.collector.url)
    (asked,) = [span for span in traced.collector.spans if span.service == "headwater-runs"]
    assert (asked.name, asked.parent) == ("emit RunRequested", "")
    _one(traced.told(asked.trace, "emit RunFinished"), "discovery.run", asked)
    assert {
        s.about["headwater.run_id"] for s in traced.collector.of(asked.trace) if s.name.startswith("discovery.")
    } == {run_id}


def test_a_collector_that_is_away_costs_nothing_but_spans(idle: Installation) -> None:
    # S4.06
    with collecting() as gone:
        away = gone.url
    assert _asked_on_the_command_line(idle, away)


def _asked_on_the_command_line(idle: Installation, collector: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "headwater", "runs", "create", "--query", JOBURG, "--channel", "register", "--json"],
        env={**idle.environment(), "OTEL_EXPORTER_OTLP_ENDPOINT": collector}, cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run_id: str = json.loads(done.stdout)["id"]
    return run_id


def test_without_the_setting_nothing_of_it_is_loaded() -> None:
    # S4.06
    program = (
        "import sys, headwater, api.server, worker.perform, worker.purchase, front.logs, db.spans\n"
        "assert not db.spans.tracer.on\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'requests'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.parametrize("address", ["localhost:4318", "ftp://collector", "http://user:secret@collector", "http://a b"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    # S4.06
    with pytest.raises(ValidationError) as refused:
        Settings(otel_exporter_otlp_endpoint=address)
    (told,) = settings_problems(refused.value)
    assert told.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")
    assert "secret" not in told
