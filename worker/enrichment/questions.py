"""Which operations can fill which field, and how a row is asked about. Pure: questions, None where too little is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from contracts.enrichment import Waterfall
from contracts.findings import (
    CompanyProfile,
    CompanyQuery,
    EmailQuery,
    EmailVerdict,
    FoundPeople,
    FoundPerson,
    PeopleAt,
    PersonQuery,
)
from contracts.sites import SiteReport
from worker.enrichment import acceptance, prompt
from worker.enrichment.acceptance import Ruling


@dataclass(slots=True)
class Row:
    """What is known about a row while it is filled. `person` is whom the address is looked for; `email` what is to be verified."""

    company_name: str
    domain: str | None
    country: str | None = None
    registry_id: str | None = None
    site: SiteReport | None = None
    corpus: str = ""
    titles: tuple[str, ...] = ()
    max_tokens: int = 8_000
    profile: CompanyProfile | None = None
    people: list[FoundPerson] = field(default_factory=list)
    person: FoundPerson | None = None
    email: str | None = None
    verdict: EmailVerdict | None = None


Question = Callable[[Row], BaseModel | None]


def _company(row: Row) -> BaseModel | None:
    if row.domain is None and row.registry_id is None:
        return None
    return CompanyQuery(domain=row.domain, name=row.company_name[:300], country=row.country)


def _people(row: Row) -> BaseModel | None:
    return PeopleAt(domain=row.domain, company_name=row.company_name[:300], titles=row.titles) if row.domain else None


def _person(row: Row) -> BaseModel | None:
    who = row.person
    if who is None or not (who.name or (who.first_name and who.last_name)) or row.domain is None:
        return None
    first, last = _names(who)
    return PersonQuery(
        name=who.name or f"{first} {last}",
        first_name=first,
        last_name=last,
        linkedin_url=who.linkedin_url,
        company_name=row.company_name[:300],
        company_domain=row.domain,
    )


def _address(row: Row) -> BaseModel | None:
    return EmailQuery(email=row.email) if row.email else None


def _text(row: Row) -> BaseModel | None:
    return prompt.ask(row.company_name, row.corpus, max_tokens=row.max_tokens) if row.corpus.strip() else None


#: field -> operation -> question, in the order of first choice between equals.
QUESTIONS: Mapping[Waterfall, Mapping[str, Question]] = {
    "company": {
        "llm.complete": _text,
        "hunter.company": _company,
        "pdl.company": _company,
        "apollo.organization": _company,
        "lusha.company": _company,
    },
    "people": {"hunter.domain_search": _people, "lusha.find": _people},
    "email": {
        "hunter.find": _person,
        "apollo.match": _person,
        "pdl.person": _person,
        "lusha.people": _person,
    },
    "verification": {"zerobounce.verify": _address, "hunter.verify": _address},
}


def rule(of: Waterfall, row: Row, value: Any) -> Ruling:
    """Is `value`, an answer for field `of`, good enough to stop asking?"""
    if of == "company" and isinstance(value, CompanyProfile):
        return acceptance.company(value, domain=row.domain)
    if of == "people" and isinstance(value, FoundPeople):
        return acceptance.people(value)
    if of == "email" and isinstance(value, FoundPerson):
        return acceptance.email(value, domain=row.domain)
    if of == "verification" and isinstance(value, EmailVerdict):
        return acceptance.verification(value)
    return Ruling(False, "an answer of another kind")


def choose(people: Sequence[FoundPerson], titles: Sequence[str]) -> FoundPerson | None:
    """Whom to write to: the preferred titles in their order, then who has an address, then the surest. None of nobody."""
    wanted = [t.casefold() for t in titles]

    def place(person: FoundPerson) -> tuple[int, bool, float, str]:
        title = (person.title or "").casefold()
        rank = next((n for n, word in enumerate(wanted) if word in title), len(wanted))
        return rank, not person.email, -person.confidence, person.name or ""

    named = [p for p in people if p.name or (p.first_name and p.last_name)]
    return min(named, key=place) if named else None


def _names(person: FoundPerson) -> tuple[str | None, str | None]:
    if person.first_name and person.last_name:
        return person.first_name, person.last_name
    parts = (person.name or "").split()
    return (parts[0], " ".join(parts[1:])) if len(parts) > 1 else (None, None)
