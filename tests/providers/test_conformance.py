"""One exam for every adapter, over real HTTP: a port keeps its promises whichever vendor is behind it."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import BadAnswer, HeadwaterError, Invalid, VendorBusy, VendorDown, VendorRefused
from contracts.providers import Channel, CompanySearch, FoundCompany, Page
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.providers import registry

HTTP = tuple(channel for channel in Channel if channel is not Channel.FILE)
#: One of each adapter.
ADAPTERS = tuple(channel for channel in HTTP if channel not in (Channel.KEYWORD, Channel.SOCIAL))
#: For what costs seconds, and is the same for all.
SLOWER = (Channel.GOOGLE, Channel.REGISTER)
PAGED = (Channel.REGISTER, Channel.FILE, Channel.APOLLO, Channel.PDL, Channel.COMPANIES_HOUSE)
#: Their cursors are our own, so that a wrong one is known for what it is.
COUNTED = (Channel.REGISTER, Channel.FILE, Channel.APOLLO, Channel.COMPANIES_HOUSE)
BASE_URLS = {
    f"{vendor}_base_url": "http://127.0.0.1:9"
    for vendor in ("tavily", "gleif", "apollo", "pdl", "companies_house", "google_cse")
}
QUERIES = (  # S0.10
    "corporate clothing suppliers South Africa",
    "workwear manufacturers Johannesburg",
    "promotional clothing companies Cape Town",
    "uniform suppliers Botswana",
    "branded apparel South Africa",
)
QUERY = QUERIES[0]
#: A register of one country is asked about that country.
COUNTRIES = {Channel.COMPANIES_HOUSE: ("GB", "United Kingdom")}


@pytest.fixture
async def channels(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    built = registry.build(sandbox.settings())
    yield built
    await built.close()


@pytest.fixture
async def hasty(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    built = registry.build(sandbox.settings(vendor_timeout_s=0.4))
    yield built
    await built.close()


async def first_page(search: CompanySearch, query: str = QUERY, limit: int = 20) -> Page:
    return await search.search(query, cursor=None, limit=limit)


def query_for(channel: Channel, text: str = "corporate clothing suppliers") -> str:
    return f"{text} {COUNTRIES.get(channel, ('ZA', 'South Africa'))[1]}"


async def walk(search: CompanySearch, query: str, limits: tuple[int, ...]) -> list[FoundCompany]:
    found: list[FoundCompany] = []
    cursor, turn = None, 0
    while True:
        page = await search.search(query, cursor=cursor, limit=limits[turn % len(limits)])
        assert len(page.companies) <= limits[turn % len(limits)]
        found += page.companies
        cursor, turn = page.next_cursor, turn + 1
        if cursor is None:
            return found
        assert turn < 500, "the walk does not end"


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_search_finds_companies_with_a_name_a_country_and_an_id(
    channels: registry.Registry, channel: Channel
) -> None:  # S2.02
    page = await first_page(channels.company_search(channel), query_for(channel))
    assert 8 <= len(page.companies) <= 20
    assert len({company.external_id for company in page.companies}) == len(page.companies)
    assert {company.country for company in page.companies} == {COUNTRIES.get(channel, ("ZA", ""))[0]}
    known = [company for company in page.companies if company.registry_id or company.domain]
    # A page on a social network need not say where the company's own site is.
    assert len(known) >= (len(page.companies) / 2 if channel is Channel.SOCIAL else len(page.companies))
    assert all(company.raw for company in page.companies)


@pytest.mark.parametrize("query", QUERIES)
async def test_the_default_queries_find_the_same_firms_in_both_web_channels(
    channels: registry.Registry, query: str
) -> None:  # S0.09, S0.10
    google, keyword = [await first_page(channels.company_search(c), query) for c in (Channel.GOOGLE, Channel.KEYWORD)]
    ours = [{company.domain for company in page.companies} for page in (google, keyword)]
    assert all(8 <= len(page.companies) <= 20 for page in (google, keyword))
    assert ours[0] & ours[1]
    assert ours[0] != ours[1]
    wanted = "BW" if "Botswana" in query else "ZA"
    assert sum(company.country == wanted for company in google.companies) >= 4


async def test_web_hits_on_directories_and_repeated_addresses_are_left_out(
    channels: registry.Registry,
) -> None:
    page = await first_page(channels.company_search(Channel.GOOGLE))
    domains = [company.domain for company in page.companies]
    assert not {"yellowpages.co.za", "linkedin.com"} & set(domains)
    assert len(set(domains)) < len(domains), "two pages of one site stay two records; the domain tells they are one"


async def test_a_mail_address_counts_only_at_the_companys_own_domain(channels: registry.Registry) -> None:
    page = await first_page(channels.company_search(Channel.GOOGLE))
    with_mail = [company for company in page.companies if company.contacts]
    assert with_mail
    for company in with_mail:
        assert [contact.email for contact in company.contacts] == [f"info@{company.domain}"]


async def test_the_register_knows_firms_that_the_web_knows(channels: registry.Registry) -> None:  # R13
    web = await first_page(channels.company_search(Channel.GOOGLE))
    register = await walk(channels.company_search(Channel.REGISTER), QUERY, (50,))
    assert {c.name.casefold() for c in web.companies} & {c.name.casefold() for c in register}


@pytest.mark.parametrize("channel", list(Channel))
async def test_nothing_found_is_an_empty_page(channels: registry.Registry, channel: Channel) -> None:  # S2.14
    page = await first_page(channels.company_search(channel), query_for(channel, "zyzzyva quokka"))
    assert page.companies == ()
    assert page.next_cursor is None


@pytest.mark.parametrize("channel", PAGED)
async def test_paging_reaches_the_end_once_whatever_the_page_size(
    channels: registry.Registry, channel: Channel
) -> None:  # S2.06
    search = channels.company_search(channel)
    query = query_for(channel, "clothing")
    whole = [company.external_id for company in await walk(search, query, (200,))]
    assert len(whole) > 20
    for limits in ((7,), (10, 4, 9)):
        walked = [company.external_id for company in await walk(search, query, limits)]
        # Apollo shows the companies that a team has saved in a list of their own, after the others of the page.
        assert sorted(walked) == sorted(whole) if channel is Channel.APOLLO else walked == whole


@pytest.mark.parametrize("channel", COUNTED)
@pytest.mark.parametrize("cursor", ["", "-1", "x", "1e3", "٣", "9" * 30])
async def test_a_cursor_that_no_page_gave_is_refused(
    channels: registry.Registry, channel: Channel, cursor: str
) -> None:
    with pytest.raises(Invalid, match="leave it out"):
        await channels.company_search(channel).search(QUERY, cursor=cursor, limit=10)


async def test_web_search_has_one_page_and_a_second_costs_nothing(
    channels: registry.Registry, sandbox: RunningSandbox
) -> None:
    search = channels.company_search(Channel.GOOGLE)
    page = await first_page(search)
    assert (page.next_cursor, page.units, search.billable, search.units_per_page) == (None, 1.0, True, 1.0)
    assert (await search.search(QUERY, cursor="1", limit=20)).companies == ()
    assert sandbox.totals("tavily") == {"requests": 1, "credits": 1.0, "repeated": 0}


async def test_the_vendors_bill_tells_the_two_web_channels_apart(
    channels: registry.Registry, sandbox: RunningSandbox
) -> None:
    for channel in (Channel.GOOGLE, Channel.KEYWORD):
        await first_page(channels.company_search(channel))
    assert {line["channel"] for line in sandbox.requests()} == {"google", "keyword"}


ERRORS: list[tuple[str, type[HeadwaterError], str]] = [
    ("429", VendorBusy, "vendor_busy"),
    ("408", VendorDown, "vendor_down"),
    ("500", VendorDown, "vendor_down"),
    ("503", VendorDown, "vendor_down"),
    ("401", VendorRefused, "vendor_auth"),
    ("403", VendorRefused, "vendor_auth"),
    ("402", VendorRefused, "vendor_quota"),
    ("400", VendorRefused, "vendor_rejected_request"),
    ("422", VendorRefused, "vendor_rejected_request"),
    ("redirect", VendorRefused, "vendor_moved"),
    ("reset", VendorDown, "vendor_down"),
    ("truncate", BadAnswer, "bad_answer"),
    ("garbage", BadAnswer, "bad_answer"),
    ("html", BadAnswer, "bad_answer"),
    ("shape", BadAnswer, "bad_answer"),
    ("huge", BadAnswer, "bad_answer"),
]


@pytest.mark.parametrize("channel", ADAPTERS)
async def test_each_failure_is_named_for_the_next_move_and_tried_once(
    channels: registry.Registry, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, channel: Channel
) -> None:  # S2.14
    caplog.set_level(logging.DEBUG)
    search = channels.company_search(channel)
    # The largest answer is read up to the same limit for every vendor.
    expected = [each for each in ERRORS if each[0] != "huge" or channel in SLOWER]
    for kind, error, code in expected:
        sandbox.reset()
        sandbox.fault(kind)
        with pytest.raises(error) as caught:
            pytest.fail(f"{kind}: {await first_page(search, query_for(channel))}")
        assert caught.value.code == code, kind
        assert search.vendor in caught.value.detail
        assert [line["count"] for line in sandbox.requests()] == [1], f"{kind}: an adapter never retries"
        if isinstance(caught.value, VendorDown):
            assert caught.value.sent
        # The key is in no text that an error tracker or a log would keep.
        shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + repr(vars(search))
        assert KEY not in shown
        assert caught.value.__context__ is None
    assert KEY not in caplog.text
    assert (await first_page(search, query_for(channel))).companies, "the next call is not harmed"


@pytest.mark.parametrize("kind", ["432", "433"])
async def test_tavilys_own_codes_mean_that_credits_are_gone(
    channels: registry.Registry, sandbox: RunningSandbox, kind: str
) -> None:
    sandbox.fault(kind, vendor="tavily")
    with pytest.raises(VendorRefused, match="credits are used up") as caught:
        await first_page(channels.company_search(Channel.GOOGLE))
    assert caught.value.code == "vendor_quota"


@pytest.mark.parametrize("channel", SLOWER)
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_throttled_call_says_how_long_to_wait(
    channels: registry.Registry, sandbox: RunningSandbox, channel: Channel, form: str
) -> None:
    sandbox.fault("429", retry_after_s=30, retry_after_form=form)
    with pytest.raises(VendorBusy) as caught:
        await first_page(channels.company_search(channel), query_for(channel))
    assert caught.value.after_s == pytest.approx(30, abs=2)


async def test_a_wait_of_a_year_is_cut_to_an_hour(channels: registry.Registry, sandbox: RunningSandbox) -> None:
    sandbox.fault("503", retry_after_s=31_536_000)
    with pytest.raises(VendorDown) as caught:
        await first_page(channels.company_search(Channel.REGISTER))
    assert caught.value.after_s == 3600


@pytest.mark.parametrize("channel", SLOWER)
@pytest.mark.parametrize("kind", ["timeout", "slow"])
async def test_a_vendor_that_is_silent_or_drips_is_left_at_the_deadline(
    hasty: registry.Registry, sandbox: RunningSandbox, channel: Channel, kind: str
) -> None:
    sandbox.fault(kind)
    started = time.monotonic()
    with pytest.raises(VendorDown, match="in time") as caught:
        await first_page(hasty.company_search(channel))
    assert time.monotonic() - started < 3
    assert caught.value.sent, "it may have been billed"


@pytest.mark.parametrize("channel", ADAPTERS)
async def test_a_vendor_that_is_not_there_cannot_have_billed(sandbox: RunningSandbox, channel: Channel) -> None:
    built = registry.build(sandbox.settings(**BASE_URLS))
    with pytest.raises(VendorDown, match="cannot be reached") as caught:
        await first_page(built.company_search(channel), query_for(channel))
    assert not caught.value.sent
    await built.close()


@pytest.mark.parametrize("channel", HTTP)
async def test_what_a_hostile_vendor_sends_can_still_be_stored(
    channels: registry.Registry, sandbox: RunningSandbox, channel: Channel
) -> None:
    sandbox.fault("hostile")
    page = await first_page(channels.company_search(channel), query_for(channel))
    assert page.companies
    stored = json.dumps([company.model_dump(mode="json") for company in page.companies], ensure_ascii=False)
    stored.encode("utf-8")
    assert "\0" not in stored
    assert "\\u0000" not in stored


@pytest.mark.parametrize("key", [None, "", "  ", "tvly-with a-space", "tvly-schlüssel"])
async def test_a_web_channel_without_a_usable_key_is_absent_and_says_why(
    sandbox: RunningSandbox, key: str | None
) -> None:  # S3.05
    built = registry.build(sandbox.settings(tavily_api_key=key))
    assert {Channel.REGISTER, Channel.FILE} <= set(built.channels)
    for channel in (Channel.GOOGLE, Channel.KEYWORD):
        with pytest.raises(VendorRefused, match=f"channel {channel.value}.*TAVILY_API_KEY") as caught:
            built.company_search(channel)
        assert caught.value.code == "channel_absent"
    await built.close()


async def test_an_address_that_is_none_leaves_its_channel_absent(sandbox: RunningSandbox, tmp_path: Path) -> None:
    built = registry.build(sandbox.settings(gleif_base_url="gleif", company_file=str(tmp_path / "no.csv")))
    assert set(Channel) - set(built.channels) >= {Channel.REGISTER, Channel.FILE}
    assert "GLEIF_BASE_URL" in built.absent[Channel.REGISTER]
    assert "COMPANY_FILE" in built.absent[Channel.FILE]
    await built.close()
