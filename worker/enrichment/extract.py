"""Everything a page says about its company, as sightings: what, where, when, how, how surely. Pure; never raises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from contracts.sites import Sighting, SightingKind
from worker.enrichment import addresses, crawl_plan, structured, technology
from worker.enrichment.page import Page

#: Sightings of one page, and of one kind in a whole site, that are kept.
MAX_A_PAGE = 200
MAX_A_KIND = 30
#: How sure a kind of page makes what stands on it: a contact page is about the company, a list of customers is not.
_ABOUT_US = {"contact": 1.0, "impressum": 1.0, "about": 1.0, "home": 0.97, "team": 0.97}
_LINKEDIN = re.compile(r"(?i)^(?:[a-z]{2,3}\.)?linkedin\.com$")
_SOCIAL = frozenset(
    {"facebook.com", "instagram.com", "x.com", "twitter.com", "youtube.com", "tiktok.com", "pinterest.com"}
)
_NO_PROFILE = re.compile(r"(?i)^/(?:share|sharer|intent|home|login|plugins|dialog|hashtag|watch|p)\b")
_PRICE = re.compile(
    r"(?i)(?:[$€£]|\b(?:usd|eur|gbp|zar|sgd|aed|r)\s?)\d[\d,. ]{0,12}"
    r"(?:\s?(?:/|per|a)\s?(?:month|mo|year|user|unit|piece|pc))?"
)
_SIGNALS: tuple[SightingKind, ...] = ("pricing", "cases", "careers")


def sightings(page: Page, domain: str, *, country: str | None = None) -> list[Sighting]:
    """What `page` says about the company of `domain`. `country` (ISO 3166-1) is the domain's own, a hint for telephone numbers."""
    found: list[Sighting] = []
    share = _ABOUT_US.get(page.kind, 0.9)
    for kind, value, how, sure, where in _seen(page, domain, country):
        text = " ".join(value.split())[:2000]
        if text and len(found) < MAX_A_PAGE:
            found.append(
                Sighting(
                    kind=kind, value=text, url=page.url, at=page.at, how=how, country=where,
                    confidence=round(min(1.0, sure * share), 2),
                )
            )  # fmt: skip
    return found


def merged(seen: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Each (kind, value) once, at its surest; in the order first seen, at most MAX_A_KIND of a kind, the surest of them."""
    best: dict[tuple[str, str], Sighting] = {}
    for each in seen:
        name = (each.kind, each.value.casefold())
        if name not in best or best[name].confidence < each.confidence:
            best[name] = each
    kept: list[Sighting] = []
    for kind in dict.fromkeys(s.kind for s in best.values()):
        of_kind = [s for s in best.values() if s.kind == kind]
        floor = sorted((s.confidence for s in of_kind), reverse=True)[:MAX_A_KIND][-1]
        kept += [s for s in of_kind if s.confidence >= floor][:MAX_A_KIND]
    return tuple(kept)


_Seen = tuple[SightingKind, str, str, float, str | None]


def _seen(page: Page, domain: str, country: str | None) -> Iterator[_Seen]:
    for each in addresses.emails(page, domain):
        yield "email", each.value, each.how, each.confidence, None
    for each in addresses.phones(page, country):
        yield "phone", each.value, each.how, each.confidence, each.country
    for organisation in structured.organisations(page):
        yield from _organisation(organisation, domain, country)
    yield from _open_graph(page)
    yield from _profiles((link.href for link in page.links), "link")
    for text in page.addresses:
        if len(text) >= 10 and any(c.isdigit() for c in text):
            yield "address", text, "address", 0.8, None
    for name, how, sure in technology.technologies(page):
        yield "technology", name, how, sure, None
    yield from _signals(page, domain)
    if page.language:
        yield "language", page.language, "lang", 0.9, None


def _organisation(said: structured.Organisation, domain: str, country: str | None) -> Iterator[_Seen]:
    texts: tuple[tuple[SightingKind, str | None, float], ...] = (
        ("name", said.name, 0.9), ("legal_name", said.legal_name, 0.9), ("description", said.description, 0.85),
        ("founded", said.founded, 0.8), ("employees", said.employees, 0.7),
    )  # fmt: skip
    for kind, text, sure in texts:
        if text:
            yield kind, text, "json-ld", sure, None
    if said.address:
        yield "address", said.address, "json-ld", 0.9, said.country
    for address in said.emails[:20]:
        if (kept := addresses.plausible(address, domain)) is not None:
            yield "email", kept[0], "json-ld", 0.95 * kept[1], None
    for number in said.phones[:20]:
        if (found := addresses.number(number, "json-ld", 0.95, said.country or country)) is not None:
            yield "phone", found.value, found.how, found.confidence, found.country
    for registry in said.registry[:10]:
        yield "registry_id", registry, "json-ld", 0.85, None
    yield from _profiles(said.links, "json-ld")


def _open_graph(page: Page) -> Iterator[_Seen]:
    if name := page.metas.get("og:site_name"):
        yield "name", name[:300], "og", 0.75, None
    if page.kind in ("home", "about"):
        for source in ("og:description", "description"):
            if text := page.metas.get(source):
                yield "description", text, "og" if source.startswith("og") else "meta", 0.7, None
                return


def _profiles(urls: Iterable[str], how: str) -> Iterator[_Seen]:
    """Profiles on social networks, as identifiers: nobody goes there."""
    for url in urls:
        try:
            parts = urlsplit(url.strip())
        except ValueError:
            continue
        host, path = (parts.hostname or "").removeprefix("www."), parts.path.rstrip("/")
        if _LINKEDIN.match(host):
            steps = [s for s in path.split("/") if s]
            if len(steps) >= 2 and steps[0].lower() in ("company", "school", "showcase"):
                yield "linkedin_url", f"https://www.linkedin.com/company/{steps[1].lower()[:100]}", how, 0.9, None
        elif host in _SOCIAL and len(path) > 1 and not _NO_PROFILE.match(path):
            yield "social_url", f"https://{host}{path}"[:300], how, 0.8, None


def _signals(page: Page, domain: str) -> Iterator[_Seen]:
    """Pricing, cases and careers: the page itself, prices in its text, or a link that promises one."""
    if page.kind in _SIGNALS:
        yield page.kind, page.url, "page", 0.95, None
    if page.kind in ("pricing", "products") and (price := _PRICE.search("\n".join(page.lines)[:50_000])):
        yield "pricing", price[0], "text", 0.8, None
    promised = set[str]()
    for link in page.links:
        url = crawl_plan.canonical(link.href, base=page.url, domain=domain)
        kind = crawl_plan.kind_of(url, link.words) if url is not None else "other"
        if url is not None and kind in _SIGNALS and kind not in promised:
            promised.add(kind)
            yield kind, url, "link", 0.6, None
