"""Whoever was erased stays away: what vendors, sites and files say is held against the list before it is written (B.09)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.enrichment import Learned
from contracts.errors import Hopeless
from contracts.persons import ERASED, GONE, Person, strangers_in, without
from contracts.providers import FoundCompany
from contracts.sites import SiteReport
from contracts.suppressions import keys_of
from db import suppressions
from db.transaction import Tx

#: `reason` of a record that lost somebody.
REASON = "erased"


class PersonErased(Hopeless):
    """Somebody wants to ask about a person who was erased."""


async def _erased_in(tx: Tx, tenant: UUID, value: Any) -> Person | None:
    """Those who were erased and whom this value names, as one; None: nobody."""
    named = strangers_in(value)
    keys = {
        **{("email", e): keys_of(emails=[e])[:1] for e in named.emails},
        **{("phone", p): keys_of(phones=[p]) for p in named.phones},
        **{("person", p): keys_of(people=[p]) for p in named.profiles},
    }
    erased = await suppressions.erased(tx, tenant, [k for found in keys.values() for k in found])
    gone: dict[str, list[str]] = {"email": [], "phone": [], "person": []}
    for (kind, value_), found in keys.items():
        if erased.intersection(found):
            gone[kind].append(value_)
    return Person.of(emails=gone["email"], phones=gone["phone"], profiles=gone["person"]) or None


async def cleaned(tx: Tx, tenant: UUID, value: Any) -> tuple[Any, bool]:
    """(the value without them, was anything taken out). The value is None when it was about nobody else."""
    person = await _erased_in(tx, tenant, value)
    if person is None:
        return value, False
    left = without(value, person)
    return (None if left is GONE else left), left != value


async def companies_without(
    tx: Tx, tenant: UUID, companies: Sequence[FoundCompany]
) -> tuple[Sequence[FoundCompany], set[int]]:
    """Hits without the erased, and the positions of those that lost somebody. Holds the list still until the commit."""
    await suppressions.hold(tx, tenant)
    if not await suppressions.anybody_erased(tx, tenant):
        return companies, set()
    person = await _erased_in(tx, tenant, [c.model_dump(mode="json") for c in companies])
    if person is None:
        return companies, set()
    kept = []
    for company in companies:
        raw = without(company.raw, person)
        people = tuple(c for c in company.contacts if not person.is_about(c.model_dump(mode="json")))
        kept.append(company.model_copy(update={"contacts": people, "raw": {} if raw is GONE else raw}))
    return kept, {n for n, company in enumerate(kept) if company != companies[n]}


async def learned_without(tx: Tx, tenant: UUID, learned: Learned) -> Learned:
    """What an enrichment found, without the erased. Holds the list still until the commit."""
    await suppressions.hold(tx, tenant)
    if not await suppressions.anybody_erased(tx, tenant):
        return learned
    person = await _erased_in(tx, tenant, learned.model_dump(mode="json", exclude={"steps", "shadows"}))
    if person is None:
        return learned
    company, site = without(learned.company, person), without(learned.site, person)
    return learned.model_copy(
        update={
            "company": {} if company is GONE else {k: v for k, v in company.items() if v not in (None, ERASED)},
            "company_facts": tuple(f for f in learned.company_facts if not _in(f.model_dump(mode="json"), person)),
            "people": tuple(
                p for p in learned.people if not person.is_about(p.model_dump(mode="json", exclude={"facts"}))
            ),
            "site": {} if site is GONE else site,
        }
    )


async def report_without(tx: Tx, tenant: UUID, report: SiteReport) -> SiteReport:
    """What was read of a site, without the erased. Holds the list still until the commit."""
    await suppressions.hold(tx, tenant)
    if not await suppressions.anybody_erased(tx, tenant):
        return report
    sightings = [s.model_dump(mode="json") for s in report.sightings]
    person = await _erased_in(tx, tenant, [sightings, report.corpus, report.description])
    if person is None:
        return report
    description = person.masked(report.description) if report.description else None
    kept = tuple(s for s, said in zip(report.sightings, sightings, strict=True) if not _in(said, person))
    return report.model_copy(
        update={"sightings": kept, "corpus": person.masked(report.corpus), "description": description}
    )


async def refuse_erased(tx: Tx, tenant: UUID, requests: Sequence[Mapping[str, object]]) -> None:
    """No vendor is asked about somebody who was erased. Raises: PersonErased."""
    if any(map(strangers_in, requests)) and await _erased_in(tx, tenant, list(requests)) is not None:
        raise PersonErased("the person was erased: no vendor is asked about them", code="person_erased")


def _in(said: Any, person: Person) -> bool:
    return bool(without(said, person) != said)
