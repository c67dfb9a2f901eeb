"""One exam for every adapter, over real HTTP: a port keeps its promises whichever vendor is behind it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from contracts.errors import BadAnswer, HeadwaterError, Invalid, VendorBusy, VendorDown, VendorRefused
from contracts.providers import Channel, CompanySearch, FoundCompany, Page
from tests.providers.exam import SECRET, overheard, shown, sits
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.searches import SEARCHES, Search
from worker.ask import Pages, worst_case
from worker.providers import registry

#: For what costs seconds, and is the same for all.
SLOWER = [each for each in SEARCHES if each.channel in (Channel.GOOGLE, Channel.REGISTER)]
QUERIES = (  # S0.10
    "corporate clothing suppliers South Africa",
    "workwear manufacturers Johannesburg",
    "promotional clothing companies Cape Town",
    "uniform suppliers Botswana",
    "branded apparel South Africa",
)
QUERY = QUERIES[0]


@pytest.fixture
async def channels(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    built = registry.build(sandbox.settings())
    yield built
    await built.close()


async def first_page(search: CompanySearch, query: str = QUERY, limit: int = 20) -> Page:
    return await search.search(query, cursor=None, limit=limit)


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


@sits("happy", SEARCHES, "sitter")
async def test_a_search_finds_companies_with_a_name_a_country_an_id_and_terms(
    sandbox: RunningSandbox, sitter: Search
) -> None:  # S2.02
    async with sitter.opened(sandbox) as search:
        assert f"{search.vendor}.{search.operation}" == sitter.name
        page = await first_page(search, sitter.query())
        # Google's pages have ten hits at most, directories and second pages of one site among them.
        assert (4 if search.vendor == "google_cse" else 8) <= len(page.companies) <= 20
        assert len({company.external_id for company in page.companies}) == len(page.companies)
        assert {company.country for company in page.companies} == {sitter.country[0]}
        known = [company for company in page.companies if company.registry_id or company.domain]
        # A page on a social network need not say where the company's own site is.
        social = sitter.channel is Channel.SOCIAL
        assert len(known) >= (len(page.companies) / 2 if social else len(page.companies))
        assert all(company.raw for company in page.companies)
        # What may be done with it is said with each company, and by the adapter to the ledger.
        assert {company.terms for company in page.companies} == {sitter.terms} == {search.terms}
        assert Pages(search).spec.terms is sitter.terms
        assert page.units <= worst_case(search, 20)


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


@sits("empty", SEARCHES, "sitter")
async def test_nothing_found_is_an_empty_page(sandbox: RunningSandbox, sitter: Search) -> None:  # S2.14
    async with sitter.opened(sandbox) as search:
        page = await first_page(search, sitter.query("zyzzyva quokka"))
        assert page.companies == ()
        assert page.next_cursor is None


@sits("paging", SEARCHES, "sitter")
async def test_paging_reaches_the_end_once_whatever_the_page_size(
    sandbox: RunningSandbox, sitter: Search
) -> None:  # S2.06
    async with sitter.opened(sandbox) as search:
        query = sitter.query("clothing")
        whole = [company.external_id for company in await walk(search, query, (200,))]
        assert len(whole) >= 15
        for limits in ((7,), (10, 4, 9)):
            walked = [company.external_id for company in await walk(search, query, limits)]
            # Apollo shows the companies that a team has saved in a list of their own, after the others of the page; PDL's people
            # come page by page to their companies, which may then stand on two.
            if search.vendor == "apollo":
                assert sorted(walked) == sorted(whole)
            else:
                assert list(dict.fromkeys(walked)) == list(dict.fromkeys(whole))


@pytest.mark.parametrize("sitter", [each for each in SEARCHES if each.counted], ids=lambda each: each.name)
async def test_a_cursor_that_no_page_gave_is_refused(sandbox: RunningSandbox, sitter: Search) -> None:
    async with sitter.opened(sandbox) as search:
        for cursor in ("", "-1", "x", "1e3", "٣", "9" * 30):
            with pytest.raises(Invalid, match="leave it out"):
                pytest.fail(f"{cursor!r}: {await search.search(QUERY, cursor=cursor, limit=10)}")


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


async def _fails(sandbox: RunningSandbox, sitter: Search, kinds: Sequence[str]) -> None:
    """Each of `kinds` ends as it should after one request, and none harms the next call."""
    async with sitter.opened(sandbox) as search:
        for kind, error, code in (each for each in ERRORS if each[0] in kinds):
            sandbox.reset()
            sandbox.fault(kind)
            with pytest.raises(error) as caught:
                pytest.fail(f"{kind}: {await first_page(search, sitter.query())}")
            assert caught.value.code == code, kind
            assert search.vendor in caught.value.detail
            assert [line["count"] for line in sandbox.requests()] == [1], f"{kind}: an adapter never retries"
            if isinstance(caught.value, VendorDown):
                assert caught.value.sent, "it may have been billed"
            if code == "vendor_auth" and sitter.key:
                assert sitter.key.upper() in caught.value.detail, "it says what to check"
            assert caught.value.__context__ is None
        assert (await first_page(search, sitter.query())).companies, "the next call is not harmed"


@sits("classes", SEARCHES, "sitter")
async def test_each_refusal_is_named_for_the_next_move_and_tried_once(
    sandbox: RunningSandbox, sitter: Search
) -> None:  # S2.14
    await _fails(sandbox, sitter, [kind for kind, *_ in ERRORS if kind.isdigit() or kind == "redirect"])


@sits("cut", SEARCHES, "sitter")
async def test_a_connection_that_is_cut_may_have_been_billed(sandbox: RunningSandbox, sitter: Search) -> None:  # S2.14
    await _fails(sandbox, sitter, ["reset"])


@sits("garbage", SEARCHES, "sitter")
async def test_what_cannot_be_read_is_a_bad_answer(sandbox: RunningSandbox, sitter: Search) -> None:  # S2.14
    await _fails(sandbox, sitter, ["truncate", "garbage", "html", "shape"])


@pytest.mark.parametrize("sitter", SLOWER, ids=lambda each: each.name)
async def test_an_answer_without_end_is_not_read_to_its_end(sandbox: RunningSandbox, sitter: Search) -> None:  # S2.14
    # The largest answer is read up to the same limit for every vendor.
    await _fails(sandbox, sitter, ["huge"])


@sits("redaction", SEARCHES, "sitter")
async def test_no_key_is_in_a_log_or_an_error_even_if_the_vendor_repeats_it(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, sitter: Search
) -> None:
    words = f"The key {SECRET} is wrong"
    echo = {"detail": words, "error": {"message": words, "errors": [{"reason": words}]}, "message": words}
    answers = [(status, echo) for status in (200, 400, 401, 403, 404, 422, 429, 500)]
    assert sitter.address is not None
    with overheard(caplog) as logged:
        async with saying(*answers) as parrot, sitter.opened(sandbox, **{sitter.address: parrot.url}) as search:
            for _ in answers:
                await _whatever(search, sitter)
            assert len(parrot.paths) == len(answers)
        async with sitter.opened(sandbox) as search:
            for kind in ("401", "429", "500", "reset", "garbage", "redirect"):
                sandbox.fault(kind)
                await _whatever(search, sitter)
            assert (await first_page(search, sitter.query())).companies
        async with sitter.opened(sandbox, **{sitter.address: "http://127.0.0.1:9"}) as search:
            await _whatever(search, sitter)
        assert SECRET not in logged()


async def _whatever(search: CompanySearch, sitter: Search) -> None:
    """Ask, and look for the key in whatever comes of it."""
    try:
        told = repr(await first_page(search, sitter.query()))
    except HeadwaterError as error:
        told = shown(error) + repr(error.members)
    assert SECRET not in told + repr(vars(search))


@pytest.mark.parametrize("kind", ["432", "433"])
async def test_tavilys_own_codes_mean_that_credits_are_gone(
    channels: registry.Registry, sandbox: RunningSandbox, kind: str
) -> None:
    sandbox.fault(kind, vendor="tavily")
    with pytest.raises(VendorRefused, match="credits are used up") as caught:
        await first_page(channels.company_search(Channel.GOOGLE))
    assert caught.value.code == "vendor_quota"


@sits("classes", SEARCHES, "sitter")
async def test_a_throttled_call_says_how_long_to_wait(sandbox: RunningSandbox, sitter: Search) -> None:
    async with sitter.opened(sandbox) as search:
        for form in ("seconds", "date"):
            sandbox.fault("429", retry_after_s=30, retry_after_form=form)
            with pytest.raises(VendorBusy) as caught:
                await first_page(search, sitter.query())
            assert caught.value.after_s == pytest.approx(30, abs=2)


async def test_a_wait_of_a_year_is_cut_to_an_hour(channels: registry.Registry, sandbox: RunningSandbox) -> None:
    sandbox.fault("503", retry_after_s=31_536_000)
    with pytest.raises(VendorDown) as caught:
        await first_page(channels.company_search(Channel.REGISTER))
    assert caught.value.after_s == 3600


@sits("slow", SEARCHES, "sitter")
@pytest.mark.parametrize("kind", ["timeout", "slow"])
async def test_a_vendor_that_is_silent_or_drips_is_left_at_the_deadline(
    sandbox: RunningSandbox, sitter: Search, kind: str
) -> None:
    async with sitter.opened(sandbox, vendor_timeout_s=0.2) as search:
        sandbox.fault(kind)
        started = time.monotonic()
        with pytest.raises(VendorDown, match="in time") as caught:
            await first_page(search, sitter.query())
        assert time.monotonic() - started < 3
        assert caught.value.sent, "it may have been billed"


@sits("cut", SEARCHES, "sitter")
async def test_a_vendor_that_is_not_there_cannot_have_billed(sandbox: RunningSandbox, sitter: Search) -> None:
    assert sitter.address is not None
    async with sitter.opened(sandbox, **{sitter.address: "http://127.0.0.1:9"}) as search:
        with pytest.raises(VendorDown, match="cannot be reached") as caught:
            await first_page(search, sitter.query())
        assert not caught.value.sent


@sits("garbage", SEARCHES, "sitter")
async def test_what_a_hostile_vendor_sends_can_still_be_stored(sandbox: RunningSandbox, sitter: Search) -> None:
    sandbox.fault("hostile")
    async with sitter.opened(sandbox) as search:
        page = await first_page(search, sitter.query())
    assert page.companies
    stored = json.dumps([company.model_dump(mode="json") for company in page.companies], ensure_ascii=False)
    stored.encode("utf-8")
    assert "\0" not in stored
    assert "\\u0000" not in stored


@sits("keyless", SEARCHES, "sitter")
async def test_without_a_usable_key_a_channel_is_absent_and_the_others_are_there(
    sandbox: RunningSandbox, sitter: Search
) -> None:  # S3.05
    assert sitter.key is not None
    for key in (None, "", "  ", "with a-space", "schlüssel"):
        built = registry.build(sandbox.settings(**{**sitter.also, sitter.key: key}))
        with pytest.raises(VendorRefused, match=f"channel {sitter.channel.value}.*{sitter.key.upper()}") as caught:
            built.company_search(sitter.channel)
        assert caught.value.code == "channel_absent"
        assert re.search("set it|copy it again", caught.value.detail), "it says what to do"
        assert str(key).strip() in ("", "None") or str(key) not in caught.value.detail
        assert {Channel.REGISTER, Channel.FILE} <= set(built.channels)
        await built.close()


async def test_an_address_that_is_none_leaves_its_channel_absent(sandbox: RunningSandbox, tmp_path: Path) -> None:
    built = registry.build(sandbox.settings(gleif_base_url="gleif", company_file=str(tmp_path / "no.csv")))
    assert set(Channel) - set(built.channels) >= {Channel.REGISTER, Channel.FILE}
    assert "GLEIF_BASE_URL" in built.absent[Channel.REGISTER]
    assert "COMPANY_FILE" in built.absent[Channel.FILE]
    await built.close()
