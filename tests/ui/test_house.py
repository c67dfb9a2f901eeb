"""Administration in the console: tenants and quotas, users, keys, the audit log, retention; each for whom the API lets in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from contracts.retention import PERIODS
from contracts.tenants import SYSTEM_TENANT, Role
from db import access, passwords
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, PASSWORD, Served, email, in_a_thread
from tests.ui.test_pages import text
from tests.ui.visitors import Visitor


@pytest.fixture(scope="module")
def owner(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OWNER)
        yield visitor


@pytest.fixture(scope="module")
def house(shared_api: Served) -> Iterator[Visitor]:
    """An owner of the reserved tenant."""

    async def make() -> None:
        pool = await open_pool(shared_api.database_url, name="tests", size=1)
        hashed = await passwords.hashed(PASSWORD)
        async with transaction(pool, SYSTEM_TENANT) as tx:
            await access.create_user(tx, SYSTEM_TENANT, email(Role.OWNER), Role.OWNER, hashed, by="tests")
        await pool.close()

    in_a_thread(make)
    with Visitor.at(shared_api) as visitor:
        assert visitor.log_in(Role.OWNER, "system").status_code == 303
        yield visitor


def test_a_key_is_shown_once_works_and_is_revoked(owner: Visitor) -> None:
    # S2.17 B.10
    made = owner.send(
        "/ui/keys", {"name": "night importer", "role": "viewer", "scopes": "leads:read, runs", "days": "30"}
    )
    assert (made.status_code, "unknown scope" in made.text) == (400, True)
    made = owner.send("/ui/keys", {"name": "night importer", "role": "viewer", "scopes": "leads:read", "days": "30"})
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    found = re.search(r"hwk_[0-9a-f]{32}_[\w-]{43}", made.text)
    assert found
    with_it = {"Authorization": f"Bearer {found[0]}"}
    assert owner.api.client.get("/v1/leads", headers=with_it).status_code == 200
    assert owner.api.client.get("/v1/alerts", headers=with_it).status_code == 403
    listed = owner.get("/ui/keys").text
    assert "night importer" in listed
    assert found[0] not in listed
    key = next(k for k in owner.get("/ui/keys", format="json").json()["keys"] if k["name"] == "night importer")
    assert key["expires_at"] > key["created_at"]
    assert owner.send(f"/ui/keys/{key['id']}/revoke").status_code == 303
    assert owner.api.client.get("/v1/leads", headers=with_it).status_code == 401
    assert f"/ui/keys/{key['id']}/revoke" not in owner.get("/ui/keys").text
    wrong = owner.send("/ui/keys", {"name": "x", "days": "soon"})
    assert (wrong.status_code, "a whole number of days" in wrong.text) == (400, True)


def test_the_audit_log_is_searched_and_paged_by_key(owner: Visitor) -> None:
    # B.10
    api = owner.api
    api.rows(
        "INSERT INTO audit_log (tenant_id, actor, action, subject_type, subject_id, detail)"
        " SELECT $1, 'ada@example.com', 'thing.done', 'thing', n::text, jsonb_build_object('nth', n) FROM generate_series(1, 53) n"
        " RETURNING 1",
        api.tenants[HOME].id,
    )
    first = owner.get("/ui/audit", actor="ada@example.com", action="thing.done", format="json").json()
    assert [a["subject_id"] for a in first["acts"]] == [str(n) for n in range(53, 3, -1)]
    older = owner.get("/ui/audit", action="thing.done", cursor=first["next_cursor"]).text
    assert older.count("nth:") == 3
    one = text(owner.get("/ui/audit", subject_type="thing", subject_id="7").text)
    assert (one.count("nth:"), "nth: 7" in one) == (1, True)
    assert "Each filter is met exactly" in owner.get("/ui/audit", actor="nobody").text
    assert owner.get("/ui/audit", cursor="mine").status_code == 400
    over_http = api.client.get(
        "/v1/audit", params={"action": "thing.done", "limit": 2}, headers=api.as_(Role.OWNER)
    ).json()
    assert [a["detail"] for a in over_http["items"]] == [{"nth": 53}, {"nth": 52}]
    assert api.client.get("/v1/audit", headers=api.as_(Role.OPS)).status_code == 403
    abroad = api.client.get("/v1/audit", params={"action": "thing.done"}, headers=api.as_(Role.OWNER, ABROAD)).json()
    assert abroad["items"] == []


def test_users_are_listed_with_their_roles(owner: Visitor) -> None:
    page = text(owner.get("/ui/users").text)
    assert all(email(role) in page for role in (Role.VIEWER, Role.ANALYST, Role.OPS, Role.OWNER))
    assert "/ui/audit?actor=" in page
    assert "$argon2" not in page + owner.get("/ui/users", format="json").text
    api = owner.api
    page_of_two = api.client.get("/v1/users", params={"limit": 2}, headers=api.as_(Role.OWNER)).json()
    rest = api.client.get(
        "/v1/users", params={"cursor": page_of_two["next_cursor"]}, headers=api.as_(Role.OWNER)
    ).json()
    names = [u["email"] for u in page_of_two["items"] + rest["items"]]
    assert (names, rest["next_cursor"]) == (
        sorted(email(r) for r in (Role.VIEWER, Role.ANALYST, Role.OPS, Role.OWNER)),
        None,
    )


def test_what_is_kept_how_long_is_for_everybody(shared_api: Served, house: Visitor) -> None:
    # S1.06
    with Visitor.at(shared_api) as viewer:
        viewer.log_in(Role.VIEWER)
        page = text(viewer.get("/ui/retention").text)
        assert all(f">{table}</th>" in page for table in PERIODS)
        assert "90 d after created_at" in page
        assert "Last pass" not in page
        assert viewer.get("/ui/retention", way="kept").text.count('scope="row"') == sum(
            p.way == "kept" for p in PERIODS.values()
        )
        shared_api.rows(
            "INSERT INTO retention_passes (table_name, passed_at, deleted) VALUES ('runs', app.now(), 12345) RETURNING 1"
        )
        assert "12,345" in house.get("/ui/retention").text
        http = shared_api.client.get("/v1/retention", headers=shared_api.as_(Role.VIEWER)).json()["items"]
        assert [(r["table"], r["deleted"]) for r in http] == [(table, None) for table in PERIODS]
        assert "12345" not in viewer.get("/ui/retention", format="json").text


def test_ones_own_tenant_is_seen_and_no_other(owner: Visitor) -> None:
    # R16 R18
    page = text(owner.get("/ui/tenants").text)
    assert HOME in page
    assert ABROAD not in page
    assert "/suspend" not in page
    assert "the installation's own limit" in page
    for answer in (owner.get(f"/ui/tenants/{HOME}"), owner.send(f"/ui/tenants/{ABROAD}/suspend")):
        assert answer.status_code == 404
    assert owner.api.rows("SELECT status FROM tenants WHERE slug = $1", ABROAD) == [{"status": "active"}]


def test_the_house_grants_suspends_and_resumes(house: Visitor) -> None:
    # R16
    api = house.api

    def theirs() -> httpx.Response:
        return api.client.get("/v1/leads", headers=api.as_(Role.VIEWER, ABROAD))

    path = f"/ui/tenants/{ABROAD}"
    assert f'href="{path}"' in house.get("/ui/tenants").text
    assert house.send(f"{path}/quotas", {"max_runs_per_day": "5", "queued_buffer": ""}).status_code == 303
    page = house.get(path).text
    assert 'name="max_runs_per_day" inputmode="numeric" pattern="[0-9]*" maxlength="9" value="5"' in page
    refused = house.send(f"{path}/quotas", {"max_runs_per_day": "-1"})
    assert (refused.status_code, "a whole number" in refused.text) == (400, True)
    assert theirs().status_code == 200
    assert house.send(f"{path}/suspend").status_code == 303
    assert theirs().status_code == 403
    page = house.get(path).text
    assert "suspended" in page
    assert house.send(f"{path}/resume").status_code == 303
    assert theirs().status_code == 200
    assert house.send("/ui/tenants/system/suspend").status_code == 409
    assert house.send("/ui/tenants", {"slug": "acme", "name": "Acme Ltd"}).headers["location"] == "/ui/tenants/acme"
    assert "Acme Ltd is there" in text(house.get("/ui/tenants/acme").text)


def test_the_menu_names_what_ones_role_may_open(shared_api: Served, owner: Visitor) -> None:
    # S2.16
    with Visitor.at(shared_api) as ops:
        ops.log_in(Role.OPS)
        page = ops.get("/ui").text
    for path in ("/ui/users", "/ui/keys", "/ui/audit"):
        assert f'href="{path}"' in owner.get("/ui").text
        assert f'href="{path}"' not in page
    assert 'href="/ui/retention"' in page
