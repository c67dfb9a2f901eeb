"""Which pages are read, in which order: the same for the same links, on this site only, and never a trap."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.enrichment.crawl_plan import Planned, canonical, key, plan
from worker.enrichment.page import Link

HOME = "https://www.acme.co.za/"
LINKS = [
    Link("/", "Home"), Link("/about-us", "About us"), Link("/about/history", "Our history"), Link("contact.html", "Contact"),
    Link("/en/contact-us/", "Get in touch"), Link("/team", "Meet the team"), Link("/products", "Products"),
    Link("https://acme.co.za/pricing?utm_source=nav", "Pricing"), Link("/our-work", "Case studies"), Link("/jobs", "Careers"),
    Link("/impressum", "Impressum"), Link("/blog/how-to-contact-a-ghost", "How to contact a ghost and what it costs you"),
    Link("/catalogue.pdf", "Catalogue"), Link("mailto:x@acme.co.za", "Contact"),
    Link("https://www.linkedin.com/company/acme", "About"),
]  # fmt: skip


def chosen(links: list[Link], pages: int = 6, **more: Any) -> list[tuple[str, str]]:
    return [(p.kind, p.url) for p in plan(HOME, links, domain="acme.co.za", pages=pages, **more)]


def test_key_pages_come_in_the_order_of_their_worth() -> None:  # S3.03
    assert chosen(LINKS) == [
        ("contact", "https://www.acme.co.za/contact.html"), ("about", "https://www.acme.co.za/about-us"),
        ("impressum", "https://www.acme.co.za/impressum"), ("team", "https://www.acme.co.za/team"),
        ("products", "https://www.acme.co.za/products"),
    ]  # fmt: skip
    assert [kind for kind, _ in chosen(LINKS, 9)][5:] == ["pricing", "cases", "careers"]
    assert ("pricing", "https://acme.co.za/pricing") in chosen(LINKS, 9)
    assert chosen(LINKS, 1) == []


def test_the_order_of_the_links_does_not_matter() -> None:  # S3.03 deterministic
    shuffled = list(LINKS)
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        assert chosen(shuffled, 12) == chosen(LINKS, 12)


def test_what_most_sites_have_is_guessed_when_nothing_links_to_it() -> None:  # S3.03
    found = plan(HOME, [Link("/team", "Team")], domain="acme.co.za", pages=6)
    assert found == [
        Planned(f"{HOME}team", "team"), Planned(f"{HOME}contact", "contact", True), Planned(f"{HOME}about", "about", True),
    ]  # fmt: skip
    assert chosen([Link("/team", "Team")], guess=False) == [("team", f"{HOME}team")]
    assert chosen(LINKS, nofollow=True) == []


def test_a_trap_gets_no_request() -> None:  # S3.03
    trap = [Link(f"/calendar/2026/{n}?session={n}", str(n)) for n in range(5000)]
    trap += [
        Link("/a" * 30, "Contact"),
        Link("/contact?" + "x=1&" * 400, "Contact"),
        Link("/contact;jsessionid=4", "Contact"),
    ]
    assert [p.url for p in plan(HOME, trap, domain="acme.co.za", pages=6, guess=False)] == [f"{HOME}contact"]


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("contact", "https://www.acme.co.za/contact"), ("../x/./y", "https://www.acme.co.za/x/y"), ("#top", "https://www.acme.co.za/"),
        ("//shop.acme.co.za/a", "https://shop.acme.co.za/a"), ("HTTP://ACME.co.za", "http://acme.co.za/"),
        ("/a?b=2&a=1&utm_source=x&gclid=1", "https://www.acme.co.za/a?b=2&a=1"), ("/a;jsessionid=1?b=2", "https://www.acme.co.za/a?b=2"),
        ("https://evilacme.co.za/", None), ("https://acme.co.za.evil.com/", None), ("https://x@acme.co.za/", None),
        ("https://acme.co.za:8443/", None), ("javascript:void(0)", None), ("tel:+27", None), ("data:text/html,x", None),
        ("/logo.PNG", None), ("/files/x.pdf?download=1", None), ("http://[::1", None), ("https://acme.co.za:99999/", None),
    ],
)  # fmt: skip
def test_links_are_read_as_pages_of_this_site_or_not_at_all(href: str, expected: str | None) -> None:  # S3.03
    assert canonical(href, base=HOME, domain="acme.co.za") == expected


def test_two_spellings_of_one_page_are_one() -> None:
    spellings = [
        "http://acme.co.za",
        "https://www.acme.co.za/",
        "https://acme.co.za/index.html",
        "https://www.ACME.co.za/Home.php",
    ]
    assert len({key(url) for url in spellings}) == 1
    assert key("https://acme.co.za/a?x=1") != key("https://acme.co.za/a?x=2")


@settings(max_examples=60, deadline=2000)
@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=30)), max_size=30), st.integers(1, 10))
def test_no_link_breaks_the_plan(pairs: list[tuple[str, str]], pages: int) -> None:  # S3.03
    found = plan(HOME, [Link(h, w) for h, w in pairs], domain="acme.co.za", pages=pages)
    assert len(found) < pages or found == []
    assert len({key(p.url) for p in found}) == len(found)
