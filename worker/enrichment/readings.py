"""From what was said to what is kept: facts with their sources, and the best value of each column. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from contracts.enrichment import FactValue, Person
from contracts.findings import CompanyProfile, EmailVerdict, FoundPerson
from contracts.providers import Reply, Terms
from contracts.sites import Sighting, SiteReport

#: A company's columns that a profile can fill.
PROFILE_FIELDS = (
    "legal_name", "description", "industry", "naics", "employees", "employees_min", "employees_max", "revenue_usd", "founded",
    "country", "city", "phone", "technologies", "linkedin_url", "status",
)  # fmt: skip
#: Sightings on a site that are facts about the company, and the field they fill.
SIGHTED = {
    "phone": "phone", "email": "email", "legal_name": "legal_name", "description": "description", "linkedin_url": "linkedin_url",
    "registry_id": "registry_id", "technology": "technology", "founded": "founded", "employees": "employees",
    "language": "language", "pricing": "has_pricing", "cases": "has_cases", "careers": "has_careers", "address": "address",
}  # fmt: skip
SITE_VENDOR = "site"
MAX_PER_KIND = 10


def company_facts(profile: CompanyProfile, reply: Reply[Any], operation: str, terms: Terms) -> list[FactValue]:
    """A vendor's profile as facts, one a field."""
    vendor, _, what = operation.partition(".")
    said = profile.model_dump(mode="json", exclude_none=True)
    return [
        FactValue(
            kind="company", field=name, value=said[name], vendor=vendor, operation=what, terms=terms,
            confidence=profile.confidence, observed_at=reply.at,
        )
        for name in PROFILE_FIELDS
        if said.get(name) not in (None, [], "")
    ]  # fmt: skip


def site_facts(report: SiteReport) -> list[FactValue]:
    """What was read off a company's own site, each with its page. At most ten of a kind, the surest."""
    kinds = dict.fromkeys(s.kind for s in report.sightings if s.kind in SIGHTED)
    return [
        FactValue(
            kind="company", field=SIGHTED[s.kind], value=s.value, vendor=SITE_VENDOR, operation=s.how[:50],
            terms=Terms.CRAWLED, confidence=s.confidence, observed_at=s.at, source_url=s.url,
        )
        for kind in kinds
        for s in report.all(kind)[:MAX_PER_KIND]
    ]  # fmt: skip


def person_facts(person: FoundPerson, reply: Reply[Any], operation: str, terms: Terms) -> list[FactValue]:
    """A person as facts. What must reach the outreach guard (do not call, in the EU) is among them."""
    vendor, _, what = operation.partition(".")
    said = person.model_dump(mode="json", exclude_none=True)
    names = (
        "name",
        "title",
        "seniority",
        "email",
        "phone",
        "phone_do_not_call",
        "linkedin_url",
        "country",
        "city",
        "in_eu",
    )
    source = next(iter(person.sources), None)
    return [
        FactValue(
            kind="contact", field=name, value=said[name], vendor=vendor, operation=what, terms=terms,
            confidence=(person.email_confidence if name == "email" else None) or person.confidence,
            observed_at=reply.at, source_url=source, verified=person.email_verified if name == "email" else None,
        )
        for name in names
        if said.get(name) not in (None, "")
    ]  # fmt: skip


def verdict_fact(verdict: EmailVerdict, reply: Reply[Any], operation: str, terms: Terms) -> FactValue:
    """What a verifier said about an address."""
    vendor, _, what = operation.partition(".")
    return FactValue(
        kind="contact", field="email_standing", value=verdict.model_dump(mode="json", exclude_none=True, exclude={"email"}),
        vendor=vendor, operation=what, terms=terms, confidence=verdict.confidence, observed_at=reply.at, verified=True,
    )  # fmt: skip


def best_company(facts: Iterable[FactValue]) -> dict[str, Any]:
    """The best value of each column: verified before not, then the surest, then the newest (survivorship by confidence)."""
    best: dict[str, FactValue] = {}
    for fact in facts:
        now = best.get(fact.field)
        if now is None or _rank(fact) > _rank(now):
            best[fact.field] = fact
    chosen = {name: fact.value for name, fact in best.items()}
    employees = chosen.get("employees") or _middle(chosen.get("employees_min"), chosen.get("employees_max"))
    out = {name: chosen.get(name) for name in ("industry", "description", "phone", "city", "country")}
    return {**out, "employees": _whole(employees), "naics": list(chosen.get("naics") or ())[:20]}


def generic_person(report: SiteReport | None) -> Person | None:
    """The company's own mailbox (info@…), for when nobody with a name was found."""
    mail: Sighting | None = report.best("email") if report else None
    if report is None or mail is None or not mail.value.endswith(f"@{report.domain}"):
        return None
    fact = FactValue(
        kind="contact", field="email", value=mail.value, vendor=SITE_VENDOR, operation=mail.how[:50], terms=Terms.CRAWLED,
        confidence=mail.confidence, observed_at=mail.at, source_url=mail.url,
    )  # fmt: skip
    return Person(email=mail.value, facts=(fact,))


def _rank(fact: FactValue) -> tuple[bool, float, datetime]:
    return bool(fact.verified), fact.confidence, fact.observed_at


def _middle(low: int | None, high: int | None) -> int | None:
    if low is None or high is None:
        return low if high is None else high
    return (low + high) // 2


def _whole(value: Any) -> int | None:
    try:
        number = int(str(value).replace(",", ""))
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 50_000_000 else None
