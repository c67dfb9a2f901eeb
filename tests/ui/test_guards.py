"""Who may see and do what in the console, and what a page may load: every address of it, as every role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.app import ROUTERS as API
from api.auth import Guard
from api.ui.routers import ROUTERS as PAGES
from api.ui.session import Acting, Looking
from contracts.tenants import Role
from tests.api.server_fixture import JWT_SECRET, ROLES, Served
from tests.ui.visitors import Visitor

#: Pages for people who are not in yet, and files that say nothing of anybody.
OPEN = {"GET /ui/login", "POST /ui/login", "GET /ui/"}
#: A form of the console -> the operation of the API that does the same; a POST unless it says otherwise.
SAME = {
    "/ui/runs": "/v1/discovery/runs",
    "/ui/runs/{run_id}/cancel": "/v1/discovery/runs/{run_id}/cancel",
    "/ui/runs/{run_id}/resume": "/v1/jobs/{job_id}/retry",
    "/ui/runs/{run_id}/replays": "/v1/discovery/runs/{run_id}/replays",
    "/ui/leads/{lead_id}/feedback": "/v1/leads/{lead_id}/feedback",
    "/ui/messages/{message_id}/approve": "/v1/messages/{message_id}/approve",
    "/ui/messages/{message_id}/reject": "/v1/messages/{message_id}/reject",
    "/ui/matches/{match_id}/merge": "/v1/matches/{match_id}/merge",
    "/ui/matches/{match_id}/reject": "/v1/matches/{match_id}/reject",
    "/ui/matches/{match_id}/undo": "/v1/matches/{match_id}/undo",
    "/ui/outbox/{event_id}/replay": "/v1/outbox/events/{event_id}/replay",
    "/ui/jobs/{job_id}/retry": "/v1/jobs/{job_id}/retry",
    "/ui/jobs/{job_id}/cancel": "/v1/jobs/{job_id}/cancel",
    "/ui/dead-letters/replay": "/v1/outbox/replay",
    "/ui/dead-letters/replays/{batch_id}/undo": "/v1/outbox/replays/{batch_id}/undo",
    "/ui/outbox/pause": "/v1/outbox/pause",
    "/ui/outbox/resume": "/v1/outbox/resume",
    "/ui/limits/set": "PUT /v1/limits/{scope}/{name}",
    "/ui/limits/pause": "/v1/limits/{scope}/{name}/pause",
    "/ui/limits/resume": "/v1/limits/{scope}/{name}/resume",
    "/ui/models/{model_id}/promote": "/v1/models/{model_id}/promote",
    "/ui/models/{model_id}/archive": "/v1/models/{model_id}/archive",
    "/ui/models/{model_id}/rollback": "/v1/models/{model_id}/rollback",
    "/ui/schedules/{schedule_id}/pause": "/v1/schedules/{schedule_id}/pause",
    "/ui/schedules/{schedule_id}/resume": "/v1/schedules/{schedule_id}/resume",
    "/ui/schedules/{schedule_id}/preview": "/v1/schedules/{schedule_id}/preview",
    "/ui/schedules/{schedule_id}/change": "PATCH /v1/schedules/{schedule_id}",
    "/ui/nights": "/admin/runs/nightly",
    "/ui/nights/{run_id}/cancel": "/v1/discovery/runs/{run_id}/cancel",
    "/ui/alerts/{alert_id}/acknowledge": "/v1/alerts/{alert_id}/acknowledge",
    "/ui/alerts/{alert_id}/resolve": "/v1/alerts/{alert_id}/resolve",
    "/ui/alerts/channels/{channel_id}/test": "/v1/alert-channels/{channel_id}/test",
    "/ui/tenants": "/v1/tenants",
    "/ui/tenants/{slug}/suspend": "/v1/tenants/{slug}/suspend",
    "/ui/tenants/{slug}/resume": "/v1/tenants/{slug}/resume",
    "/ui/tenants/{slug}/quotas": "PUT /v1/tenants/{slug}/quotas",
    "/ui/keys": "/v1/keys",
    "/ui/keys/{key_id}/revoke": "DELETE /v1/keys/{key_id}",
}


def routes(of: Iterable[APIRouter] = PAGES) -> Iterator[tuple[str, str, APIRoute]]:
    for router in of:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                yield method, route.path, route


def guard(route: APIRoute) -> Guard | None:
    return _within(route.dependant)


def _within(dependant: Dependant) -> Guard | None:
    """Its own, or that of a dependency which asks for more than a role."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Looking | Acting):
            return dependency.call.guard
        if isinstance(dependency.call, Guard):
            return dependency.call
        if found := _within(dependency):
            return found
    return None


def fill(path: str) -> str:
    return re.sub(r"{[^}]*}", str(uuid4()), path)


def test_every_page_has_a_guard_and_every_form_the_roles_of_the_api(shared_api: Served) -> None:
    # S2.16 S3.20
    assert len(list(routes())) > 30
    of_api = {f"{method} {path}": found for method, path, r in routes(API) if (found := guard(r))}
    for method, path, route in routes():
        if f"{method} {path}" in OPEN:
            continue
        found = guard(route)
        assert found is not None, f"give {method} {path} a Looking or an Acting"
        if method == "POST" and path != "/ui/logout":
            twin = of_api[same if " " in (same := SAME[path]) else f"POST {same}"]
            assert found.allowed == tuple(r for r in twin.allowed if r is not Role.SERVICE), path


def test_strangers_are_shown_the_door_and_change_nothing(shared_api: Served) -> None:
    # S2.16
    with Visitor.at(shared_api) as visitor:
        for method, path, _ in routes():
            if f"{method} {path}" in OPEN:
                continue
            answer = visitor.client.request(
                method,
                fill(path),
                headers={"Origin": shared_api.base_url},
                data={"csrf": "0" * 64} if method == "POST" else None,
            )
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/ui/login"), (
                f"{method} {path}"
            )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_may_not_is_refused_in_words(shared_api: Served, role: Role) -> None:
    # S2.16 S3.20: viewers look, analysts judge leads, operators act on the machine
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(role)
        token = visitor.token
        for method, path, route in routes():
            found = guard(route)
            if found is None or path == "/ui/logout":
                continue
            answer = visitor.send(fill(path), {"csrf": token}) if method == "POST" else visitor.get(fill(path))
            assert (answer.status_code == 403) == (role not in found.allowed), f"{method} {path}: {answer.status_code}"
            assert answer.status_code not in (401, 500), f"{method} {path}: {answer.text[:300]}"
            if answer.status_code == 403:
                assert "this needs the role" in answer.text


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"csrf": "0" * 64}, {}),
        ({"csrf": ""}, {}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": ""}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
        ({}, {"Content-Type": "application/json"}),
    ],
)
def test_a_forged_form_does_nothing(shared_api: Served, fields: dict[str, str], headers: dict[str, str]) -> None:
    # S2.16: the token of the session and an Origin of ours, both
    before = shared_api.count("runs")
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OWNER)
        answer = visitor.send("/ui/runs", fields, **headers)
        assert answer.status_code in (400, 403)
        assert shared_api.count("runs") == before
        bare = visitor.client.post("/ui/runs", data={"csrf": visitor.token})
        assert bare.status_code == 403


def test_the_token_of_another_session_is_not_ones_own(shared_api: Served) -> None:
    # S2.16
    with Visitor.at(shared_api) as one, Visitor.at(shared_api) as other:
        one.log_in(Role.OWNER)
        other.log_in(Role.OWNER)
        assert one.token != other.token
        assert one.send("/ui/logout", {"csrf": other.token}).status_code == 403
        assert one.get("/ui").status_code == 200


def pages() -> list[str]:
    return sorted({path for method, path, _ in routes() if method == "GET" and "{" not in path} - {"/ui/"})


def test_pages_load_nothing_but_their_own_files(shared_api: Served) -> None:
    # S2.17: strict CSP, and nothing in the pages that it would stop
    with Visitor.at(shared_api) as visitor:
        seen = [visitor.get("/ui/login")]
        visitor.log_in(Role.OWNER)
        seen += [visitor.get(path) for path in pages() if path != "/ui/login"]
        seen += [visitor.get("/ui/nowhere"), visitor.get("/ui/runs", status="odd"), visitor.get(f"/ui/leads/{uuid4()}")]
        for answer in seen:
            csp = answer.headers["content-security-policy"]
            assert "default-src 'self'" in csp
            assert "unsafe" not in csp
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            text = answer.text
            assert not re.search(r"<script(?![^>]*\ssrc=)", text), answer.url
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), answer.url
            for address in re.findall(r'(?:src|href|action|formaction|hx-get)="([^"]*)"', text):
                assert address.startswith(("/ui", "#")), (answer.url, address)
        for address in set(re.findall(r'(?:src|href)="(/ui/static/[^"]+)"', "".join(a.text for a in seen))):
            file = visitor.get(address)
            assert file.status_code == 200
            assert "immutable" in file.headers["cache-control"]


def test_a_vendored_file_says_whose_it_is(shared_api: Served) -> None:
    from importlib import resources

    folder = resources.files("api.ui").joinpath("static", "vendor")
    names = {entry.name for entry in folder.iterdir()}
    assert {"htmx-LICENSE.txt", "uPlot-LICENSE.txt", "README.md"} <= names
    readme = folder.joinpath("README.md").read_text()
    assert all(name in readme for name in names - {"README.md"})


def test_refusals_are_pages_that_say_the_next_step(shared_api: Served) -> None:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.VIEWER)
        for path, status, words in [
            ("/ui/nowhere", 404, "the menu shows what there is"),
            (f"/ui/runs/{uuid4()}", 404, "no run"),
            ("/ui/runs?status=odd", 400, "Input should be"),
            ("/ui/runs?statsu=failed", 400, "there is no query parameter"),
            ("/ui/outbox?cursor=mine", 400, "start again without it"),
            ("/ui/jobs?since=0001-01-01T00:00:00%2B14:00", 400, "between the years 2000 and 9999"),
        ]:
            answer = visitor.get(path)
            assert (answer.status_code, words in answer.text) == (status, True), answer.text
            assert answer.headers["content-type"].startswith("text/html")
            as_json = visitor.client.get(path, headers={"Accept": "application/json"})
            assert (as_json.status_code, as_json.headers["content-type"]) == (status, "application/problem+json")


def test_the_signing_secret_is_in_no_page(shared_api: Served) -> None:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OWNER)
        assert all(JWT_SECRET not in visitor.get(path).text for path in pages())


def test_live_parts_send_a_stranger_to_the_login(shared_api: Served) -> None:
    answer = httpx.get(f"{shared_api.base_url}/ui/runs/{uuid4()}/live", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/ui/login")
