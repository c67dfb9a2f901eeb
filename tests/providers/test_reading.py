"""Reading queries, places and web hits: tables of what goes in and what a user should see come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.providers.places import country_of_domain
from worker.providers.query import read
from worker.providers.web_hit import (
    addresses_at,
    company_domain,
    company_name,
    normal_url,
    registrable_domain,
)


@pytest.mark.parametrize(
    ("query", "words", "country", "city"),
    [
        ("corporate clothing suppliers South Africa", "corporate clothing", "ZA", None),
        ("workwear manufacturers Johannesburg", "workwear", "ZA", "Johannesburg"),
        ("promotional clothing companies Cape Town", "promotional clothing", "ZA", "Cape Town"),
        ("uniform suppliers Botswana", "uniform", "BW", None),
        ("branded apparel South Africa", "branded apparel", "ZA", None),
        ("Shops in gaborone, Botswana", "", "BW", "Gaborone"),
        ("suppliers in Johannesburg for clients in Botswana", "clients", "BW", None),
        ("mining", "mining", None, None),
        ("Cork flooring Ireland", "flooring", "IE", "Cork"),
        ("cork flooring", "cork flooring", None, None),
        ("info@johannesburg.co.za printers", "info johannesburg co za printers", None, None),
        ("", "", None, None),
    ],
)
def test_a_query_is_split_into_words_and_a_place(query: str, words: str, country: str | None, city: str | None) -> None:
    wanted = read(query)
    assert (wanted.text, wanted.country, wanted.city) == (words, country, city)


@pytest.mark.parametrize(
    ("title", "domain", "name"),
    [
        (
            "Home | TFG Apparel Supply Company (Pty) Ltd",
            "tfg-apparel-supply.co.za",
            "TFG Apparel Supply Company (Pty) Ltd",
        ),
        ("Uniforms in Botswana - Kalahari Corp", "kalahari.co.bw", "Kalahari Corp"),
        ("Welcome to Acme", "acme.com", "Acme"),
        ("Kalahari – Workwear: made in Maun", "kalahari.co.bw", "Kalahari"),
        ("Best price uniforms | shop now", "kalahari.co.bw", "Best price uniforms"),
        ("Jack-of-all Traders", "jackofall.com", "Jack-of-all Traders"),
        ("Home", "foo-bar.co.za", "Foo Bar"),
        ("", "foo-bar.co.za", "Foo Bar"),
    ],
)
def test_a_page_title_gives_the_company_name(title: str, domain: str, name: str) -> None:
    assert company_name(title, domain) == name


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTP://WWW.Foo.co.za:80/index.html?utm_source=x#top", "https://foo.co.za"),
        ("https://foo.co.za/?b=2&a=1&gclid=9", "https://foo.co.za?a=1&b=2"),
        ("https://foo.co.za/about-us/", "https://foo.co.za/about-us"),
        ("https://foo.co.za:8443/x", "https://foo.co.za:8443/x"),
        ("ftp://foo.co.za", None),
        ("https://[", None),
        ("https://foo.co.za:99999/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_one_page_has_one_spelling(url: str, same: str | None) -> None:
    assert normal_url(url) == same


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("shop.foo.co.za", "foo.co.za"),
        ("one.myshopify.com", "one.myshopify.com"),
        ("two.github.io", "two.github.io"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("10.0.0.1", None),
        ("co.za", None),
        ("localhost", None),
    ],
)
def test_the_registrable_domain_knows_private_suffixes(host: str, domain: str | None) -> None:  # R13
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    "url", ["https://za.linkedin.com/company/x", "https://www.yellowpages.co.za/x", "https://gmail.com"]
)
def test_directories_and_mail_hosts_are_not_companies(url: str) -> None:
    assert company_domain(url) is None


def test_only_the_companys_own_addresses_are_taken() -> None:
    text = "Mail Info@Foo.co.za or sales@mail.foo.co.za. x@gmail.com, @foo.co.za, y@notfoo.co.za, info@foo.co.za"
    assert addresses_at("foo.co.za", text) == ["info@foo.co.za", "sales@mail.foo.co.za"]


@pytest.mark.parametrize(
    ("domain", "country"),
    [("x.co.za", "ZA"), ("x.co.uk", "GB"), ("x.io", None), ("x.com", None), ("x.eu", None)],
)
def test_a_country_code_domain_names_the_country(domain: str, country: str | None) -> None:
    assert country_of_domain(domain) == country


@given(st.text(max_size=300))
def test_no_text_breaks_a_reader(text: str) -> None:
    read(text)
    addresses_at("foo.co.za", text)
    assert company_name(text, "foo.co.za")
    for url in (
        normal_url(text),
        normal_url(f"https://foo.co.za/{text}"),
        normal_url(f"https://{text}.co.za/"),
    ):
        if url is not None:
            assert 0 < len(url) <= 500
            company_domain(url)
