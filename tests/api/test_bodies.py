"""Bad requests: refused with 400 or 413 and a stable code, and nothing is written."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import Served, served, settings_of_tests
from tests.api.test_guards import fill, operations, snapshot

JSON = {"Content-Type": "application/json"}
NONSENSE = {
    "malformed": b'{"name": ',
    "nul byte": b'{"name": "a\x00b"}',
    "not utf-8": b'{"name": "\xff\xfe"}',
    "a list": b"[1, 2]",
    "a word": b'"name"',
    "null": b"null",
    "a number": b"1e999",
    "deep": b"[" * 100_000,
    "deep and closed": b'{"name":' * 5000 + b"1" + b"}" * 5000,
    "unknown member": b'{"no_such_member": 1}',
    "nul escape": b'{"name": "a\\u0000b"}',
    "nul in a key": b'{"a\\u0000b": 1}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "endless integer": b'{"limit": ' + b"9" * 5000 + b', "name": 1, "email": 1, "refreshToken": 1}',
}
#: A value of the wrong kind for any member.
WRONG: tuple[Any, ...] = (10**30, -1, 1.5, True, "\u0007" * 100_000, [], {}, [[]], "x\u0000y")
KINDS: dict[type, set[str]] = {
    bool: {"boolean"},
    list: {"array"},
    dict: {"object"},
    int: set(),
    float: {"number"},
    str: set(),
}


def posts(api: Served) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Operations that take a JSON body: (method, path, schema of the body)."""
    document = api.client.get("/openapi.json").json()
    for method, path, operation in operations(api):
        ways = {name for way in operation.get("security", [{}]) for name in way}
        if ways and ways <= {"webhookSecret", "trengoSignature", "metaSignature", "metaVerifyToken"}:
            continue  # nobody's role opens it: test_staging.py and test_webhooks.py know the secrets
        if path.startswith("/api/jobs/"):
            continue  # their switch comes before their body: test_cron_door.py
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            yield method, path, resolve(document, content["application/json"]["schema"])


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for part in [schema, *schema.get("anyOf", [])]:
        if "$ref" in part:
            found: dict[str, Any] = document["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]]
            return found
    return schema


@pytest.mark.slow
def test_nonsense_is_refused_everywhere(api: Served) -> None:
    # S2.14
    before = snapshot(api)
    for method, path, _ in posts(api):
        for what, body in NONSENSE.items():
            if what == "null" and path == "/v1/auth/logout":
                continue  # its body is optional
            answer = api.client.request(method, fill(path), content=body, headers={**JSON, **api.as_(Role.OWNER)})
            assert answer.status_code in (400, 404), (
                f"{method} {path} took {what}: {answer.status_code} {answer.text[:300]}"
            )
            assert answer.headers["content-type"] == "application/problem+json"
            if answer.status_code == 400:
                assert answer.json()["code"] in ("invalid_request", "invalid_cursor"), (path, what, answer.text[:300])
    assert snapshot(api) == before


@pytest.mark.slow
def test_members_of_the_wrong_kind_are_refused_everywhere(api: Served) -> None:
    # S2.14: wrong types, unbounded integers, unbounded strings, each in a body that is right otherwise
    before = snapshot(api)
    taken = []
    for method, path, schema in posts(api):
        shown = {name: part["examples"][0] for name, part in schema.get("properties", {}).items() if "examples" in part}
        right = {**shown, **(schema.get("examples") or [{}])[0]}
        for member, part in schema.get("properties", {}).items():
            kinds = {option.get("type", "object") for option in part.get("anyOf", [part])}
            for value in WRONG:
                if KINDS[type(value)] & kinds and value in (True, 1.5, [], {}):
                    continue
                body = json.dumps({**right, member: value})
                answer = api.client.request(method, fill(path), content=body, headers={**JSON, **api.as_(Role.OWNER)})
                # What only the house may do is not there for a tenant's owner, whatever the body says.
                if answer.status_code != 400 and answer.json().get("code") != "house_only":
                    taken.append(f"{method} {path} {member}={value!r:.50}: {answer.status_code}")
    assert not taken, "\n".join(taken)
    assert snapshot(api) == before


def test_the_answer_does_not_repeat_what_was_sent(shared_api: Served) -> None:
    answer = shared_api.client.post("/v1/auth/login", json={"email": "hunter2", "password": ["hunter2"], "hunter": 3})
    assert answer.status_code == 400
    assert "hunter2" not in answer.text
    assert {e["where"] for e in answer.json()["errors"]} == {"body.email", "body.password", "body.hunter"}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=201", "limit=1e9", f"limit={'9' * 5000}", "cursor=%00", f"cursor={'x' * 501}"],
)
def test_queries_are_bounded(shared_api: Served, query: str) -> None:
    answer = shared_api.client.get(f"/v1/keys?{query}", headers=shared_api.as_(Role.OWNER))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_nul_in_the_path(shared_api: Served) -> None:
    answer = shared_api.client.delete("/v1/keys/%00", headers=shared_api.as_(Role.OWNER))
    assert answer.status_code == 400


def test_ten_megabytes_are_too_much(shared_api: Served) -> None:
    # S2.14
    before = snapshot(shared_api)
    large = b'{"name": "' + b"x" * 10_000_000 + b'"}'

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    for content in (large, chunks()):
        answer = shared_api.client.post("/v1/keys", content=content, headers={**JSON, **shared_api.as_(Role.OWNER)})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert snapshot(shared_api) == before


def test_a_body_of_the_limit_is_read(api: Served) -> None:
    limit = settings_of_tests().api_max_body_bytes
    exact = b'{"name": "x"' + b" " * (limit - 13) + b"}"
    assert len(exact) == limit
    headers = {**JSON, **api.as_(Role.OWNER)}
    assert api.client.post("/v1/keys", content=exact, headers=headers).status_code == 201
    assert api.client.post("/v1/keys", content=exact + b" ", headers=headers).status_code == 413


def test_a_large_limit_is_a_limit_not_a_scissor(db_url: str) -> None:
    # S2.14: more than is thrown away of a body that is too large
    with served(db_url, settings_of_tests(api_max_body_bytes=50_000_000)) as api:
        body = b'{"name": "x"' + b" " * 40_000_000 + b"}"
        headers = {**JSON, **api.as_(Role.OWNER)}
        assert api.client.post("/v1/keys", content=body, headers=headers).status_code == 201


def test_unknown_query_parameters_are_named(shared_api: Served) -> None:
    # S2.14: a misspelt filter must not show everything
    for path in ("/v1/leads?run=x", "/v1/outbox/events?typ=x", "/v1/jobs?states=dead", "/v1/keys?=1", "/v1/auth/me?x"):
        answer = shared_api.client.get(path, headers=shared_api.as_(Role.OWNER))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), path
        assert answer.json()["errors"][0]["where"].startswith("query."), path
    assert shared_api.client.get("/healthz?probe=1").status_code == 200


def _forged(*parts: object) -> str:
    return "cursor=" + base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "events?" + _forged("sent", "9999-12-31T23:59:59.999999-23:59", 1),
        "events?" + _forged("sent", "0001-01-01T00:00:00+23:59", 1),
        "events?" + _forged("sent", "2026-01-01T00:00:00Z", True),
        "verify?since=9999-12-31T23:59:59-23:59",
        "verify?until=9999-12-31T23:59:59-23:59",
    ],
)
def test_times_no_calendar_has(shared_api: Served, query: str) -> None:
    answer = shared_api.client.get(f"/v1/outbox/{query}", headers=shared_api.as_(Role.OWNER))
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text


def test_a_declared_giant_is_refused_unread(shared_api: Served) -> None:
    host, port = urlsplit(shared_api.base_url).hostname, urlsplit(shared_api.base_url).port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_body_that_trickles_is_cut_off(db_url: str) -> None:
    with served(db_url, settings_of_tests(api_body_timeout_s=0.3)) as api:
        host, port = urlsplit(api.base_url).hostname, urlsplit(api.base_url).port
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_form_is_told_to_be_json(shared_api: Served) -> None:
    answer = shared_api.client.post(
        "/v1/auth/login", content=b'{"email": "a@b.c"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 400
    assert "Content-Type: application/json" in answer.json()["detail"]


def test_a_client_that_leaves_harms_nobody(shared_api: Served) -> None:
    host, port = urlsplit(shared_api.base_url).hostname, urlsplit(shared_api.base_url).port
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert httpx.get(f"{shared_api.base_url}/healthz").status_code == 200
