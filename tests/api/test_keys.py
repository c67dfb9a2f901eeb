"""API keys: narrowed, revoked, expired, never across tenants."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from contracts.access import SCOPED_THINGS
from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served


def create(api: Served, **body: Any) -> dict[str, Any]:
    answer = api.client.post("/v1/keys", json={"name": "made by a test", **body}, headers=api.as_(Role.OWNER))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def status(api: Served, key: str, path: str = "/v1/auth/me", method: str = "GET") -> int:
    return api.client.request(method, path, headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_speaks_for_its_role_until_it_is_revoked(api: Served) -> None:
    # S2.16
    made = create(api, role="analyst")
    me = api.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {made['key']}"}).json()
    assert (me["role"], me["keyId"], me["tenantId"]) == ("analyst", made["id"], str(api.tenants[HOME].id))
    for _ in range(2):
        gone = api.client.delete(f"/v1/keys/{made['id']}", headers=api.as_(Role.OWNER))
        assert gone.status_code == 204
    assert status(api, made["key"]) == 401
    actions = [
        row["action"] for row in api.rows("SELECT action FROM audit_log WHERE subject_id = $1 ORDER BY id", made["id"])
    ]
    assert actions[:2] == ["key.created", "key.revoked"]


def test_the_text_is_shown_once(api: Served) -> None:
    made = create(api)
    listed = api.client.get("/v1/keys", headers=api.as_(Role.OWNER))
    assert made["id"] in listed.text
    assert made["key"] not in listed.text


def test_an_expired_key_opens_nothing(api: Served) -> None:
    made = create(api, expires_in_s=60)
    assert status(api, made["key"]) == 200
    api.rows("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1", made["id"])
    assert status(api, made["key"]) == 401


def test_scopes_narrow_a_key(api: Served) -> None:
    made = create(api, role="owner", scopes=["leads:read"])
    assert status(api, made["key"], "/v1/keys") == 403
    assert status(api, made["key"]) == 200
    answer = api.client.get("/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.json()["code"] == "scope_missing"


def test_every_thing_behind_a_guard_has_a_scope(api: Served) -> None:
    """A route of a new thing needs a line in SCOPED_THINGS, or no narrowed key could ever reach it."""
    paths = api.client.get("/openapi.json").json()["paths"]
    things = {path.split("/")[2] for path in paths if path.startswith("/v1/")} - {"auth", "keys"}
    assert things <= set(SCOPED_THINGS)


@pytest.mark.parametrize(
    "body", [{"scopes": ["everything"]}, {"role": "service"}, {"expires_in_s": 1}, {"expires_in_s": 10**30}]
)
def test_impossible_keys_are_refused(api: Served, body: dict[str, Any]) -> None:
    before = api.count("api_keys")
    answer = api.client.post("/v1/keys", json={"name": "x", **body}, headers=api.as_(Role.OWNER))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert api.count("api_keys") == before


def test_another_tenants_key_is_as_unknown_as_no_key(api: Served) -> None:
    # R18
    made = create(api)
    abroad = api.as_(Role.OWNER, ABROAD)
    foreign = api.client.delete(f"/v1/keys/{made['id']}", headers=abroad)
    unknown = api.client.delete(f"/v1/keys/{uuid4()}", headers=abroad)
    assert foreign.status_code == unknown.status_code == 404
    assert {**foreign.json(), "request_id": 0} == {**unknown.json(), "request_id": 0}
    assert status(api, made["key"]) == 200
    assert made["id"] not in api.client.get("/v1/keys", headers=abroad).text


def test_a_key_moved_to_another_tenant_does_not_fit(api: Served) -> None:
    key = api.keys[HOME][Role.OWNER]
    assert status(api, key.replace(api.tenants[HOME].id.hex, api.tenants[ABROAD].id.hex)) == 401


def test_use_is_noted_once_a_minute(api: Served) -> None:
    made = create(api)
    query = "SELECT last_used_at, xmin::text FROM api_keys WHERE id = $1"
    assert api.rows(query, made["id"])[0]["last_used_at"] is None
    status(api, made["key"])
    first = api.rows(query, made["id"])
    assert first[0]["last_used_at"] is not None
    status(api, made["key"])
    assert api.rows(query, made["id"]) == first
    api.rows("UPDATE api_keys SET last_used_at = now() - interval '2 minutes' WHERE id = $1", made["id"])
    status(api, made["key"])
    assert api.rows(query, made["id"])[0]["last_used_at"] > first[0]["last_used_at"]


def test_pages_show_every_key_once(api: Served) -> None:
    made = {create(api)["id"] for _ in range(5)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.client.get("/v1/keys", params=parameters, headers=api.as_(Role.OWNER)).json()
        seen += [key["id"] for key in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == len(made) + 4
    assert made <= set(seen)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "WyJrZXlzIl0", "é"])
def test_a_made_up_cursor_is_refused(api: Served, cursor: str) -> None:
    answer = api.client.get("/v1/keys", params={"cursor": cursor}, headers=api.as_(Role.OWNER))
    assert answer.status_code == 400


def test_only_a_person_logs_out(api: Served) -> None:
    answer = api.client.post("/v1/auth/logout", headers=api.as_(Role.OWNER))
    assert (answer.status_code, answer.json()["code"]) == (400, "no_session")
