"""Access under attack: stolen, spent, revoked and made-up credentials, and requests that pretend to be others."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import (
    ABROAD,
    HOME,
    JOB_SECRET,
    JWT_SECRET,
    PASSWORD,
    Served,
    email,
    serving,
)
from tests.api.test_access_tokens import claims_of, code
from tests.api.test_guards import operations
from tests.api.test_keys import create

RUNS = "/v1/discovery/runs"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def me(api: Served, token: str, client: httpx.Client | None = None) -> int:
    return (client or api.client).get("/v1/auth/me", headers=bearer(token)).status_code


def refresh(api: Served, token: str) -> httpx.Response:
    return api.client.post("/v1/auth/refresh", json={"refreshToken": token})


@pytest.mark.parametrize("generations", [1, 3])
def test_a_stolen_refresh_token_is_worth_nothing_once_both_have_used_it(api: Served, generations: int) -> None:
    # S2.16: whoever of thief and victim comes first, what either holds is dead when the second one comes
    stolen = api.login()["refreshToken"]
    first, held = stolen, list[str]()
    for _ in range(generations):
        pair = refresh(api, first).json()
        first = pair["refreshToken"]
        held.append(pair["accessToken"])
    assert me(api, held[-1]) == 200
    assert refresh(api, stolen).json()["code"] == "refresh_token_reused"
    assert refresh(api, first).status_code == 401
    assert {me(api, token) for token in held} == {401}


def test_thief_and_victim_at_the_same_moment_end_the_session(api: Served) -> None:
    # S2.16
    for _ in range(3):
        token = api.login()["refreshToken"]
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _, token=token: refresh(api, token), range(6)))
        won = [a.json() for a in answers if a.status_code == 200]
        assert len(won) <= 1
        for pair in won:
            assert me(api, pair["accessToken"]) == 401
            assert refresh(api, pair["refreshToken"]).status_code == 401


def test_one_kind_of_credential_is_not_taken_for_another(api: Served) -> None:
    tokens, key = api.login(), api.keys[HOME][Role.OWNER]
    assert me(api, tokens["refreshToken"]) == 401
    for wrong in (tokens["accessToken"], key, key.replace("hwk_", "hwr_"), JOB_SECRET):
        assert refresh(api, wrong).json()["code"] == "invalid_refresh_token"
    for wrong in (key, tokens["accessToken"], tokens["refreshToken"], PASSWORD, JWT_SECRET):
        assert api.client.get("/v1/auth/me", headers={"x-job-secret": wrong}).status_code == 401
    assert api.client.get("/v1/auth/me", params={"access_token": tokens["accessToken"]}).status_code >= 400
    for name in ("access_token", "accessToken", "session", "Authorization"):
        assert api.client.get("/v1/auth/me", headers={"Cookie": f"{name}={tokens['accessToken']}"}).status_code == 401


def _revoke(api: Served, key: dict[str, Any]) -> None:
    api.client.delete(f"/v1/keys/{key['id']}", headers=api.as_(Role.OWNER))


#: What an owner or operator does -> does the key survive it, does the session?
TAKEN: dict[str, tuple[Callable[[Served, dict[str, Any], dict[str, Any]], object], bool, bool]] = {
    "key revoked": (lambda api, key, _: _revoke(api, key), False, True),
    "key expired": (
        lambda api, key, _: api.rows("UPDATE api_keys SET expires_at = app.now() WHERE id = $1", key["id"]),
        False,
        True,
    ),
    "logout": (
        lambda api, _, login: api.client.post("/v1/auth/logout", headers=bearer(login["accessToken"])),
        True,
        False,
    ),
    "user disabled": (
        lambda api, _key, _: api.rows("UPDATE users SET disabled_at = app.now() WHERE role = 'viewer'"),
        True,
        False,
    ),
    "tenant closed": (
        lambda api, _key, _: api.rows("UPDATE tenants SET status = 'closed' WHERE slug = $1", HOME),
        False,
        False,
    ),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken_away_is_gone_in_every_process_and_every_open_stream(api: Served, what: str) -> None:
    # S2.16
    take, key_lives, session_lives = TAKEN[what]
    key, login = create(api, role="viewer"), api.login(Role.VIEWER)
    run = api.client.post(RUNS, json={}, headers=api.as_(Role.ANALYST)).json()["id"]
    with (
        serving(api.database_url) as (address, _),
        httpx.Client(base_url=address, timeout=30) as other,
        other.stream("GET", f"{RUNS}/{run}/events", headers=bearer(key["key"])) as by_key,
        other.stream("GET", f"{RUNS}/{run}/events", headers=bearer(login["accessToken"])) as by_session,
    ):
        streams = [(by_key.iter_lines(), key_lives), (by_session.iter_lines(), session_lives)]
        assert [next(lines) for lines, _ in streams] == ["event: progress"] * 2
        assert me(api, key["key"], other) == me(api, login["accessToken"], other) == 200
        take(api, key, login)
        assert (me(api, key["key"], other) == 200, me(api, login["accessToken"], other) == 200) == (
            key_lives,
            session_lives,
        )
        for lines, lives in streams:
            if not lives:  # it closes by itself, although the run has not ended
                assert "event: end" not in list(lines)
        api.rows("UPDATE runs SET status = 'cancelled', finished_at = app.now()")
        for lines, lives in streams:
            if lives:
                assert "event: end" in list(lines)


def test_a_closed_default_tenant_is_closed_for_those_who_do_not_name_it(api: Served) -> None:
    # R4 R16
    body = {"email": email(Role.OWNER), "password": PASSWORD}
    assert api.client.post("/v1/auth/login", json=body).status_code == 200
    api.rows("UPDATE tenants SET status = 'closed' WHERE slug = $1", HOME)
    refused = api.client.post("/v1/auth/login", json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    for headers in ({"x-job-secret": JOB_SECRET}, bearer(JOB_SECRET)):
        answer = api.client.get("/v1/auth/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "tenant_closed")
    api.rows("UPDATE tenants SET status = 'active' WHERE slug = $1", HOME)
    assert api.client.post("/v1/auth/login", json=body).status_code == 200


def test_a_key_cannot_hand_out_more_than_it_has(api: Served) -> None:
    # S2.16 R14
    for role in (Role.VIEWER, Role.ANALYST, Role.OPS):
        for wanted in ("viewer", "owner"):
            answer = api.client.post("/v1/keys", json={"name": "x", "role": wanted}, headers=api.as_(role))
            assert answer.status_code == 403, role
    narrowed = create(api, role="owner", scopes=["leads:write"])
    answer = api.client.post("/v1/keys", json={"name": "x", "role": "owner"}, headers=bearer(narrowed["key"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    # Nor more time: what a key makes is gone when the key is.
    brief = create(api, role="owner", expires_in_s=60)
    for asked in ({}, {"expires_in_s": 86_400}):
        made = api.client.post("/v1/keys", json={"name": "x", "role": "owner", **asked}, headers=bearer(brief["key"]))
        assert made.json()["expires_at"] == brief["expires_at"]
    shorter = create(api, role="owner", expires_in_s=3600)
    made = api.client.post("/v1/keys", json={"name": "x", "expires_in_s": 60}, headers=bearer(shorter["key"])).json()
    assert made["expires_at"] < shorter["expires_at"]


@pytest.mark.parametrize("claim", ["X-Tenant", "X-Tenant-Id", "X-Headwater-Tenant", "request.tenant_id", "Tenant"])
def test_a_tenant_or_role_is_never_taken_from_the_request(shared_api: Served, claim: str) -> None:
    # R18 R14
    abroad = shared_api.tenants[ABROAD]
    for value in (str(abroad.id), abroad.slug):
        headers = {**shared_api.as_(Role.VIEWER), claim: value, "X-Role": "owner", "X-User-Role": "owner"}
        shown = shared_api.client.get("/v1/auth/me", headers=headers)
        assert (shown.json()["tenantId"], shown.json()["role"]) == (str(shared_api.tenants[HOME].id), "viewer")
        for member in ("tenant_id", "tenantId", "tenant"):
            asked = shared_api.client.get("/v1/auth/me", headers=shared_api.as_(Role.VIEWER), params={member: value})
            assert str(abroad.id) not in asked.text.replace(value, "")
            answer = shared_api.client.post(
                RUNS, json={member: value}, headers={**shared_api.as_(Role.ANALYST), claim: value}
            )
            assert answer.status_code == 400


def test_a_login_never_takes_over_a_session_it_is_given(shared_api: Served) -> None:
    given = claims_of(shared_api)["sid"]
    body = {"email": email(Role.OWNER), "password": PASSWORD}
    headers = {"Cookie": f"session={given}; sid={given}", "X-Session-Id": given, "X-Request-Id": given}
    seen = {given}
    for _ in range(3):
        answer = shared_api.client.post("/v1/auth/login", json=body, headers=headers)
        assert "set-cookie" not in answer.headers
        seen.add(jwt.decode(answer.json()["accessToken"], options={"verify_signature": False})["sid"])
    assert len(seen) == 4
    assert shared_api.client.post("/v1/auth/login", json={**body, "sid": given}).status_code == 400


def _part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone-else"},
        {"aud": "headwater"},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
        {"iat": datetime.now(UTC) + timedelta(hours=1)},
        {"exp": "never"},
    ],
)
def test_claims_that_are_not_ours_open_nothing(shared_api: Served, changes: dict[str, Any]) -> None:
    assert code(shared_api, jwt.encode(claims_of(shared_api, **changes), JWT_SECRET, "HS256")) == "invalid_token"


def _headers() -> Iterator[object]:
    own = _part(b"own")
    yield {"alg": "HS256", "jwk": {"kty": "oct", "k": own}}
    yield {"alg": "HS256", "kid": "../../../../dev/null"}
    yield {"alg": "HS256", "kid": {"$ne": None}}
    yield {"alg": "HS256", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/keys"}
    yield {"alg": "HS256", "crit": ["b64"], "b64": False}
    odd: tuple[object, ...] = ([], {}, 7, None, "hs256", "RS256", "ES256", "HS256\x00", "\uff28S256")
    yield from ({"alg": alg} for alg in odd)
    yield from (b"[" * 40_000, b'{"alg":' * 3_000, b"\xff\xfe", b"", b"null", b"[]")


@pytest.mark.parametrize("header", list(_headers()), ids=range(len(list(_headers()))))
def test_a_header_chooses_neither_key_nor_algorithm(shared_api: Served, header: object) -> None:
    # S2.14 S2.16: signed with the empty key, the key it brings along, and the true claims
    claims = _part(claims_of(shared_api))
    for key in (b"", b"own"):
        signed = f"{_part(header)}.{claims}"
        signature = _part(jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), key))
        assert code(shared_api, f"{signed}.{signature}") == "invalid_token"


def _raw(api: Served, request: str) -> str:
    """What the server answers to these very bytes."""
    address = urlsplit(api.base_url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=30) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode("latin-1")


def test_a_narrowed_key_stays_narrow_whatever_the_address_looks_like(api: Served) -> None:
    key = create(api, role="owner", scopes=["leads:read"])["key"]
    for host in ("x/v1/auth/me?", "x/v1/leads?", "x/v1/leads#", "x/v1/leads/", "", "[", "\xe9"):
        for path in ("/v1/keys", "//v1/keys", "/v1/leads/../keys", "/v1/leads%2f..%2fkeys", "/V1/keys", "/v1/keys/"):
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
            status = _raw(api, request).split(" ")[1]
            assert status in ("400", "403", "404"), f"{path} at {host!r}: {status}"


def test_a_method_or_address_in_a_header_is_not_believed(api: Served) -> None:
    key = create(api)
    path = f"/v1/keys/{key['id']}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("GET", "POST"):
            answer = api.client.request(
                method, path, headers={**api.as_(Role.OWNER), name: "DELETE"}, params={"_method": "DELETE"}
            )
            assert answer.status_code == 405
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"):
        answer = api.client.get("/healthz", headers={**api.as_(Role.OWNER), name: "/v1/keys"})
        assert answer.json() == {"status": "ok"}
    assert me(api, key["key"]) == 200


def test_no_other_site_is_let_in(shared_api: Served) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method, path, _ in operations(shared_api):
        if "{" in path:
            continue
        for asked in (method, "OPTIONS"):
            answer = shared_api.client.request(asked, path, headers=origin)
            assert not [name for name in answer.headers if name.startswith("access-control-")], f"{asked} {path}"


def test_nothing_sent_becomes_a_header_of_the_answer(shared_api: Served) -> None:
    for value in ("a%0d%0aSet-Cookie: x=1", "a\tb", "x" * 65, "\xe9", "a b"):
        request = f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: {value}\r\nConnection: close\r\n\r\n"
        answer = _raw(shared_api, request).lower()
        assert answer.startswith("http/1.1 200")
        assert value.lower() not in answer.partition("\r\n\r\n")[0]
    folded = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n Set-Cookie: x=1\r\nConnection: close\r\n\r\n"
    assert "set-cookie" not in _raw(shared_api, folded).lower()
