"""Logging in, staying in, leaving, over real HTTP."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, PASSWORD, Served, email, served, settings_of_tests


def login(api: Served, **body: str) -> httpx.Response:
    return api.client.post("/v1/auth/login", json={"email": email(Role.OWNER), "password": PASSWORD, **body})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refresh(api: Served, token: str) -> httpx.Response:
    return api.client.post("/v1/auth/refresh", json={"refreshToken": token})


def test_password_for_tokens_that_work(api: Served) -> None:
    # S2.03 S2.16 R16 R24
    answer = login(api)
    assert answer.status_code == 200
    tokens = answer.json()
    assert {"accessToken", "refreshToken", "expiresAt"} <= tokens.keys()
    left = datetime.fromisoformat(tokens["expiresAt"]) - datetime.now(UTC)
    assert 800 < left.total_seconds() <= 900
    me = api.client.get("/v1/auth/me", headers=bearer(tokens["accessToken"])).json()
    assert (me["name"], me["role"], me["tenantId"]) == (email(Role.OWNER), "owner", str(api.tenants[HOME].id))


def test_tenant_is_chosen_by_slug(api: Served) -> None:
    # R16
    token = login(api, tenant=ABROAD).json()["accessToken"]
    assert api.client.get("/v1/auth/me", headers=bearer(token)).json()["tenantId"] == str(api.tenants[ABROAD].id)


def test_both_spellings_are_read(api: Served) -> None:
    # R24
    first = api.login()["refreshToken"]
    second = api.client.post("/v1/auth/refresh", json={"refresh_token": first})
    assert second.status_code == 200
    assert refresh(api, second.json()["refreshToken"]).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"email": "nobody@example.com"},
        {"password": "not the password"},
        {"tenant": "no-such-tenant"},
        {"email": "OWNER@EXAMPLE.ORG"},
    ],
)
def test_wrong_credentials_look_alike(api: Served, change: dict[str, str]) -> None:
    answer = login(api, **change)
    assert answer.status_code == 401
    assert {k: v for k, v in answer.json().items() if k != "request_id"} == {
        "type": "urn:headwater:problem:invalid_credentials",
        "title": "Unauthorized",
        "status": 401,
        "detail": "the e-mail address or the password is wrong",
        "code": "invalid_credentials",
    }


@pytest.mark.slow
def test_the_clock_does_not_tell_whether_a_user_exists(db_url: str) -> None:
    def took(api: Served, **change: str) -> float:
        began = time.perf_counter()
        login(api, **change)
        return time.perf_counter() - began

    with served(db_url, settings_of_tests(login_attempts=1000)) as api:
        wrong = [took(api, password="not the password") for _ in range(9)]
        unknown = [took(api, email="nobody@example.com") for _ in range(9)]
        nowhere = [took(api, tenant="no-such-tenant") for _ in range(9)]
    assert min(unknown) > min(wrong) * 0.6
    assert min(nowhere) > min(wrong) * 0.6


def test_email_is_read_in_any_case(api: Served) -> None:
    assert login(api, email="  Owner@Example.COM ").status_code == 200


def test_disabled_user_is_out_with_open_sessions(api: Served) -> None:
    # S2.16
    tokens = api.login(Role.ANALYST)
    api.rows("UPDATE users SET disabled_at = now() WHERE email = $1", email(Role.ANALYST))
    assert login(api, email=email(Role.ANALYST)).json()["code"] == "invalid_credentials"
    assert api.client.get("/v1/auth/me", headers=bearer(tokens["accessToken"])).status_code == 401
    assert refresh(api, tokens["refreshToken"]).status_code == 401


def test_used_refresh_token_that_comes_back_ends_the_session(api: Served) -> None:
    # S2.16
    first = api.login()
    second = refresh(api, first["refreshToken"]).json()
    assert api.client.get("/v1/auth/me", headers=bearer(second["accessToken"])).status_code == 200
    stolen = refresh(api, first["refreshToken"])
    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_token_reused")
    assert refresh(api, second["refreshToken"]).json()["code"] == "invalid_refresh_token"
    for token in (first["accessToken"], second["accessToken"]):
        assert api.client.get("/v1/auth/me", headers=bearer(token)).json()["code"] == "session_over"
    assert api.rows("SELECT detail FROM audit_log WHERE action = 'session.revoked'")


def test_one_of_many_simultaneous_refreshes_wins(api: Served) -> None:
    token = api.login()["refreshToken"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: refresh(api, token).status_code, range(8)))
    assert answers.count(200) <= 1
    assert set(answers) <= {200, 401}
    assert api.count("refresh_tokens") <= 2


@pytest.mark.parametrize("bare", [False, True])
def test_logout_ends_the_session(api: Served, bare: bool) -> None:
    # S2.16
    tokens = api.login()
    if bare:
        gone = api.client.post("/v1/auth/logout", json={"refreshToken": tokens["refreshToken"]})
    else:
        gone = api.client.post("/v1/auth/logout", headers=bearer(tokens["accessToken"]))
    assert gone.status_code == 204
    assert api.client.get("/v1/auth/me", headers=bearer(tokens["accessToken"])).status_code == 401
    assert refresh(api, tokens["refreshToken"]).status_code == 401
    again = api.client.post("/v1/auth/logout", json={"refreshToken": tokens["refreshToken"]})
    assert again.status_code == 204


def test_other_sessions_survive_a_logout(api: Served) -> None:
    leaving, staying = api.login(), api.login()
    api.client.post("/v1/auth/logout", headers=bearer(leaving["accessToken"]))
    assert api.client.get("/v1/auth/me", headers=bearer(staying["accessToken"])).status_code == 200


def test_refresh_token_of_another_tenant_does_not_fit(api: Served) -> None:
    # R18: the tenant in the token only says where to look
    token = api.login()["refreshToken"]
    moved = token.replace(api.tenants[HOME].id.hex, api.tenants[ABROAD].id.hex)
    assert refresh(api, moved).json()["code"] == "invalid_refresh_token"
    assert refresh(api, token).status_code == 200


def test_sessions_end_when_their_time_is_over(api: Served) -> None:
    tokens = api.login()
    api.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert api.client.get("/v1/auth/me", headers=bearer(tokens["accessToken"])).json()["code"] == "session_over"
    assert refresh(api, tokens["refreshToken"]).json()["code"] == "invalid_refresh_token"


def test_failures_throttle_the_account(db_url: str) -> None:
    with served(db_url, settings_of_tests(login_attempts=3)) as api:
        assert [login(api, password="wrong one").status_code for _ in range(4)] == [401, 401, 401, 429]
        right = login(api)
        assert (right.status_code, right.json()["code"]) == (429, "throttled")
        assert 1 <= int(right.headers["retry-after"]) <= 900


def test_failures_throttle_the_address_across_accounts_and_tenants(db_url: str) -> None:
    with served(db_url, settings_of_tests(login_attempts=3)) as api:
        tried = [
            login(api, email=f"user{n}@example.com", tenant=tenant).status_code
            for n, tenant in enumerate((HOME, ABROAD, "no-such-tenant", HOME))
        ]
        assert tried == [401, 401, 401, 429]


@pytest.mark.parametrize(("proxies", "last"), [("", 429), ("127.0.0.1", 401)])
def test_a_forwarded_address_counts_only_from_a_trusted_proxy(db_url: str, proxies: str, last: int) -> None:
    with served(db_url, settings_of_tests(login_attempts=3, api_trusted_proxies=proxies)) as api:
        for n in range(4):
            body = {"email": f"user{n}@example.com", "password": "a guess"}
            answer = api.client.post("/v1/auth/login", json=body, headers={"X-Forwarded-For": f"203.0.113.{n}"})
    assert answer.status_code == last


def test_simultaneous_guesses_do_not_slip_under_the_limit(db_url: str) -> None:
    with served(db_url, settings_of_tests(login_attempts=3)) as api, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: login(api, password=f"guess {n}").status_code, range(12)))
    assert sorted(answers) == [401] * 3 + [429] * 9


def test_successes_are_not_counted(db_url: str) -> None:
    with served(db_url, settings_of_tests(login_attempts=2)) as api:
        assert [login(api).status_code for _ in range(5)] == [200] * 5


def test_nothing_readable_is_stored(api: Served) -> None:
    tokens = api.login()
    login(api, email="nobody@example.com")
    secret = tokens["refreshToken"].encode().hex()
    key = api.keys[HOME][Role.OWNER].encode().hex()
    for table in ("users", "sessions", "refresh_tokens", "api_keys", "login_failures", "audit_log"):
        text = str(api.rows(f"SELECT t::text FROM {table} t"))
        for hidden in (PASSWORD, tokens["refreshToken"], secret, key, "nobody@example.com", "127.0.0.1"):
            assert hidden not in text, f"{table} holds {hidden}"
    assert api.rows("SELECT password_hash FROM users")[0]["password_hash"].startswith("$argon2id$")
