"""What is read off pages: addresses, numbers, organisations, technology; and that no page can break the reader."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.sites import PageKind, Sighting
from worker.enrichment import corpus, crawl_plan, extract
from worker.enrichment.page import Page, read

AT = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://www.acme.co.za/contact"


def page(html: str, kind: PageKind = "contact", **headers: str) -> Page:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(html, URL, kind=kind, at=AT, headers=names, token="headwaterbot")


def seen(html: str, country: str | None = "ZA", kind: PageKind = "contact", **headers: str) -> list[Sighting]:
    return extract.sightings(page(html, kind, **headers), "acme.co.za", country=country)


def values(found: list[Sighting], kind: str) -> list[str]:
    return [s.value for s in found if s.kind == kind]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="mailto:Info@Acme.co.za?subject=Hi">write</a>', ["info@acme.co.za"]),
        ('<a href="MAILTO:info%40acme.co.za">write</a>', ["info@acme.co.za"]),
        ("<p>Write to sales@shop.acme.co.za.</p>", ["sales@shop.acme.co.za"]),
        ("<p>sales&#64;acme.co.za</p>", ["sales@acme.co.za"]),
        ("<p>info<b>@</b>acme.co.za</p>", ["info@acme.co.za"]),
        ("<p>info [at] acme.co.za</p>", ["info@acme.co.za"]),
        ("<p>info(at)acme(dot)co(dot)za</p>", ["info@acme.co.za"]),
        ("<p>info AT acme DOT co DOT za</p>", ["info@acme.co.za"]),
        ("<p>jane {at} acme [dot] co [dot] za, or ring</p>", ["jane@acme.co.za"]),
        ("<p>acme@gmail.com boss@acme.co.za x@partner.com</p>", ["boss@acme.co.za", "acme@gmail.com", "x@partner.com"]),
        # what is no mailbox
        ('<img src="logo@2x.png"><p>logo@2x.png you@example.com name@acme.co.za noreply@acme.co.za</p>', []),
        ("<p>meet us at acme.co.za, look at it</p>", []),
        ("<script>var a = 'hidden@acme.co.za'</script>", []),
        ("<p>605a7baede844d278b89dc95ae0a9123@sentry.io</p>", []),
        ("<p>a..b@acme.co.za @acme.co.za x@y</p>", []),
    ],
)  # fmt: skip
def test_addresses_are_read_as_people_write_them(html: str, expected: list[str]) -> None:  # S3.03
    assert values(seen(html), "email") == expected


def test_how_an_address_stood_there_says_how_sure_it_is() -> None:  # S3.03
    found = seen('<a href="mailto:a@acme.co.za">x</a> b@acme.co.za c [at] acme.co.za d@gmail.com e@else.com')
    sure = {s.value: s.confidence for s in found if s.kind == "email"}
    assert sure["a@acme.co.za"] > sure["b@acme.co.za"] > sure["c@acme.co.za"] > sure["d@gmail.com"] > sure["e@else.com"]
    assert {s.how for s in found if s.kind == "email"} == {"mailto", "text", "spelt"}
    assert {(s.url, s.at) for s in found} == {(URL, AT)}


@pytest.mark.parametrize(
    ("html", "country", "expected"),
    [
        ('<a href="tel:+27 21 555 0123">call</a>', None, ["+27215550123"]),
        ('<a href="tel:021%20555%200123">call</a>', "ZA", ["+27215550123"]),
        ("<p>Tel: (021) 555-0123</p>", "ZA", ["+27215550123"]),
        ("<p>T +27 (0)21 555 0123</p>", None, ["+27215550123"]),
        ("<p>+65 6123 4567 or 020 7946 0123</p>", "GB", ["+6561234567", "+442079460123"]),
        ('<a href="https://wa.me/27825550123?text=hi">chat</a>', None, ["+27825550123"]),
        ("<p>Fax: +27 21 555 0199</p>", "ZA", []),
        ("<p>Tel 021 555 0123</p>", None, []),
        ("<p>2019 - 2026, 12.345.678, VAT 4123456789, 1234567890123456</p>", "ZA", []),
        ("<p>order@12 0215550123@x</p>", "ZA", []),
    ],
)
def test_numbers_are_read_in_full_or_by_the_domain_s_country(
    html: str, country: str | None, expected: list[str]
) -> None:
    # S3.03
    assert values(seen(html, country), "phone") == expected


ORGANISATION = """<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
{"@type": "WebSite", "name": "Site"},
{"@type": ["Organization", "Brand"], "name": "Acme", "legalName": "Acme (Pty) Ltd", "telephone": ["+27 21 555 0123"],
 "email": "mailto:hello@acme.co.za", "foundingDate": 1984, "numberOfEmployees": {"minValue": 11, "maxValue": 50},
 "leiCode": "5493001KJTIIGC8Y1R12", "address": {"@type": "PostalAddress", "streetAddress": "1 Market  Street",
 "addressLocality": "Cape Town", "addressCountry": {"@type": "Country", "name": "ZA"}},
 "contactPoint": {"email": "desk@acme.co.za"},
 "sameAs": ["https://za.linkedin.com/company/Acme-SA/about/", "https://www.facebook.com/acme", 7, null]}]}</script>"""


def test_an_organisation_is_read_as_it_describes_itself() -> None:  # S3.03 JSON-LD
    found = seen(ORGANISATION)
    assert {k: values(found, k) for k in ("name", "legal_name", "address", "employees", "founded", "registry_id", "phone")} == {
        "name": ["Acme"], "legal_name": ["Acme (Pty) Ltd"], "address": ["1 Market Street, Cape Town, ZA"], "employees": ["11-50"],
        "founded": ["1984"], "registry_id": ["lei:5493001KJTIIGC8Y1R12"], "phone": ["+27215550123"],
    }  # fmt: skip
    assert sorted(values(found, "email")) == ["desk@acme.co.za", "hello@acme.co.za"]
    # An identifier, never a place to go.
    assert values(found, "linkedin_url") == ["https://www.linkedin.com/company/acme-sa"]
    assert values(found, "social_url") == ["https://facebook.com/acme"]


@pytest.mark.parametrize(
    "said",
    ["{", "[[[", '"x"', "null", "[" * 50_000, '{"@type": "Organization", "name": {"a": 1}, "email": [[]], "address": [3]}',
     '{"@type": {"x": 1}, "@graph": 7}', '{"@type": "Organization", "sameAs": {"@id": "http://[::1"}, "telephone": true}'],
)  # fmt: skip
def test_an_organisation_that_is_none_is_nothing(said: str) -> None:  # S3.03
    assert seen(f'<script type="application/ld+json">{said}</script>') == []


def test_technology_and_signals_are_hints_with_their_source() -> None:  # S3.03
    html = """<html lang="en-ZA"><meta name="generator" content="WordPress 6.8.1">
    <script src="/wp-includes/js/jquery.min.js"></script>
    <script src="https://js.hs-scripts.com/1.js"></script><a href="/pricing">Pricing</a><a href="/case-studies/">Case studies</a>
    <a href="/jobs">We are hiring: jobs</a><a href="https://elsewhere.com/careers">Careers</a>"""
    found = seen(html, kind="home", server="nginx/1.2", x_powered_by="PHP/8.3")
    assert values(found, "technology") == ["WordPress", "jQuery", "HubSpot", "PHP", "nginx"]
    assert values(found, "pricing") == ["https://www.acme.co.za/pricing"]
    assert values(found, "cases") == ["https://www.acme.co.za/case-studies/"]
    assert values(found, "careers") == ["https://www.acme.co.za/jobs"]
    assert values(found, "language") == ["en"]
    assert values(seen("<p>From R 1,200 per month</p>", kind="pricing"), "pricing") == [URL, "R 1,200 per month"]


def test_of_the_same_thing_on_many_pages_the_surest_stays() -> None:
    faint = seen("<footer>info [at] acme.co.za</footer>", kind="products")
    plain = seen('<a href="mailto:info@acme.co.za">x</a>')
    kept = extract.merged([*faint, *plain])
    assert [(s.value, s.how) for s in kept if s.kind == "email"] == [("info@acme.co.za", "mailto")]


@pytest.mark.parametrize(
    ("html", "gate"),
    [
        ("<title>Just a moment...</title><p>Checking your browser</p>", "captcha"),
        ("<h1>Access Denied</h1>", "captcha"),
        ('<h1>Sign in</h1><input type="password">', "login"),
        ('<input type="password"><p>Welcome to our shop for everybody</p>', None),
        ("<p>We protect our form with a captcha.</p>" + "<p>And here is all about us.</p>" * 60, None),
    ],
)
def test_a_gate_is_told_from_a_page_that_mentions_one(html: str, gate: str | None) -> None:  # S3.03
    assert page(html).gate == gate


def test_the_corpus_says_each_thing_once_in_the_order_of_the_walk_and_no_more_than_asked() -> None:  # S3.04
    nav = "<nav><a href='/'>Home of all things</a></nav><footer>Acme, 1 Market Street</footer>"
    home = page(f"{nav}<p>We make <b>uniforms</b> for\n schools.</p><p>Call 021 555</p>", "home")
    about = page(f"{nav}<p>We make uniforms for schools.</p><p>Founded in Cape Town, in 1984.</p>", "about")
    text = corpus.merge([home, about], limit=1000)
    assert text.split("\n") == [
        f"# home: {URL}", "We make uniforms for schools.", "Call 021 555", f"# about: {URL}", "Founded in Cape Town, in 1984.",
    ]  # fmt: skip
    for limit in (1, 10, 60, 100):
        assert len(corpus.merge([home, about], limit=limit)) <= limit
    described = page(
        '<meta name="description" content="Uniforms for schools, mines and hotels, made in Cape Town.">', "home"
    )
    assert corpus.describe([described]) == "Uniforms for schools, mines and hotels, made in Cape Town."
    assert corpus.describe([home]) is None


TAGS = st.sampled_from(
    [
        "<div>", "</div>", "<p", "<a href='mailto:", "<a href='http://[", "<script type='application/ld+json'>", "</script>",
        "<!--", "-->", "<![CDATA[", "<svg><style>", "<meta name=robots content=", "<base href='//", "<table><tr><td>", "\0",
        "&#x110000;", "&amp", "<title>", "info [at] ", " AT x DOT ", "tel:+", "@", "<input type=password>", "<html lang='",
        "[" * 500,
        '{"@type":"Organization","address":',
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=2000)
@given(st.lists(st.one_of(TAGS, st.text(max_size=40)), max_size=60), st.sampled_from([None, "ZA", "SG", "??"]))
def test_no_page_breaks_the_reader(parts: list[str], country: str | None) -> None:  # S3.03
    read_page = page("".join(parts).encode("utf-8", "replace").decode(), "home")
    found = extract.merged(extract.sightings(read_page, "acme.co.za", country=country))
    assert all(s.value and s.url == URL for s in found)
    assert len(corpus.merge([read_page], limit=500)) <= 500
    chosen = crawl_plan.plan(URL, read_page.links, domain="acme.co.za", pages=6, base=read_page.base)
    assert len(chosen) <= 5
    assert all(crawl_plan.belongs(p.url.split("/")[2].split(":")[0], "acme.co.za") for p in chosen)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 200_000, "<b>" * 100_000 + "x", "<a href='/contact'>c</a>" * 20_000, "<p>a@</p>" * 100_000, "<p>1 " * 200_000,
        "<p>[at]" * 100_000, "x" * 2_000_000, "<p>" + "a." * 900_000 + "@", "<p>+27 21 555 0123 " * 50_000, "<table>" * 50_000,
        "<script type='application/ld+json'>" + "[" * 100_000 + "</script>", " " * 2_000_000, "<p a=" + "x" * 1_900_000,
    ],
    ids=["div", "b", "links", "at", "digits", "spelt", "x", "dots", "phones", "tables", "ld", "blank", "attribute"],
)  # fmt: skip
def test_two_megabytes_of_malice_are_read_in_time(html: str) -> None:  # S3.03
    began = time.process_time()
    read_page = page(html[:2_000_000], "home")
    extract.sightings(read_page, "acme.co.za", country="ZA")
    crawl_plan.plan(URL, read_page.links, domain="acme.co.za", pages=6)
    corpus.merge([read_page], limit=20_000)
    assert time.process_time() - began < 2.5
