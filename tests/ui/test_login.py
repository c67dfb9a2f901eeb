"""Into the console: cookies that scripts cannot read, sessions that renew themselves, and out again."""

from __future__ import annotations

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served, email, served, settings_of_tests
from tests.ui.visitors import Visitor


def test_a_stranger_is_sent_to_the_login_and_comes_back(visitor: Visitor) -> None:
    # S2.16 S2.17
    away = visitor.get("/ui/runs", status="failed")
    assert (away.status_code, away.headers["location"]) == (303, "/ui/login?next=%2Fui%2Fruns%3Fstatus%3Dfailed")
    assert "Log in" in visitor.get(away.headers["location"]).text
    inside = visitor.log_in(Role.VIEWER, next="/ui/runs?status=failed")
    assert (inside.status_code, inside.headers["location"]) == (303, "/ui/runs?status=failed")
    page = visitor.get("/ui/runs")
    assert page.status_code == 200
    assert HOME in page.text
    assert email(Role.VIEWER) in page.text
    assert visitor.get("/ui/login").headers["location"] == "/ui"


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(visitor: Visitor) -> None:
    # S2.16
    cookies = visitor.log_in().headers.get_list("set-cookie")
    assert {c.partition("=")[0] for c in cookies} == {"hw_access", "hw_refresh"}
    for cookie in cookies:
        assert {"httponly", "samesite=strict", "path=/ui"} <= {part.strip().lower() for part in cookie.split(";")}


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "wrong"},
        {"email": "nobody@example.com"},
        {"tenant": ABROAD + "-not"},
        {"email": "not an address"},
        {"tenant": "Not A Slug"},
    ],
)
def test_a_wrong_login_says_so_and_keeps_what_was_typed(visitor: Visitor, fields: dict[str, str]) -> None:
    answer = visitor.log_in(**fields)  # type: ignore[arg-type]
    assert answer.status_code in (400, 401)
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert (fields.get("email") or email(Role.OPS)) in answer.text


@pytest.mark.parametrize(
    "way",
    [
        "//evil.example",
        "https://evil.example/ui",
        "/ui/../../x",
        "/v1/keys",
        "javascript:alert(1)",
        "/ui\\@evil",
        "/ui/login",
    ],
)
def test_a_login_leads_nowhere_but_into_the_console(visitor: Visitor, way: str) -> None:
    target = visitor.log_in(next=way).headers["location"]
    assert target == "/ui" or target.startswith("/ui/..")
    assert "evil" not in target


def test_a_login_from_another_site_is_refused(visitor: Visitor) -> None:
    answer = visitor.send("/ui/login", {"email": "a@b.c", "password": "x"}, Origin="https://evil.example")
    assert answer.status_code == 403
    assert "another site" in answer.text


@pytest.mark.slow
def test_too_many_wrong_logins_are_throttled(db_url: str) -> None:
    with served(db_url, settings_of_tests(login_attempts=2)) as api, Visitor.at(api) as visitor:
        seen = [visitor.log_in(password="wrong").status_code for _ in range(3)]
        assert seen == [401, 401, 429]


def test_logging_out_ends_the_session_everywhere(visitor: Visitor) -> None:
    visitor.log_in()
    token = visitor.client.cookies["hw_access"]
    assert visitor.api.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    kept = dict(visitor.client.cookies)
    assert visitor.send("/ui/logout").headers["location"] == "/ui/login"
    assert visitor.get("/ui").status_code == 303
    assert visitor.api.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    visitor.client.cookies.update(kept)
    assert visitor.get("/ui").status_code == 303


def test_an_access_token_that_is_over_is_renewed_and_two_tabs_stay_in(visitor: Visitor) -> None:
    visitor.log_in()
    refresh = visitor.client.cookies["hw_refresh"]
    visitor.client.cookies.delete("hw_access")
    assert visitor.get("/ui/runs").status_code == 200
    assert visitor.client.cookies["hw_refresh"] != refresh
    # The other tab sends what the browser had before.
    with Visitor.at(visitor.api) as tab:
        tab.client.cookies.set("hw_refresh", refresh, path="/ui")
        assert tab.get("/ui").status_code == 200
    assert visitor.get("/ui").status_code == 200


def test_a_refresh_token_used_long_ago_ends_the_session(api: Served) -> None:
    with Visitor.at(api) as visitor, Visitor.at(api) as thief:
        visitor.log_in()
        refresh = visitor.client.cookies["hw_refresh"]
        visitor.client.cookies.delete("hw_access")
        visitor.get("/ui")
        api.rows(
            "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL RETURNING 1"
        )
        thief.client.cookies.set("hw_refresh", refresh, path="/ui")
        assert thief.get("/ui").status_code == 303
        assert visitor.get("/ui").status_code == 303


def test_a_link_from_another_site_finds_the_way(visitor: Visitor) -> None:
    """Strict cookies do not come along the first time: our own page asks again."""
    first = visitor.client.get("/ui/runs?status=failed", headers={"Sec-Fetch-Site": "cross-site"})
    assert first.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/ui/runs?status=failed"' in first.text
