"""Figures lead to the rows that they are made of: as many calls or companies stand behind a number as it says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from contracts.budgets import begun_at
from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.ui.planted import night, run
from tests.ui.visitors import Visitor

#: A number that is a link: where it leads, and what it says.
_LINKED = re.compile(r'<a (?:class="num" )?href="([^"]*)">([\d,]+)(?: [a-z_ ]+)?</a>')


@pytest.fixture(scope="module")
def viewer(shared_api: Served) -> Iterator[Visitor]:
    """Who only looks, where two runs asked a vendor, and another tenant's did as well."""
    run(shared_api, tenant=ABROAD)
    run(shared_api)
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.VIEWER)
        yield visitor


def linked(page: str, at: str) -> list[tuple[str, int]]:
    """Numbers that lead to an address beginning so."""
    found = [(html.unescape(href), int(n.replace(",", ""))) for href, n in _LINKED.findall(page)]
    return [(href, n) for href, n in found if href.startswith(at)]


def rows(visitor: Visitor, href: str, of: str) -> int:
    """How many rows a page has, all its pages together."""
    path, _, asked = href.partition("#")[0].partition("?")
    query, count = {**parse_qs(asked), "format": ["json"]}, 0
    while True:
        answer = visitor.get(path, **query)
        assert answer.status_code == 200, answer.text
        count += len(answer.json()[of])
        if (cursor := answer.json()["next_cursor"]) is None:
            return count
        query["cursor"] = [cursor]


def test_the_figures_of_vendors_are_as_many_calls(viewer: Visitor) -> None:
    # S1.07 S2.17
    page = viewer.get("/ui/vendors").text
    found = linked(page, "/ui/vendors/calls")
    assert {n for _, n in found} >= {1, 2}, page
    for href, n in found:
        assert rows(viewer, href, "calls") == n, href
    assert any("state=forfeited" in href for href, _ in found)
    assert any("since=" in href and "until=" in href for href, _ in found), "each hour of the chart"


def test_what_a_run_cost_is_shown_call_by_call(viewer: Visitor) -> None:
    # S1.07
    path = f"/ui/runs/{run(viewer.api)}"
    page = viewer.get(path).text
    [link] = re.findall(r'<a href="(/ui/vendors/calls[^"]*)">tavily search.google</a></th>', page)
    assert rows(viewer, html.unescape(link), "calls") == 2
    told = re.findall(r'<a href="(/ui/vendors/calls[^"]*until[^"]*)">tavily search.google</a>', page)
    assert [rows(viewer, html.unescape(each), "calls") for each in told] == [1, 1], "each moment is its own call"
    [companies] = linked(page, "/ui/companies?run_id=")[:1]
    assert rows(viewer, companies[0], "companies") == companies[1] == 1
    records = f"{path}/records"
    found = dict(linked(page, records))
    assert sorted(found.values()) == [1, 2, 4, 5, 7, 9], "found, new, by status and by slice"
    for href, n in found.items():
        assert rows(viewer, href, "records") == n, href
    assert "Veld Overalls" in viewer.get(records, status="DUPLICATE").text
    assert "No record fits" in viewer.get(records, status="ERROR").text
    listed = viewer.get(html.unescape(link)).text
    assert all(said in listed for said in ("vendor_down", "cut off", "forfeited", "answered", "/ui/jobs/", "Clear"))


def test_the_ledger_is_paged_by_keys_filtered_and_of_ones_own(viewer: Visitor) -> None:
    # S2.17 R18
    api = viewer.api
    api.rows(
        "INSERT INTO vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved, sent_at, settled_at)"
        " SELECT $1, 'gleif', 'search', false, 'answered', 0, app.now(), app.now() FROM generate_series(1, 60) RETURNING 1",
        api.tenants[HOME].id,
    )
    page = viewer.get("/ui/vendors/calls", vendor="gleif", days=1).text
    assert page.count('class="row"') == 50
    [older] = re.findall(r'href="([^"]*)" rel="next"', page)
    second = viewer.client.get(html.unescape(older)).text
    assert second.count('class="row"') == 10
    assert 'rel="first"' in second
    assert 'name="days" value="1"' in page, "a search keeps the time"
    everything = viewer.get("/ui/vendors/calls", limit=200, format="json").json()["calls"]
    assert {call["tenant_id"] for call in everything} == {str(api.tenants[HOME].id)}
    assert "No call fits" in viewer.get("/ui/vendors/calls", run_id=str(uuid4())).text
    refused = viewer.get("/ui/vendors/calls", days=1, since="2026-01-01T00:00:00Z")
    assert (refused.status_code, "give one of them" in refused.text) == (400, True)


def test_a_meter_leads_to_the_calls_of_its_period(viewer: Visitor) -> None:
    # S1.07
    page = viewer.get("/ui").text
    links = dict(re.findall(r'<span>(\w+) <small>[^<]*</small></span><a class="num" href="([^"]*)">', page))
    assert set(links) >= {"llm", "tavily"}
    today = f"{datetime.now(UTC).date()}T00%3A00%3A00Z"
    assert html.unescape(links["tavily"]) == f"/ui/vendors/calls?vendor=tavily&since={today}"
    assert rows(viewer, html.unescape(links["llm"]), "calls") == 0
    assert begun_at("month", datetime(2026, 3, 31, 23, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert begun_at("run", datetime(2026, 3, 31, 23, tzinfo=UTC)) is None


def test_the_counts_of_a_nights_steps_are_as_many_companies(viewer: Visitor) -> None:
    # S1.07 S3.20
    path = f"/ui/nights/{night(viewer.api, '2026-05-05')}"
    page = viewer.get(path).text
    found = [(href, n) for href, n in linked(page, path) if "#companies" in href]
    counts = {href.removeprefix(path).partition("#")[0]: n for href, n in found}
    assert counts == {
        "": 2, "?stage=all": 5, "?stage=passed_over&reason=over_cap": 2, "?stage=passed_over&reason=rejected": 1,
        "?step=crawl&said=done": 1, "?step=crawl&said=to_do": 1, "?step=verification&said=no_vendor": 1,
        "?step=verification&said=to_do": 1, "?step=scoring&said=done": 1, "?step=scoring&said=to_do": 1,
    }  # fmt: skip
    for href, n in found:
        assert rows(viewer, href, "companies") == n, href
    [of_budget] = re.findall(r'<a href="(/ui/vendors/calls[^"]*)">tavily</a>', page)
    assert "vendor=tavily&since=" in html.unescape(of_budget)
    assert "Of none of its companies" in viewer.get(path, step="crm_push", said="done").text
    assert viewer.get(path, step="select_targets", said="done").status_code == 400
