"""Limits in the console: what holds work back is for everybody, the forms are for operators of the reserved tenant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.tenants import SYSTEM_TENANT, Role
from db import access, passwords
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import HOME, PASSWORD, Served, email, in_a_thread
from tests.ui.test_pages import text
from tests.ui.visitors import Visitor


@pytest.fixture
def keeper(api: Served) -> Iterator[Visitor]:
    """An operator of the reserved tenant."""

    async def make() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        hashed = await passwords.hashed(PASSWORD)
        async with transaction(pool, SYSTEM_TENANT) as tx:
            await access.create_user(tx, SYSTEM_TENANT, email(Role.OPS), Role.OPS, hashed, by="tests")
        await pool.close()

    in_a_thread(make)
    with Visitor.at(api) as visitor:
        assert visitor.log_in(Role.OPS, "system").status_code == 303
        yield visitor


def test_the_house_sets_pauses_resumes_and_lifts_on_the_page(keeper: Visitor, api: Served) -> None:
    # S2.17
    assert "Nothing is limited or paused" in keeper.get("/ui/limits").text
    probe = {"scope": "queue", "name": "probe"}
    assert keeper.send("/ui/limits/set", {**probe, "max_running": "3", "per_s": "0.5"}).status_code == 303
    assert keeper.send("/ui/limits/pause", {**probe, "reason": "the <site> is moved"}).status_code == 303
    page = keeper.get("/ui/limits").text
    assert "3 at once, 0.5 a second" in text(page)
    assert "the &lt;site&gt; is moved" in page
    assert 'action="/ui/limits/resume"' in page
    (listed,) = keeper.get("/ui/limits", format="json").json()["limits"]
    assert (listed["name"], listed["max_running"], listed["per_s"], listed["held"]) == ("probe", 3, 0.5, "paused")
    assert keeper.send("/ui/limits/pause", {**probe}).status_code == 400
    assert keeper.send("/ui/limits/set", {"scope": "queue", "name": "nothing", "max_running": "3"}).status_code == 404
    assert keeper.send("/ui/limits/set", {**probe, "per_s": "often"}).status_code == 400
    assert keeper.send("/ui/limits/resume", probe).status_code == 303
    assert keeper.send("/ui/limits/set", probe).status_code == 303
    assert keeper.get("/ui/limits", format="json").json() == {"held": [], "limits": []}
    acts = api.rows("SELECT action FROM audit_log WHERE action LIKE 'limits%' ORDER BY id")
    assert [row["action"] for row in acts] == ["limits.set", "limits.pause", "limits.resume", "limits.set"]


def test_a_tenant_sees_what_holds_its_work_and_changes_nothing(keeper: Visitor, api: Served) -> None:
    # R18
    keeper.send("/ui/limits/pause", {"scope": "queue", "name": "probe", "reason": "the site is moved"})
    keeper.send("/ui/limits/set", {"scope": "tenant", "name": HOME, "max_running": "7"})
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.OPS)
        page = visitor.get("/ui/limits").text
        assert "the site is moved" in page
        assert "7 at once" in text(page)
        assert 'action="/ui/limits' not in page
        assert "queue probe is paused" in text(visitor.get("/ui/jobs").text)
        found = visitor.get("/ui/limits", format="json").json()
        assert [(h["scope"], h["name"], h["jobs"]) for h in found["held"]] == [("queue", "probe", 0)]
        assert [each["name"] for each in found["limits"]] == [HOME]
        for path in ("set", "pause", "resume"):
            refused = visitor.send(f"/ui/limits/{path}", {"scope": "queue", "name": "probe", "reason": "mine now"})
            assert refused.status_code == 404
    assert len(keeper.get("/ui/limits", format="json").json()["limits"]) == 2
