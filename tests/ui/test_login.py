"""Into the console: cookies scripts cannot read, sessions that renew themselves, and out again."""

from __future__ import annotations

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import HOME, Served, email
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
