"""The whole OpenAPI document, asked for by Schemathesis: what fits it and what does not, as everybody, with ids that exist."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import JsonSchemaError
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, JOB_SECRET, ROLES
from tests.conftest import Databases
from tests.fuzz.door import Door, standing

#: What the document promises about answers. Whether data that fit are taken is for the tests of each route to say.
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Answers without an end: only runs that have ended are followed.
ENDLESS = "GET /v1/discovery/runs/{run_id}/events"
#: Headers a proxy, a tracer or an attacker might add.
NOISE = st.fixed_dictionaries(
    {},
    optional={
        "Idempotency-Key": st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=300),
        "traceparent": st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=600),
        "X-Request-Id": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100),
        "Accept": st.sampled_from(["text/html", "*/*", "application/xml;q=0.9", "no/such/type", "", ";;;"]),
        "X-Forwarded-For": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100),
        "Expect": st.sampled_from(["200-ok", "a pony"]),
    },
)


@dataclass
class Record:
    """What was sent, and what came back that should not have."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def blame(self, operation: str, what: str, how: str) -> None:
        self.wrong.setdefault(f"{operation}: {what}", how)


@dataclass
class Asker:
    """Sends cases as a drawn caller, half of them to ids that exist here or at another tenant."""

    door: Door
    record: Record
    session: requests.Session
    ids: dict[str, list[str]]
    ended: list[str]
    foreign: set[str]

    def callers(self) -> list[dict[str, str]]:
        odd = [
            "Bearer",
            "Bearer \xff\xfe",
            "Basic YTpi",
            f"Bearer hwk_{'0' * 32}_{'a' * 43}",
            "Bearer a.b.c",
            "x" * 9000,
        ]
        return [
            *(self.door.as_(role) for role in (*ROLES, Role.OWNER, Role.OWNER)),
            {"x-job-secret": JOB_SECRET},
            {},
            *({"Authorization": each} for each in odd),
        ]

    def ask(self, case: Case[Any], caller: dict[str, str], noise: dict[str, str], known: int | None) -> None:
        label = case.operation.label
        self._address(case, label, known)
        strange = self.foreign.intersection(map(str, (case.path_parameters or {}).values()))
        given_headers = {name: value for name, value in noise.items() if name not in (case.headers or {})}
        headers = {name: value.encode("latin-1") for name, value in {**given_headers, **caller}.items()}
        self.record.sent[label] += 1
        try:
            answer = case.call(base_url=self.door.base_url, session=self.session, headers=headers, timeout=60)
            self.record.statuses[answer.status_code] += 1
            if not _unread(answer):
                case.validate_response(answer, checks=CHECKS, headers=headers)
        except FailureGroup as failures:
            for each in failures.exceptions:
                self.record.blame(label, type(each).__name__, f"{each}\n{case.as_curl_command()}"[:1500])
            return
        except (requests.RequestException, JsonSchemaError) as error:
            self.record.blame(label, type(error).__name__, f"{error}\n{case.as_curl_command()}"[:1500])
            return
        if strange and answer.status_code < 400:
            self.record.blame(label, "another tenant's row", answer.text[:500])
        if answer.status_code >= 500:
            self.record.blame(label, str(answer.status_code), f"{answer.text}\n{case.as_curl_command()}"[:1500])
        if answer.status_code >= 400:
            problem = answer.json()
            whole = {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
            if not whole or problem["status"] != answer.status_code:
                self.record.blame(label, "no problem document", answer.text[:500])

    def _address(self, case: Case[Any], label: str, known: int | None) -> None:
        for name in case.path_parameters or {}:
            there = self.ended if label == ENDLESS else self.ids.get(name, [])
            if there and (known is not None or label == ENDLESS):
                case.path_parameters[name] = there[(known or 0) % len(there)]


def _unread(answer: Any) -> bool:
    """Was it refused as no HTTP at all? Then no route has seen it, and none added members of its own."""
    if answer.status_code != 400 or "json" not in "".join(answer.headers.get("content-type", ())):
        return False
    problem = answer.json()
    return isinstance(problem, dict) and problem.get("code") == "invalid_http"


def seeded(door: Door) -> tuple[dict[str, list[str]], list[str], set[str]]:
    """Runs, leads and events of both tenants: ids by path parameter, runs that have ended, and what is the other tenant's."""
    runs: list[str] = []
    ended: list[str] = []
    leads: list[str] = []
    for tenant, number in itertools.product((HOME, ABROAD), range(2)):
        headers = door.as_(Role.OWNER, tenant)
        made = door.client.post("/v1/discovery/runs", json={"channels": ["register"]}, headers=headers).json()["id"]
        runs.append(made)
        if number == 0:
            assert door.client.post(f"/v1/discovery/runs/{made}/cancel", headers=headers).status_code == 200
            ended.append(made)
        lead = {"company_name": f"Firm {number}", "domain": f"firm{number}.example"}
        leads.append(door.client.post("/v1/leads", json=lead, headers=headers).json()["id"])
    found = door.rows("SELECT event_id, tenant_id FROM outbox_events ORDER BY id")
    events = [str(row["event_id"]) for row in found]
    theirs = {str(row["event_id"]) for row in found if row["tenant_id"] == door.tenants[ABROAD].id}
    ids = {"run_id": runs, "lead_id": leads, "event_id": events, "job_id": events}
    return ids, ended, {*theirs, *runs[2:], *leads[2:]}


def send(door: Door, cases_an_operation: int) -> tuple[Record, set[str]]:
    """Ask every operation that often in both ways. Gives what happened, and the labels of all operations."""
    ids, ended, foreign = seeded(door)
    theirs = door.belongings(ABROAD)
    record = Record()
    schema = schemathesis.openapi.from_url(f"{door.base_url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    with requests.Session() as session:
        asker = Asker(door, record, session, ids, ended, foreign)
        for operation, mode in itertools.product(operations, GenerationMode):
            if mode.is_negative and not takes_data(operation):
                continue  # there is nothing about it to get wrong
            ask_many(asker, operation, mode, cases_an_operation)
    assert door.belongings(ABROAD) == theirs, "a tenant that took no part has other rows than before"
    return record, {operation.label for operation in operations}


def takes_data(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    return bool(list(operation.iter_parameters()) or operation.body)


def ask_many(asker: Asker, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, cases: int) -> None:
    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        caller=st.sampled_from(asker.callers()),
        noise=NOISE,
        known=st.none() | st.integers(0, 7),
    )
    def ask(case: Case[Any], caller: dict[str, str], noise: dict[str, str], known: int | None) -> None:
        asker.ask(case, caller, noise, known)

    ask()


@pytest.fixture
def patient_door(databases: Databases, template: str, tmp_path: Path) -> Iterator[Door]:
    """Whoever guesses passwords all the time is not throttled here."""
    url = databases.create(template)
    with standing(
        url, tmp_path / "api.log", LOGIN_ATTEMPTS="1000", LOGIN_WINDOW_S="1", JOB_DOOR_CALLS="100000"
    ) as door:
        yield door
    databases.drop(url)


def holds_after(door: Door, cases_an_operation: int) -> Record:
    """Send, then look at what must be true."""
    record, labels = send(door, cases_an_operation)
    assert not record.wrong, "\n\n".join(f"{what}\n{how}" for what, how in record.wrong.items())
    assert record.sent.keys() == labels, "not every operation was asked"
    assert {200, 202, 400, 401, 403, 404} <= record.statuses.keys()
    door.still_stands()
    return record


@pytest.mark.slow
def test_what_is_no_http_is_told_from_what_a_route_refused(patient_door: Door) -> None:
    # S2.14
    schema = schemathesis.openapi.from_url(f"{patient_door.base_url}/openapi.json")
    case = schema["/api/jobs/process"]["POST"].Case()
    with requests.Session() as session:
        answers = [
            case.call(base_url=patient_door.base_url, session=session, headers=headers)
            for headers in ({"a b": "c"}, {"authorization": "Bearer nobody"})
        ]
    assert [_unread(answer) for answer in answers] == [True, False]


@pytest.mark.slow
def test_a_sample_of_everything_gets_the_answer_the_document_promises(patient_door: Door) -> None:
    # S2.14
    record = holds_after(patient_door, 3)
    assert record.sent.total() >= 300


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_ten_thousand_requests_get_the_answers_the_document_promises(patient_door: Door) -> None:
    # S2.14: and a tenant that takes no part loses nothing
    record = holds_after(patient_door, 32)
    assert record.sent.total() >= 10_000
