"""Another tenant's things are as unknown as things that never were: every route there is, asked with every credential."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from api.openapi import guards_of
from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served, served
from tests.api.victim import JSON, Apart, alike, set_apart
from tests.conftest import Databases

#: Filters that are not found in any column of that name, because they only say how much or how old.
MEASURES = {"limit", "cursor", "older_than_s", "newer_than_s", "since", "until", "closed", "days", "gone"}
MEASURES |= {"channels", "queries", "max_companies", "max_queries", "from", "to", "updated_since"}
MEASURES |= {"low", "minutes"}
#: Starts work and waits for it, whoever reads: tests/accounts/test_door.py asks it for another's tenant.
CRON_DOOR = "/api/jobs/process"
CURSOR_PAGE = 2


@pytest.fixture(scope="module")
def apart(databases: Databases, template: str) -> Iterator[Apart]:
    url = databases.create(template)
    with served(url) as api:
        yield set_apart(api)
    databases.drop(url)


def document(api: Served) -> JSON:
    found: JSON = api.client.get("/openapi.json").json()
    return found


def routes(api: Served) -> list[tuple[str, str]]:
    """(method, path) of every route behind a guard, those that the document leaves out too."""
    return sorted(route for route, guard in guards_of(api.app).items() if guard is not None)


def parameters(path: str) -> list[str]:
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


def address(path: str, chosen: dict[str, str]) -> str:
    """The path with these ids, and ones nobody has elsewhere."""
    for name in parameters(path):
        path = path.replace(f"{{{name}}}", chosen.get(name) or str(uuid4()))
    return path


def example(api: Served, method: str, path: str) -> Any:
    """A body the route takes, from its schema's example; None where it takes none."""
    described: JSON = api.app.openapi()
    operation = described["paths"].get(path, {}).get(method.lower(), {})
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return None
    assert "$ref" in schema, f"{method} {path}: give its body a model of its own"
    model = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "examples" in model:
        return model["examples"][0]
    return {name: model["properties"][name]["examples"][0] for name in model.get("required", ())}


def id_members(described: JSON, schema: JSON, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where in a body ids may stand."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("format") == "uuid":
        yield at
    for choice in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from id_members(described, choice, at)
    for name, member in schema.get("properties", {}).items():
        yield from id_members(described, member, (*at, name))


def with_member(body: JSON, at: tuple[str, ...], value: str) -> JSON:
    made = copy.deepcopy(body)
    inner = made
    for name in at[:-1]:
        inner = inner.setdefault(name, {})
    inner[at[-1]] = value
    return made


@pytest.mark.slow
def test_every_route_treats_anothers_id_as_an_unknown_one(apart: Apart) -> None:
    # R18 R16 S2.14
    before, asked = apart.print(), 0
    for method, path in routes(apart.api):
        named = parameters(path)
        if not named:
            continue
        body = example(apart.api, method, path)
        for who, headers in apart.askers().items():
            expected = alike(apart.api.client.request(method, address(path, {}), headers=headers, json=body))
            assert expected[0] in (403, 404), f"{method} {path} as {who}: {expected}"
            # Every place alone, then all of them: an id under its own parent is no nearer.
            known = {name: apart.ids(name)[:4] for name in named}
            choices = [{name: foreign} for name in named for foreign in known[name]]
            choices += [{name: foreign[0] for name, foreign in known.items()}] if len(named) > 1 else []
            for chosen in choices:
                answer = apart.api.client.request(method, address(path, chosen), headers=headers, json=body)
                assert alike(answer) == expected, f"{method} {path} as {who}"
                assert not apart.leaked(answer, *chosen.values()), f"{method} {path} as {who}"
                asked += 1
    assert asked > 100
    assert apart.print() == before


@pytest.mark.slow
def test_no_listing_shows_anything_of_another_whatever_it_is_asked_for(apart: Apart) -> None:
    # R18 R16
    before, described, filters = apart.print(), document(apart.api), 0
    headers = apart.api.as_(Role.OWNER)
    for method, path in routes(apart.api):
        if method != "GET" or parameters(path) or path == CRON_DOOR:
            continue
        plain = apart.api.client.get(path, headers=headers)
        # 404: a thing there is at most one of, and HOME has none.
        assert plain.status_code in (200, 404), f"{path}: {plain.text}"
        assert not apart.leaked(plain), path
        for parameter in described["paths"][path]["get"].get("parameters", []):
            if parameter["in"] != "query" or parameter["name"] in MEASURES:
                continue
            values = apart.values(parameter["name"])
            assert values, f"no column is called {parameter['name']}: say in MEASURES why it names nothing"
            for value in values:
                answer = apart.api.client.get(path, params={parameter["name"]: value}, headers=headers)
                assert answer.status_code in (200, 400), answer.text
                assert not apart.leaked(answer, value), f"{path}?{parameter['name']}={value}"
                filters += 1
                if "uuid" in str(parameter["schema"]) and value in apart.everything:
                    nothing = apart.api.client.get(path, params={parameter["name"]: str(uuid4())}, headers=headers)
                    assert alike(answer) == alike(nothing), f"{path}?{parameter['name']}={value}"
    assert filters > 20
    assert apart.print() == before


def test_a_cursor_of_anothers_page_leads_into_ones_own_rows(apart: Apart) -> None:
    # R18
    carried = 0
    for method, path in routes(apart.api):
        if method != "GET" or parameters(path) or path == CRON_DOOR:
            continue
        page = apart.api.client.get(path, params={"limit": 1}, headers=apart.api.as_(Role.OWNER, ABROAD))
        cursor = page.json().get("next_cursor") if page.status_code == 200 else None
        if cursor is None:
            continue
        for name, value in (("owner", cursor), ("forged", cursor[:-2] + "AA"), ("cut", cursor[:-5])):
            answer = apart.api.client.get(path, params={"cursor": value}, headers=apart.api.as_(Role.OWNER, HOME))
            assert answer.status_code in (200, 400), f"{path} with a cursor {name}: {answer.text}"
            assert not apart.leaked(answer, value), f"{path} with a cursor {name}"
        carried += 1
    assert carried >= 5


def test_bodies_that_name_anothers_ids_are_answered_as_if_nobody_had_them(apart: Apart) -> None:
    # R18
    before, described, tried = apart.print(), document(apart.api), 0
    for method, path in routes(apart.api):
        body = example(apart.api, method, path)
        if body is None or parameters(path):
            continue
        schema = described["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        for member in id_members(described, schema):
            anything = sorted(apart.everything)[:: max(1, len(apart.everything) // 6)]
            columns = apart.values(member[-1])[:3]
            nobody = with_member(body, member, str(uuid4()))
            expected = alike(apart.api.client.request(method, path, json=nobody, headers=apart.session))
            for foreign in {*anything, *columns} & apart.everything:
                named = with_member(body, member, foreign)
                answer = apart.api.client.request(method, path, json=named, headers=apart.session)
                assert alike(answer) == expected, f"{method} {path} with {'.'.join(member)}"
                assert not apart.leaked(answer, foreign)
                tried += 1
    assert tried > 10
    assert apart.print() == before


def test_what_another_tenant_has_can_be_had_again(apart: Apart) -> None:
    """Keys that are unique within a tenant tell nothing about another one's."""
    # R18 R16
    before = apart.print()
    headers = {**apart.session, "Idempotency-Key": f"{ABROAD}-0"}
    run = apart.api.client.post("/v1/discovery/runs", json={"limit": 2}, headers=headers)
    assert run.status_code == 202
    assert run.json()["id"] not in apart.everything
    lead = {"company_name": f"Company 0 of {ABROAD}", "country": "ZA", "domain": f"{ABROAD}-0.example"}
    made = apart.api.client.post("/v1/leads", json=lead, headers=apart.session)
    assert made.status_code == 201
    assert not apart.leaked(made)
    assert apart.print() == before


def test_every_route_is_shut_to_a_closed_tenant_and_says_no_more_about_it(apart: Apart) -> None:
    # R16 S2.16
    api = apart.api
    keys = [api.as_(role, ABROAD) for role in (Role.VIEWER, Role.OWNER)]
    session = {"Authorization": f"Bearer {api.login(Role.OWNER, ABROAD)['accessToken']}"}
    api.rows("UPDATE tenants SET status = 'closed' WHERE slug = $1", ABROAD)
    try:
        before = apart.print()
        ids = {name: apart.ids(name)[0] for _, path in routes(api) for name in parameters(path)}
        for method, path in routes(api):
            there = address(path, {name: ids[name] for name in parameters(path)})
            for headers in (*keys, session):
                answer = api.client.request(method, there, headers=headers, json=example(api, method, path))
                assert answer.status_code == 401, f"{method} {path}"
                assert not apart.leaked(answer)
        assert apart.print() == before
        refused = [
            api.client.post("/v1/auth/login", json={"email": "owner@example.com", "password": "wrong", "tenant": slug})
            for slug in (ABROAD, "no-such-tenant")
        ]
        assert alike(refused[0]) == alike(refused[1])
    finally:
        api.rows("UPDATE tenants SET status = 'active' WHERE slug = $1", ABROAD)
