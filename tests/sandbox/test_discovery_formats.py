"""The stand-ins of the discovery vendors write what their vendors' documents show: members, types, headers, refusals."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.providers.sandbox_fixture import KEY, RunningSandbox
from tests.sandbox.discovery_samples import APOLLO, BRITISH, PDL, REGISTER, SAMPLES, WORLD
from worker.providers.sandbox.people import people_of

AUTH = {"x-api-key": KEY}
#: To make one costs more than to ask.
CLIENT = httpx.Client(trust_env=False, verify=False)


def ask(sandbox: RunningSandbox, method: str, path: str, **more: Any) -> httpx.Response:
    more.setdefault("headers", AUTH)
    if path.startswith(REGISTER):
        more["headers"], more["auth"] = {}, (KEY, "")
    return CLIENT.request(method, sandbox.url + path, **more)


def fits(sample: Any, given: Any, where: str) -> None:
    """`given` has every member of `sample`, of the same type."""
    if sample is None:
        return
    assert type(given) is type(sample), f"{where}: {given!r} for {sample!r}"
    if isinstance(sample, dict):
        assert set(sample) <= set(given), f"{where}: {set(sample) - set(given)} missing"
        for name, value in sample.items():
            fits(value, given[name], f"{where}.{name}")
    elif isinstance(sample, list) and sample:
        assert given, f"{where} is empty"
        fits(sample[0], given[0], f"{where}[0]")


@pytest.mark.parametrize(
    ("method", "path", "more", "sample"), [s[1:] for s in SAMPLES], ids=[s[0].replace(" ", "_") for s in SAMPLES]
)
def test_an_answer_has_the_members_and_types_of_the_documents(
    sandbox: RunningSandbox, method: str, path: str, more: dict[str, Any], sample: Any
) -> None:
    answer = ask(sandbox, method, path, **more)
    assert answer.status_code == 200
    fits(sample, answer.json(), path)


def test_bright_data_answers_at_once_or_with_a_snapshot(sandbox: RunningSandbox) -> None:
    def scrape(url: str) -> httpx.Response:
        params = {"dataset_id": "gd_x", "format": "json"}
        headers = {"Authorization": f"Bearer {KEY}"}
        return ask(
            sandbox, "POST", "/brightdata/datasets/v3/scrape", params=params, headers=headers, json=[{"url": url}]
        )

    people = [p for c in WORLD.companies("ZA") if c.trades for p in people_of(WORLD, c)][:20]
    answers = [scrape(p.linkedin) for p in people]
    at_once = next(a for a in answers if a.status_code == 200 and "name" in a.json()[0])
    fits([{"id": "x", "name": "x", "url": "x", "input_url": "x", "current_company": {"name": "x"}}], at_once.json(), "")
    late = next(a for a in answers if a.status_code == 202).json()
    assert re.fullmatch(r"s_\w+", late["snapshot_id"])
    path, headers = f"/brightdata/datasets/v3/snapshot/{late['snapshot_id']}", {"Authorization": f"Bearer {KEY}"}
    assert isinstance(ask(sandbox, "GET", path, headers=headers).json(), list)
    assert ask(sandbox, "GET", f"{path}/input", headers=headers).text.splitlines()[0] == "url"
    listed = ask(sandbox, "GET", "/brightdata/datasets/v3/snapshots", params={"dataset_id": "gd_x"}, headers=headers)
    fits([{"id": "s_x", "created": "", "status": "ready", "dataset_size": 1}], listed.json(), "snapshots")


def test_apollo_refuses_in_plain_text_and_a_window_without_a_limit_has_an_empty_header(sandbox: RunningSandbox) -> None:
    path = f"{APOLLO}/auth/health"
    refused = ask(sandbox, "GET", path, headers={})
    assert (refused.status_code, refused.headers["content-type"].partition(";")[0]) == (401, "text/plain")
    assert "x-minute-requests-left" not in refused.headers
    healthy = ask(sandbox, "GET", path)
    assert (healthy.headers["x-minute-requests-left"], healthy.headers["x-24-hour-requests-left"]) == ("199", "")
    eleven = [{"email": f"x{n}@example.com"} for n in range(11)]
    over = ask(sandbox, "POST", f"{APOLLO}/people/bulk_match", json={"details": eleven})
    assert (over.status_code, over.json()["error_code"]) == (400, "RECORD_LIMIT_EXCEEDED")


def test_pdl_says_404_for_nothing_and_its_rate_header_is_no_json(sandbox: RunningSandbox) -> None:
    nothing = ask(sandbox, "POST", f"{PDL}/company/search", json={"query": {"term": {"name": "zyzzyva"}}})
    assert (nothing.status_code, nothing.json()["error"]["type"]) == (404, "not_found")
    assert nothing.headers["x-ratelimit-remaining"] == "{'minute': 99}"
    assert nothing.headers["x-call-credits-spent"] == "0"
    assert ask(sandbox, "POST", f"{PDL}/company/search", json={"query": {"fuzzy": {}}}).status_code == 400
    assert ask(sandbox, "GET", f"{PDL}/company/enrich", headers={}).json()["error"]["type"] == "authentication_error"


def test_the_register_ends_after_a_thousand_hits_and_breaks_on_a_malformed_number(sandbox: RunningSandbox) -> None:
    def status(path: str, **params: str) -> int:
        return ask(sandbox, "GET", REGISTER + path, params=params).status_code

    assert status("/search/companies", q="clothing", start_index="1000") == 416
    assert (
        ask(sandbox, "GET", f"{REGISTER}/search/companies", params={"q": "x", "items_per_page": "1"}).json()["items"]
        == []
    )
    assert status("/advanced-search/companies", company_name_includes="zyzzyva") == 404
    assert (status("/company/ZZ999999"), status("/company/1234567")) == (404, 500)
    assert CLIENT.get(f"{sandbox.url}{REGISTER}/company/{BRITISH}").status_code == 401


def test_google_leaves_items_out_and_names_its_reasons(sandbox: RunningSandbox) -> None:
    def search(**params: str) -> httpx.Response:
        asked = {"key": KEY, "cx": "e", "q": "workwear South Africa"} | params
        return ask(sandbox, "GET", "/google_cse/customsearch/v1", params=asked)

    empty = search(q="zyzzyva quokka").json()
    assert "items" not in empty
    assert empty["searchInformation"]["totalResults"] == "0"
    assert search(num="10", start="91").status_code == 400
    assert search(num="9", start="91").status_code == 200
    assert search(key="x-wrong").json()["error"]["errors"][0]["reason"] == "keyInvalid"
