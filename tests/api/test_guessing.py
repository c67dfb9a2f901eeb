"""Guessing passwords, keys and users: what it costs, whom it locks out, and what the clock tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.tenants import Role
from db import access
from tests.api.server_fixture import ABROAD, HOME, PASSWORD, Served, email, served, settings_of_tests

LIMIT = 3


def behind_a_proxy(**changes: Any) -> Any:
    """Settings under which a test speaks from any address it likes."""
    return settings_of_tests(login_attempts=LIMIT, api_trusted_proxies="127.0.0.1", **changes)


def guess(api: Served, address: str, who: str = email(Role.OWNER), password: str = "a guess", **body: str) -> int:
    headers = {"X-Forwarded-For": address}
    body = {"email": who, "password": password, **body}
    return api.client.post("/v1/auth/login", json=body, headers=headers).status_code


def test_many_addresses_share_the_guesses_at_one_account(db_url: str) -> None:
    with served(db_url, behind_a_proxy()) as api:
        tried = [guess(api, f"203.0.113.{n}") for n in range(LIMIT + 2)]
        assert tried == [401] * LIMIT + [429] * 2
        # However it is written, and whether its tenant is named or not.
        for who, tenant in ((" OWNER@Example.com ", HOME), (email(Role.OWNER), HOME)):
            assert guess(api, "203.0.113.77", who, PASSWORD, tenant=tenant) == 429
        assert guess(api, "203.0.113.78", password=PASSWORD, tenant=ABROAD) == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8:1:2::1", "2001:db8:1:2:ffff::7", "2001:db8:1:2:1234:5678:9abc:def0", "2001:db8:1:2::ffff"],
        ["198.51.100.9", "::ffff:198.51.100.9", "198.51.100.9", "::ffff:c633:6409"],
        [f"10.9.8.{n}, 198.51.100.9" for n in range(4)],
        [f"127.0.0.1, {n}.1.1.1, 198.51.100.9" for n in range(4)],
    ],
    ids=["one IPv6 network", "IPv4 in IPv6", "made-up hops", "a proxy among made-up hops"],
)
def test_one_host_has_one_address_however_it_is_written(db_url: str, addresses: list[str]) -> None:
    with served(db_url, behind_a_proxy()) as api:
        tried = [guess(api, address, f"user{n}@example.com") for n, address in enumerate(addresses)]
        assert tried == [401] * LIMIT + [429]
        assert guess(api, "2001:db8:1:3::1", "user9@example.com") == 401


@pytest.mark.slow
def test_who_is_locked_out_keeps_what_is_open(db_url: str) -> None:
    """Promised: a stranger can keep you from logging in for a window, never from working on, and nobody beside you."""
    with served(db_url, behind_a_proxy()) as api:
        tokens = api.login()
        assert [guess(api, f"203.0.113.{n}") for n in range(LIMIT + 1)][-1] == 429
        assert guess(api, "192.0.2.1", password=PASSWORD) == 429
        refreshed = api.client.post("/v1/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
        assert refreshed.status_code == 200
        headers = {"Authorization": f"Bearer {refreshed.json()['accessToken']}"}
        assert api.client.get("/v1/auth/me", headers=headers).status_code == 200
        assert api.client.get("/v1/auth/me", headers=api.as_(Role.OWNER)).status_code == 200
        assert guess(api, "192.0.2.1", email(Role.VIEWER), PASSWORD) == 200


@pytest.mark.slow
def test_ones_own_logins_do_not_pay_for_guesses(db_url: str) -> None:
    with served(db_url, behind_a_proxy()) as api:
        tried = []
        for n in range(LIMIT + 1):
            assert guess(api, "203.0.113.5", email(Role.VIEWER), PASSWORD) == (200 if n < LIMIT else 429)
            tried.append(guess(api, "203.0.113.5", f"user{n}@example.com"))
        assert tried == [401] * LIMIT + [429]


@pytest.mark.slow
def test_guesses_at_another_address_or_account_are_not_counted_where_one_is_full(db_url: str) -> None:
    """A full address must not fill up accounts: its guesses were never tried."""
    with served(db_url, behind_a_proxy()) as api:
        for n in range(LIMIT):
            guess(api, "203.0.113.6", f"user{n}@example.com")
        for _ in range(LIMIT + 1):
            assert guess(api, "203.0.113.6") == 429
        assert guess(api, "203.0.113.7", password=PASSWORD) == 200


def _medians(asks: dict[str, Callable[[], httpx.Response]], rounds: int = 40) -> dict[str, float]:
    """Median seconds of each, asked in turns, so that a busy machine slows all alike."""
    took: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            began = time.perf_counter()
            assert ask().status_code == 401
            took[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in took.items()}


@pytest.mark.slow
@pytest.mark.alone
def test_the_clock_tells_nothing_about_keys_tokens_and_the_job_secret(shared_api: Served) -> None:
    # S2.16: only a hash is looked up, so a guess that is nearly right takes as long as one that is all wrong
    api, key = shared_api, shared_api.keys[HOME][Role.OWNER]
    refresh = api.login()["refreshToken"]
    nowhere = uuid4()

    def by_key(token: str) -> Callable[[], httpx.Response]:
        return lambda: api.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})

    def by_refresh(token: str) -> Callable[[], httpx.Response]:
        return lambda: api.client.post("/v1/auth/refresh", json={"refreshToken": token})

    def by_secret(secret: str) -> Callable[[], httpx.Response]:
        return lambda: api.client.get("/v1/auth/me", headers={"x-job-secret": secret})

    other = {"a": "b"}.get(key[-1], "a")
    for asks in (
        {
            "nearly": by_key(key[:-1] + other),
            "wrong": by_key(access.new_token("hwk", api.tenants[HOME].id)),
            "nowhere": by_key(access.new_token("hwk", nowhere)),
        },
        {
            "nearly": by_refresh(refresh[:-1] + {"a": "b"}.get(refresh[-1], "a")),
            "wrong": by_refresh(access.new_token("hwr", api.tenants[HOME].id)),
            "nowhere": by_refresh(access.new_token("hwr", nowhere)),
        },
        {"nearly": by_secret("the job secret of the testz"), "wrong": by_secret("x" * 27), "short": by_secret("x")},
    ):
        times = _medians(asks)
        assert max(times.values()) < 3 * min(times.values()), times


def test_secrets_are_looked_up_by_hash_alone(api: Served) -> None:
    """What is stored is SHA-256: two rows differ wherever their texts do, and no row says anything about a text."""
    for table, column in (("api_keys", "key_hash"), ("refresh_tokens", "token_hash")):
        api.login()
        stored = [bytes(row[column]) for row in api.rows(f"SELECT {column} FROM {table}")]
        assert stored
        assert {len(value) for value in stored} == {32}
    key = api.keys[HOME][Role.OWNER]
    assert access.fingerprint(key) in [bytes(r["key_hash"]) for r in api.rows("SELECT key_hash FROM api_keys")]
