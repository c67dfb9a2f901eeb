"""PDL: pages whose size is money, people told apart by metadata, and a plan that hides what it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.errors import VendorBusy, VendorRefused
from contracts.findings import CompanyQuery, PersonQuery
from contracts.providers import Channel
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from tests.providers.subjects import NOBODY, known_companies, known_people, named
from worker.providers import registry
from worker.providers.pdl import RULES
from worker.providers.rules import Said

QUERY = "corporate clothing suppliers South Africa"


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


async def test_nothing_found_is_free_and_companies_are_ours(built: registry.Registry, sandbox: RunningSandbox) -> None:
    search = built.company_search(Channel.PDL)
    assert search.units_for(7) == 7  # type: ignore[attr-defined]
    empty = await search.search("zyzzyva South Africa", cursor=None, limit=20)
    assert (empty.companies, empty.units, sandbox.totals("pdl")["credits"]) == ((), 0, 0)
    page = await search.search(QUERY, cursor=None, limit=20)
    assert page.units == len(page.companies)
    assert all(company.name != company.name.lower() for company in page.companies)
    assert all(company.city and company.city[0].isupper() for company in page.companies)


async def test_people_are_told_apart_by_metadata_and_what_cannot_be_asked_is_not_sent(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:
    people = known_people("pdl", 0.6)[:3]
    asked = [named(people[0]), NOBODY, PersonQuery(name="Mei Tan"), PersonQuery(linkedin_url=people[1].linkedin)]
    replies = await built.operation("pdl.person").ask(asked, key="k")
    assert [reply.outcome for reply in replies] == ["found", "miss", "invalid", "found"]
    values = [reply.value for reply in replies if reply.value]
    assert [value.email for value in values] == [people[0].email, people[1].email]
    assert values[0].name is not None
    assert values[0].name.casefold() == people[0].name.casefold()
    assert values[1].confidence == 1.0
    assert sum(reply.units for reply in replies) == sandbox.totals("pdl")["credits"] == 2


async def test_true_is_no_telephone_number(sandbox: RunningSandbox) -> None:
    free = registry.build(sandbox.settings(pdl_api_key=f"{KEY}-free"))
    person = known_people("pdl", 0.6)[0]
    (reply,) = await free.operation("pdl.person").ask([PersonQuery(email=person.email)], key="k")
    assert reply.value
    assert reply.value.title.casefold() == person.title.casefold()
    assert (reply.value.email, reply.value.phone) == (None, None)
    await free.close()


async def test_a_company_profile_has_its_range_and_codes(built: registry.Registry) -> None:
    company = known_companies("pdl", 0.7)[0]
    (reply,) = await built.operation("pdl.company").ask([CompanyQuery(domain=company.domain)], key="k")
    value = reply.value
    assert value
    assert value.employees_min <= value.employees <= value.employees_max
    assert (value.country, value.naics, value.domain, reply.units) == ("ZA", ("315990",), company.domain, 1)
    (nothing,) = await built.operation("pdl.company").ask([CompanyQuery()], key="k")
    assert nothing.outcome == "invalid"


async def test_no_credits_left_is_an_operators_matter_and_too_fast_names_the_moment(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S2.14
    search = built.company_search(Channel.PDL)
    sandbox.fault("402", vendor="pdl")
    with pytest.raises(VendorRefused, match="credits are used up"):
        await search.search(QUERY, cursor=None, limit=5)
    sandbox.reset()
    sandbox._call("/__control/limit", {"vendor": "pdl", "limit": 1, "seconds": 30})
    await search.search(QUERY, cursor=None, limit=5)
    with pytest.raises(VendorBusy) as caught:
        await search.search("workwear South Africa", cursor=None, limit=5)
    assert caught.value.after_s == pytest.approx(30, abs=3)


def test_the_rate_header_is_read_whatever_its_quotes() -> None:
    assert RULES.hint
    for header in ("{'minute': 3, 'day': 900}", '{"minute": 3, "day": 900}'):
        hint = RULES.hint({"x-ratelimit-remaining": header, "x-ratelimit-limit": "{'minute': 100}"})
        assert hint
        assert (hint.remaining, hint.reset_s, hint.limit) == (3, 60.0, 100)
    assert RULES.hint({"x-ratelimit-remaining": "unlimited"}) is None


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b'{"status": 404, "error": {"type": "not_found", "message": "no"}}', "miss"),
        ("application/json", b'{"message": "no such path"}', "invalid"),
        ("text/html", b"<html>", "invalid"),
    ],
)
def test_only_its_own_404_is_a_miss(kind: str, body: bytes, expected: str) -> None:
    assert RULES.kind_of(Said(404, {"content-type": kind}, body)) == expected
