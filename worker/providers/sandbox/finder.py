"""Who is meant: companies by words and people by what a vendor is told of them."""

from __future__ import annotations

import re
from collections import defaultdict

from worker.providers.sandbox.people import Person, company_at, people_of, person_by_email
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.web import score_of
from worker.providers.sandbox.words import terms
from worker.providers.sandbox.world import LANDS, Company, World


def companies_for(world: World, vendor: str, share: float, text: str, place: str | None) -> list[Company]:
    """The companies that `vendor` knows and that fit `text`, best first; all of `place` ("City, Country" or either) for no text."""
    code, city = whereabouts(place or "")
    if place and code is None:
        return []
    words = terms(text)
    scored = [
        (score_of(company, words, city), company)
        for company in world.companies(code)
        if company.category == "GENERAL" and knows(world, vendor, company.lei, share) and city in (None, company.city)
    ]
    return [c for score, c in sorted(scored, key=lambda pair: (-pair[0], pair[1].lei)) if score > 0 or not words]


def whereabouts(place: str) -> tuple[str | None, str | None]:
    """(country code, city) of "Durban, South Africa", in any case; a city alone is enough."""
    wanted = place.casefold()
    for code, (land, _, cities) in LANDS.items():
        city = next((each for each in cities if each.casefold() in wanted), None)
        if land.casefold() in wanted or city:
            return code, city
    return None, None


def company_called(world: World, name: str) -> Company | None:
    """The company of that name, with or without its legal form."""
    wanted = name.casefold()
    return next((c for c in world.companies(None) if wanted in (c.name.casefold(), c.brand.casefold())), None)


def company_by_slug(world: World, url: str) -> Company | None:
    """The company with this page on LinkedIn."""
    return _slugs(world).get(url.casefold().rstrip("/").rpartition("/")[2])


def company_slug(company: Company) -> str:
    """The last part of the company's page on a social network."""
    return company.domain.partition(".")[0]


def person_by_id(world: World, id_: str) -> Person | None:
    """The person with the world's own id."""
    near = _endings(world).get(id_[:-2][-6:], [])
    return next((p for company in near for p in people_of(world, company) if p.id == id_), None)


def person_by_profile(world: World, url: str) -> Person | None:
    """The person at a LinkedIn address, however it is written."""
    slug = url.casefold().rstrip("/").rpartition("/")[2]
    ending = re.search(r"-([a-z0-9]{6})\d$", slug)
    near = _endings(world).get(ending.group(1), []) if ending else []
    return next((p for c in near for p in people_of(world, c) if p.linkedin.rpartition("/")[2] == slug), None)


def person_meant(
    world: World, *, email: str | None, profile: str | None, name: str | None, company: str | None
) -> Person | None:
    """A person by address, else by LinkedIn address, else by name at a company (its domain or its name)."""
    if email:
        return person_by_email(world, email)
    if profile:
        return person_by_profile(world, profile)
    at = (company_at(world, company) or company_called(world, company)) if company else None
    if at is None or not name:
        return None
    return next((p for p in people_of(world, at) if p.name.casefold() == name.casefold()), None)


def _endings(world: World) -> dict[str, list[Company]]:
    """The companies by the last six characters of their LEI."""
    known: dict[str, list[Company]] | None = world.__dict__.get("_by_ending")
    if known is None:
        known = defaultdict(list)
        for company in world.companies(None):
            known[company.lei[-6:].lower()].append(company)
        world.__dict__["_by_ending"] = known
    return known


def _slugs(world: World) -> dict[str, Company]:
    known: dict[str, Company] | None = world.__dict__.get("_by_slug")
    if known is None:
        known = {}
        for company in world.companies(None):
            known.setdefault(company_slug(company), company)
        world.__dict__["_by_slug"] = known
    return known
