"""Companies House: which of its searches is asked, where its hits end, and numbers that are none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from contracts.findings import CompanyQuery
from contracts.providers import Channel, CompanySearch
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import world
from worker.providers import registry
from worker.providers.sandbox.companies_house import number_of


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


@pytest.fixture
def search(built: registry.Registry) -> CompanySearch:
    return built.company_search(Channel.COMPANIES_HOUSE)


def asked(sandbox: RunningSandbox) -> list[str]:
    return [line["operation"] for line in sandbox.requests()]


async def test_words_alone_take_the_plain_search_and_a_city_or_a_code_the_advanced_one(
    search: CompanySearch, sandbox: RunningSandbox
) -> None:  # S2.02
    plain = await search.search("corporate clothing", cursor=None, limit=20)
    assert asked(sandbox) == ["search"]
    assert {company.country for company in plain.companies} == {"GB"}
    assert all(company.registry_id == f"gb-coh:{company.external_id}" for company in plain.companies)

    in_leeds = await search.search("clothing suppliers Leeds", cursor=None, limit=50)
    assert in_leeds.companies
    assert {company.city for company in in_leeds.companies} == {"Leeds"}
    by_code = await search.search("14120 companies in the United Kingdom", cursor=None, limit=20)
    assert len(by_code.companies) == 20
    assert asked(sandbox) == ["search", "advanced_search", "advanced_search"]
    assert all(company.name for company in (*plain.companies, *in_leeds.companies, *by_code.companies))


async def test_a_query_about_another_country_is_not_sent(search: CompanySearch, sandbox: RunningSandbox) -> None:
    for query in ("workwear South Africa", "workwear manufacturers Johannesburg", "companies in the United Kingdom"):
        assert (await search.search(query, cursor=None, limit=20)).companies == ()
    assert asked(sandbox) == []


async def test_dissolved_companies_are_left_out(search: CompanySearch) -> None:
    page = await search.search("clothing", cursor=None, limit=100)
    assert 20 < len(page.companies) < 49
    assert all(company.raw["company_status"] == "active" for company in page.companies)


async def test_a_page_of_one_is_served_although_the_vendor_cannot(search: CompanySearch) -> None:
    first = await search.search("clothing", cursor=None, limit=1)
    second = await search.search("clothing", cursor=first.next_cursor, limit=1)
    whole = await search.search("clothing", cursor=None, limit=2)
    assert (*first.companies, *second.companies) == whole.companies


async def test_beyond_the_last_hit_that_can_be_reached_there_is_nothing(
    search: CompanySearch, sandbox: RunningSandbox
) -> None:
    assert (await search.search("clothing", cursor="1000", limit=20)).next_cursor is None
    assert asked(sandbox) == []
    sandbox.fault("416", vendor="companies_house")
    assert (await search.search("clothing", cursor="900", limit=20)).companies == ()
    sandbox.fault("404", vendor="companies_house")
    assert (await search.search("clothing Leeds", cursor=None, limit=20)).companies == ()


@pytest.mark.parametrize("number", ["1234567", "123456789", "../search", "SC 12345", None])
async def test_a_malformed_number_is_never_sent(
    built: registry.Registry, sandbox: RunningSandbox, number: str | None
) -> None:
    (reply,) = await built.operation("companies_house.company").ask([CompanyQuery(registry_id=number)], key="k")
    assert reply.outcome == "invalid"
    assert asked(sandbox) == []


async def test_a_number_is_understood_with_and_without_its_scheme(built: registry.Registry) -> None:
    company = world().companies("GB")[0]
    operation = built.operation("companies_house.company")
    for registry_id in (f"gb-coh:{number_of(company)}", number_of(company)):
        (reply,) = await operation.ask([CompanyQuery(registry_id=registry_id)], key="k")
        assert reply.value
        assert reply.value.name == company.name.upper()
        assert (reply.value.city, reply.value.country, reply.units) == (company.city, "GB", 0)
        assert 1960 <= reply.value.founded <= 2020
