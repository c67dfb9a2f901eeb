"""Web search by whom it is set, its pages and refusals, and the channel over social networks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from contracts.errors import Invalid, VendorBusy, VendorRefused
from contracts.providers import Channel, FoundCompany, Terms
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers import registry, social
from worker.providers.google_cse import RULES
from worker.providers.query import read
from worker.providers.rules import Said
from worker.providers.web_company import WebHit

QUERY = "corporate clothing suppliers South Africa"


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings(web_search_vendor="google_cse"))
    yield made
    await made.close()


async def test_the_setting_says_who_answers_the_channel_google(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S2.02, S0.09, R23
    vendors = {c: built.company_search(c).vendor for c in (Channel.GOOGLE, Channel.KEYWORD, Channel.SOCIAL)}
    assert vendors == {Channel.GOOGLE: "google_cse", Channel.KEYWORD: "tavily", Channel.SOCIAL: "google_cse"}
    page = await built.company_search(Channel.GOOGLE).search(QUERY, cursor=None, limit=20)
    assert {company.country for company in page.companies} == {"ZA"}
    assert (page.units, sandbox.totals("google_cse")["credits"]) == (1, 1)
    assert all("pagemap" not in company.raw for company in page.companies)


async def test_googles_pages_are_followed_to_the_last_hit_it_shows(
    built: registry.Registry, sandbox: RunningSandbox
) -> None:  # S2.06
    search = built.company_search(Channel.GOOGLE)
    found: list[FoundCompany] = []
    cursors: list[str | None] = []
    cursor = None
    while True:
        page = await search.search("clothing Southern Africa", cursor=cursor, limit=20)
        found += page.companies
        cursors.append(cursor)
        if (cursor := page.next_cursor) is None:
            break
    assert cursors[:3] == [None, "11", "21"]
    assert len({company.external_id for company in found}) == len(found) > 20
    assert (await search.search(QUERY, cursor="100", limit=20)).companies == ()
    assert sandbox.totals("google_cse")["requests"] == len(cursors)
    for bad in ("0", "x", "-1", "9999"):
        with pytest.raises(Invalid, match="leave it out"):
            await search.search(QUERY, cursor=bad, limit=20)


async def test_no_items_means_nothing_found(built: registry.Registry) -> None:  # S2.14
    page = await built.company_search(Channel.GOOGLE).search("zyzzyva quokka", cursor=None, limit=20)
    assert (page.companies, page.next_cursor, page.units) == ((), None, 1)


async def test_too_fast_and_no_queries_left_are_told_apart(built: registry.Registry, sandbox: RunningSandbox) -> None:
    search = built.company_search(Channel.GOOGLE)
    sandbox._call("/__control/quota", {"vendor": "google_cse", "credits": 0})
    with pytest.raises(VendorRefused) as caught:
        await search.search(QUERY, cursor=None, limit=20)
    assert caught.value.code == "vendor_quota"
    sandbox.reset()
    sandbox._call("/__control/limit", {"vendor": "google_cse", "limit": 1, "seconds": 30})
    await search.search(QUERY, cursor=None, limit=20)
    with pytest.raises(VendorBusy):
        await search.search(QUERY, cursor=None, limit=20)


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind"),
    [
        (429, "rateLimitExceeded", "Quota exceeded for 'Queries per minute'", "rate"),
        (429, "rateLimitExceeded", "Quota exceeded for 'Queries per day'", "quota"),
        (403, "dailyLimitExceeded", "Daily Limit Exceeded", "quota"),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", "rate"),
        (403, "accessNotConfigured", "has not been used in project", "auth"),
        (400, "keyInvalid", "Bad Request", "auth"),
        (400, "API_KEY_INVALID", "API key not valid", "auth"),
        (400, "badRequest", "Request contains an invalid argument.", "invalid"),
        (429, "unheardOf", "", "rate"),
    ],
)
def test_a_refusal_is_read_by_its_reason(status: int, reason: str, message: str, kind: str) -> None:  # S2.14
    body = f'{{"error": {{"code": {status}, "message": "{message}", "errors": [{{"reason": "{reason}"}}]}}}}'
    assert RULES.kind_of(Said(status, {"content-type": "application/json"}, body.encode())) == kind


async def test_without_its_engine_googles_search_is_absent_and_says_why(sandbox: RunningSandbox) -> None:  # S3.05
    built = registry.build(sandbox.settings(web_search_vendor="google_cse", google_cse_id=None))
    assert "GOOGLE_CSE_ID" in built.absent[Channel.GOOGLE]
    assert Channel.KEYWORD in built.channels
    await built.close()


async def test_the_social_channel_is_off_unless_somebody_switches_it_on(sandbox: RunningSandbox) -> None:  # S0.19
    built = registry.build(sandbox.settings(social_channel_enabled=False))
    assert "SOCIAL_CHANNEL_ENABLED" in built.absent[Channel.SOCIAL]
    await built.close()


@pytest.mark.parametrize("vendor", ["tavily", "google_cse"])
async def test_the_social_channel_lists_companies_and_only_their_own_domains(
    sandbox: RunningSandbox, vendor: str
) -> None:  # S0.19
    built = registry.build(sandbox.settings(web_search_vendor=vendor))
    page = await built.company_search(Channel.SOCIAL).search(QUERY, cursor=None, limit=20)
    assert len(page.companies) >= 8
    for company in page.companies:
        assert urlsplit(company.external_id).hostname in social.HOSTS
        assert "/in/" not in company.external_id
        assert "/groups/" not in company.external_id
        assert company.domain is None or company.domain in str(company.raw)
        assert company.terms is Terms.CRAWLED
        assert company.contacts == ()
    assert {company.domain is None for company in page.companies} == {True, False}
    assert sum(line["count"] for line in sandbox.requests()) == 1, "nothing is fetched from the networks"
    await built.close()


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://www.facebook.com/AcmeUniforms/?ref=x", "https://facebook.com/AcmeUniforms"),
        ("https://za.linkedin.com/company/acme-uniforms/about", "https://linkedin.com/company/acme-uniforms"),
        ("https://www.tiktok.com/@acme", "https://tiktok.com/@acme"),
        ("https://za.linkedin.com/in/mei-tan", None),
        ("https://www.facebook.com/groups/1", None),
        ("https://www.instagram.com/p/abc", None),
        ("https://www.facebook.com/", None),
        ("https://facebook.com.evil.example/acme", None),
        ("https://acme.co.za/", None),
    ],
)
def test_only_pages_of_companies_are_taken(url: str, page: str | None) -> None:
    assert social.page_of(url) == page


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Uniforms in Durban. Website: www.acme.co.za. Call us", "acme.co.za"),
        ("See https://shop.acme.com/uniforms", "acme.com"),
        ("Write to acme@gmail.com or info@acme.co.za", None),
        ("Follow us on facebook.com/acme and linkedin.com", None),
        ("Since 1999. Made in Durban.", None),
    ],
)
def test_a_domain_is_taken_only_where_it_is_stated(text: str, domain: str | None) -> None:
    hit = WebHit("Acme Uniforms | Facebook", "https://facebook.com/acme", text, 0.9, {"text": text})
    (company,) = social.companies([hit, hit], read("uniforms Durban"))
    assert (company.name, company.domain, company.country) == ("Acme Uniforms", domain, "ZA")
