"""From the hits of a web search to companies, whichever engine answered. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.providers import FoundCompany, FoundContact, Terms
from worker.providers.places import country_of_domain, mentions
from worker.providers.query import Wanted
from worker.providers.web_hit import addresses_at, company_domain, company_name, normal_url


@dataclass(frozen=True, slots=True)
class WebHit:
    """One hit. `score` is the engine's own, 0 to 1, where it has one; `raw` its own record."""

    title: str
    url: str
    text: str
    score: float | None
    raw: dict[str, Any]

    @property
    def confidence(self) -> float:
        return min(max(self.score, 0.0), 1.0) if self.score is not None else 0.5


def companies(hits: Iterable[WebHit], wanted: Wanted) -> list[FoundCompany]:
    """The companies whose own pages were hit: each page once, directories and social networks left out."""
    found: dict[str, FoundCompany] = {}
    for hit in hits:
        url = normal_url(hit.url)
        if url is not None and url not in found and (domain := company_domain(url)):
            found[url] = _company(hit, url, domain, wanted)
    return list(found.values())


def _company(hit: WebHit, url: str, domain: str, wanted: Wanted) -> FoundCompany:
    text = f"{hit.title} \n {hit.text}"
    country, city = whereabouts(domain, text, wanted)
    return FoundCompany(
        external_id=url,
        name=company_name(hit.title, domain),
        country=country,
        city=city,
        domain=domain,
        contacts=tuple(FoundContact(email=address) for address in addresses_at(domain, text)),
        confidence=hit.confidence,
        terms=Terms.CRAWLED,
        raw=hit.raw,
    )


def whereabouts(domain: str | None, text: str, wanted: Wanted) -> tuple[str | None, str | None]:
    """Country: of the domain, else of the first place named, else of the query. City: the first one named there."""
    named = mentions(text)
    of_domain = country_of_domain(domain) if domain else None
    country = of_domain or next((p.country for p in named), None) or wanted.country
    return country, next((p.city for p in named if p.city and p.country == country), None)
