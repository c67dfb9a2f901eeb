"""From what is stored about a lead to its feature vector (S2.10). Pure: the same facts give the same vector, and the same hash.

A vector has every key of `contracts/fields.py` but for those that are None (not known). Nothing in it ages: a vector changes when a
fact does. Of several values the verified one counts, then the surest, then the newest. What was looked for and not found is false;
what nobody has looked for is not known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from contracts.fields import FIELDS, Known
from contracts.models import Value

#: The shape of the vector: which keys, of which kinds. It goes up when a key changes its meaning.
SNAPSHOT_VERSION = 1
#: How values are read off the facts. It changes with this module's code.
SOURCE_VERSION = "2"
MAX_TEXT = 1000
MAX_LIST = 50
#: Digits of a NAICS code that mean something by themselves: sector, subsector, industry group, national industry.
_NAICS_LEVELS = (2, 3, 4, 6)
#: Fields of facts that vectors are made of.
FACT_FIELDS = (
    "revenue_usd", "founded", "status", "technology", "technologies", "linkedin_url", "employees", "employees_min", "employees_max",
    "industry", "has_pricing", "has_cases", "has_careers", "language", "seniority", "country", "in_eu", "phone",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One current value of one field."""

    field: str
    value: Any
    confidence: float
    observed_at: datetime
    verified: bool | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored about a lead, or about a company alone. `looked`: an enrichment has ended, so what is not there was not found.

    `company`: name, domain, country, city, industry, industries, description, naics, employees, phone, registry_id, sources.
    `contact`: name, title, email, email_status, phone, linkedin_url. `site`: outcome, language.
    """

    company: Mapping[str, Any]
    contact: Mapping[str, Any] | None = None
    contacts: int = 0
    company_facts: Sequence[Seen] = ()
    contact_facts: Sequence[Seen] = ()
    site: Mapping[str, Any] | None = None
    looked: bool = False
    source: str | None = None
    about_lead: bool = field(default=True)


def extract(stored: Stored) -> dict[str, Known]:
    """The vector: known fields only, in the order of `FIELDS`."""
    found = {**_company(stored), **_site(stored), **_contact(stored), "leadSource": _text(stored.source)}
    return {key: found[key] for key in FIELDS if found.get(key) is not None}


def fingerprint(vector: Mapping[str, Known]) -> bytes:
    """SHA-256 over canonical JSON: sorted keys, no blanks, UTF-8."""
    return hashlib.sha256(to_json(dict(sorted(vector.items())))).digest()


def model_row(vector: Mapping[str, Any]) -> dict[str, Value]:
    """What of a vector a model may learn from: no names or free texts. A NAICS code stands there by its levels (561720: 56,
    561, 5617, 561720), so that neighbours share some; tags and technologies in lower case, since every source spells them its
    own way.
    """
    return {
        key: _members(key, value) if isinstance(value, list) else value
        for key, value in vector.items()
        if (spec := FIELDS.get(key)) is not None and spec.learnable
    }


def _members(key: str, values: list[Any]) -> list[str]:
    if key == "companyNaics":
        return sorted({code[:digits] for code in map(str, values) for digits in _NAICS_LEVELS if len(code) >= digits})
    return sorted({str(value).casefold() for value in values})


def _company(stored: Stored) -> dict[str, Known]:
    of, best, looked = stored.company, _best(stored.company_facts), stored.looked
    naics = sorted({str(code) for code in of.get("naics") or ()})[:MAX_LIST] or None
    technologies = _technologies(stored.company_facts)
    sources = sorted(of.get("sources") or ())[:MAX_LIST] or None
    industry = (
        of.get("industry") or best.get("industry") or ", ".join(i.replace("_", " ") for i in of.get("industries") or ())
    )
    return {
        "companyName": _text(of.get("name")),
        "companyDomain": _text(of.get("domain")),
        "companyCountry": _text(of.get("country")),
        "companyCity": _text(of.get("city")),
        "companyIndustry": _text(industry),
        "companyIndustries": sorted({str(i)[:100] for i in of.get("industries") or () if i})[:MAX_LIST] or None,
        "companyDescription": _text(of.get("description")),
        "companyNaics": naics,
        "companySector": naics[0][:2] if naics else None,
        "companyEmployees": _number(of.get("employees")) or _number(best.get("employees")) or _middle(best),
        "companyRevenueUsd": _number(best.get("revenue_usd")),
        "companyFounded": _number(best.get("founded")),
        "companyStatus": _text(best.get("status")),
        "companyTechnologies": technologies,
        "companyTechnologiesCount": len(technologies) if technologies else None,
        "companySources": sources,
        "companySourcesCount": len(sources) if sources else None,
        "companyHasRegistryId": _there(of.get("registry_id"), looked),
        "companyHasPhone": _there(of.get("phone") or best.get("phone"), looked),
        "companyHasLinkedin": _there(best.get("linkedin_url"), looked),
    }


def _site(stored: Stored) -> dict[str, Known]:
    best, site = _best(stored.company_facts), stored.site or {}
    read = site.get("outcome") == "ok"
    return {
        "siteOutcome": _text(site.get("outcome")),
        "siteLanguage": _text(site.get("language") or best.get("language")),
        "siteHasPricing": _there(best.get("has_pricing"), read),
        "siteHasCases": _there(best.get("has_cases"), read),
        "siteHasCareers": _there(best.get("has_careers"), read),
    }


def _contact(stored: Stored) -> dict[str, Known]:
    of, best, looked = stored.contact or {}, _best(stored.contact_facts), stored.looked
    if not stored.about_lead:
        return {}
    in_eu = best.get("in_eu")
    return {
        "contactsCount": stored.contacts if looked or stored.contacts else None,
        "contactTitle": _text(of.get("title")),
        "contactSeniority": _text(best.get("seniority")),
        "contactCountry": _text(best.get("country")),
        "contactInEu": in_eu if isinstance(in_eu, bool) else None,
        "contactHasName": _there(of.get("name"), looked),
        "contactHasPhone": _there(of.get("phone"), looked),
        "contactHasLinkedin": _there(of.get("linkedin_url"), looked),
        "contactEmailStatus": _text(of.get("email_status")) or ("none" if looked and not of.get("email") else None),
    }


def _best(facts: Sequence[Seen]) -> dict[str, Any]:
    best: dict[str, Seen] = {}
    for fact in facts:
        now = best.get(fact.field)
        if now is None or _rank(fact) > _rank(now):
            best[fact.field] = fact
    return {name: fact.value for name, fact in best.items()}


def _rank(fact: Seen) -> tuple[bool, float, datetime, str]:
    # The value itself comes last, so that equals are chosen alike whatever their order.
    return bool(fact.verified), fact.confidence, fact.observed_at, repr(fact.value)


def _technologies(facts: Sequence[Seen]) -> list[str] | None:
    named: set[str] = set()
    for fact in facts:
        if fact.field in ("technology", "technologies"):
            named |= {str(v)[:100] for v in (fact.value if isinstance(fact.value, list) else [fact.value]) if v}
    return sorted(named)[:MAX_LIST] or None


def _text(value: Any) -> str | None:
    return value.strip()[:MAX_TEXT] or None if isinstance(value, str) else None


def _there(value: Any, looked: bool) -> bool | None:
    return True if value not in (None, "", [], False) else False if looked else None


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.replace(",", "").strip()
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None
    return value if isinstance(value, int | float) and abs(value) < 1e15 else None


def _middle(best: Mapping[str, Any]) -> float | int | None:
    low, high = _number(best.get("employees_min")), _number(best.get("employees_max"))
    if low is None or high is None:
        return low if high is None else high
    return (low + high) / 2 if (low + high) % 2 else int((low + high) // 2)
