"""A site that turns us away: a search engine stands in for it, is paid for within the lead's cap, and is read like the site."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.enrichment import EnrichmentDetail
from db import waterfalls
from db.transaction import transaction
from tests.enrichment.house import WORLD, House
from worker.enrichment.fill import CAP
from worker.providers import crawler
from worker.providers.host_turns import LocalTurns
from worker.providers.sandbox.people import employees, people_of, phone
from worker.providers.sandbox.reading import page_text
from worker.providers.sandbox.sites import kind
from worker.providers.sandbox.world import Company

SEARCH_USD = 0.01
CORPUS = "SELECT request ->> 'user' FROM app.vendor_items WHERE vendor = 'llm'"
COLUMNS = "SELECT c.* FROM app.companies c JOIN app.leads l ON l.company_id = c.id WHERE l.id = $1"


def company_with(*kinds: str, said: str | None = None) -> Company:
    """A company with people whose site is of such a kind (and says things so); the one of which most is to be read elsewhere."""
    known = [c for c in WORLD.companies("ZA") if kind(WORLD, c) in kinds and people_of(WORLD, c)]
    known = [c for c in known if said is None or WORLD.luck("page", c.lei, said) < 0.5]
    return max(known, key=lambda c: len(page_text(WORLD, f"https://{c.domain}/") or ""))


@pytest.fixture
async def street(house: House) -> House:
    """A house whose crawler walks over the sandbox's sites."""
    await settled(house)
    return house


async def settled(house: House, **changes: Any) -> None:
    await house.furnish(crawl_delay_s=0, **changes)
    walk = crawler.make(house.settings, LocalTurns())
    assert walk is not None
    house.site = walk


async def newest(house: House, lead: UUID) -> EnrichmentDetail:
    return (await house.story(lead)).items[0]


def steps_usd(of: EnrichmentDetail) -> float:
    return sum(step.cost_usd for step in of.steps)


async def model_first(house: House) -> None:
    async with transaction(house.pool, house.tenant) as tx:
        order = await waterfalls.propose(tx, house.tenant, "company", ["llm.complete", "hunter.company"], "tests")
        assert order is not None
        await waterfalls.promote(tx, house.tenant, order, {}, "tests")


@pytest.mark.parametrize("how", ["forbidden", "captcha"])
async def test_a_blocked_site_is_searched_for_read_and_paid(street: House, how: str) -> None:
    # S3.04
    await model_first(street)
    company = company_with(how)
    [lead] = await street.enrich(company)
    done, told = await newest(street, lead), await street.known(lead)
    assert (done.status, done.payload["site"]["outcome"]) == ("COMPLETED", "blocked")
    assert "web search: done" in done.payload["notes"]
    [question] = [r[0] for r in await street.conn.fetch(CORPUS)]
    text = page_text(WORLD, f"https://{company.domain}/")
    assert text is not None
    assert text in question, "what the search engine has read of it"
    read = {field: value for _, vendor, field, value in told if vendor == "llm"}
    assert read["employees_min"] == read["employees_max"] == str(employees(WORLD, company))
    assert read["description"].startswith(f"{company.name} in {company.city}")
    assert "site" not in {vendor for _, vendor, _, _ in told}, "nothing was read off the site itself"
    [row] = await street.conn.fetch(COLUMNS, lead)
    assert (row["employees"], row["description"]) == (employees(WORLD, company), read["description"])
    assert street.sandbox.totals("tavily")["credits"] == 1
    assert done.cost_usd == pytest.approx(steps_usd(done) + SEARCH_USD)

    await street.enriched_again(lead)
    again = await newest(street, lead)
    assert (again.cause, again.payload["site"]["outcome"], again.cost_usd) == ("2", "blocked", 0)
    assert street.sandbox.totals("tavily")["credits"] == 1, "what was read once is not bought again"


async def test_the_search_is_held_back_by_the_leads_cap(street: House) -> None:
    # S3.04 S3.10
    await settled(street, enrichment_cost_cap_usd=0.005)
    [lead] = await street.enrich(company_with("forbidden"))
    done = await newest(street, lead)
    assert f"web search: {CAP}" in done.payload["notes"]
    assert street.sandbox.totals("tavily")["requests"] == 0
    assert done.cost_usd <= 0.005


async def test_what_the_search_cost_is_spent_for_the_fields_that_follow(street: House) -> None:
    # S3.04 S3.10
    await settled(street, enrichment_cost_cap_usd=0.015)
    [lead] = await street.enrich(company_with("forbidden"))
    done = await newest(street, lead)
    assert "web search: done" in done.payload["notes"]
    hunter = next(step for step in done.steps if step.operation == "hunter.company")
    assert (hunter.outcome, hunter.reason) == ("skipped", CAP), "a credit more would pass the cap"
    assert SEARCH_USD <= done.cost_usd <= 0.015


async def test_a_search_whose_answer_is_lost_was_paid_for_once(street: House) -> None:
    # S3.04 S3.10: as of any vendor
    street.sandbox.fault("garbage", vendor="tavily")
    [lead] = await street.enrich(company_with("forbidden"))
    done = await newest(street, lead)
    assert "web search: bad_answer" in done.payload["notes"]
    assert done.cost_usd == pytest.approx(steps_usd(done) + SEARCH_USD)
    await street.enriched_again(lead)
    again = await newest(street, lead)
    assert "web search: forfeited" in again.payload["notes"]
    assert again.cost_usd == pytest.approx(steps_usd(again)), "the loss was the first one's"
    assert street.sandbox.totals("tavily")["requests"] == 1


async def test_no_more_of_it_is_read_than_the_limit_says(street: House) -> None:
    # S3.04
    await model_first(street)
    # Less than the setting can be: the sandbox's pages are short.
    street.settings = street.settings.model_copy(update={"extract_corpus_char_limit": 80})
    company = company_with("forbidden", "captcha")
    await street.enrich(company)
    whole = page_text(WORLD, f"https://{company.domain}/") or ""
    [question] = [r[0] for r in await street.conn.fetch(CORPUS)]
    shown = question.partition("<<<PAGES\n")[2].partition("\nPAGES>>>")[0]
    assert shown == whole[:80].strip() != whole


async def test_without_a_model_or_a_vendor_rules_read_the_site(street: House) -> None:
    # S3.04: degraded, not failed
    nobody = ("hunter", "apollo", "pdl", "lusha", "zerobounce", "openai", "tavily")
    await settled(street, langchain_model=None, **{f"{vendor}_api_key": None for vendor in nobody})
    company = company_with("plain", said="json-ld")
    [lead] = await street.enrich(company)
    done, told = await newest(street, lead), await street.known(lead)
    assert (done.status, done.payload["site"]["outcome"], done.steps, done.cost_usd) == ("COMPLETED", "ok", [], 0)
    read = {field: value for kind_, vendor, field, value in told if (kind_, vendor) == ("company", "site")}
    label, count = company.domain.partition(".")[0], employees(WORLD, company)
    office = phone(WORLD, company, "office")
    expected = {
        "legal_name": company.name, "employees": str(count), "phone": office, "language": "en",
        "linkedin_url": f"https://www.linkedin.com/company/{label}",
    }  # fmt: skip
    assert {name: read.get(name) for name in expected} == expected
    [row] = await street.conn.fetch(COLUMNS, lead)
    assert (row["employees"], row["phone"]) == (count, office)
    told_of = await street.conn.fetchval("SELECT description FROM app.crawl_sites WHERE domain = $1", company.domain)
    assert told_of.startswith(f"{company.brand} was founded in {company.city} in "), "the first sentences about it"


async def test_the_cap_holds_back_what_the_ledger_would_reserve_beyond_it(house: House) -> None:
    # S3.10: ten people are asked for, a credit each; an item of the list costs one
    await house.furnish(enrichment_cost_cap_usd=0.05)
    [lead] = await house.enrich(company_with("plain"))
    done = await newest(house, lead)
    people = next(step for step in done.steps if step.operation == "hunter.domain_search")
    assert (people.outcome, people.reason) == ("skipped", CAP)
    asked = "SELECT operation, units_reserved FROM app.vendor_calls WHERE billable AND unit = 'credit'"
    reserved = {r["operation"]: r["units_reserved"] for r in await house.conn.fetch(asked)}
    assert reserved
    assert max(reserved.values()) * 0.01 <= 0.05
    await house.furnish(enrichment_cost_cap_usd=0.5)
    [lead] = await house.enrich(company_with("charset"))
    assert "hunter.domain_search" in {s.operation for s in (await newest(house, lead)).steps if s.outcome == "accepted"}
    reserved = {r["operation"]: r["units_reserved"] for r in await house.conn.fetch(asked)}
    assert reserved["domain_search"] == 10
