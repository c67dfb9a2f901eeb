"""Enrichments: asked for, begun, and finished in one transaction with everything that was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.enrichment import EnrichmentDetail, EnrichmentList, FactValue, Learned, Person, ShadowRow, StepTaken
from contracts.errors import Unavailable
from contracts.events import EnrichmentRequested, LeadEnriched
from contracts.identity import Key, contact_address, contact_key, contact_keys, linkedin_key
from contracts.matching import Verdict
from contracts.nights import night_of
from contracts.pairs import SAME
from contracts.providers import FoundContact
from contracts.sites import SiteReport
from contracts.survivorship import columns, survivors
from db import crawl, entities, erasures, facts, matching, merges, outbox, survivorship
from db.sql import load
from db.transaction import Tx

SQL = load("enrichments")


@dataclass(frozen=True, slots=True)
class Subject:
    """A lead with its company and contact, as they stand before it is enriched. `merged_into`: who stands for it since a merge."""

    lead_id: UUID
    icp_profile_id: UUID | None
    company_id: UUID
    company_name: str
    domain: str | None
    country: str | None
    city: str | None
    registry_id: str | None
    employees: int | None
    industry: str | None
    contact_id: UUID | None
    contact_name: str | None
    contact_title: str | None
    contact_email: str | None
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The record of an enrichment. `report`: what an earlier attempt read of the site; `age_s`: since it was begun."""

    id: UUID
    state: str
    report: dict[str, Any] | None
    started_at: datetime
    age_s: float


async def ask(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID], *, limit: int, again: bool) -> list[UUID]:
    """Ask for leads to be enriched: the named ones, or the oldest new ones. Emits an event each; returns who was asked for.

    A lead that was enriched before is left out, unless `again`; one that is under way keeps its enrichment.
    """
    rows = await tx.fetch(SQL["ask"], tenant, list(lead_ids), limit)
    chosen = [r for r in rows if r["status"] != "processing" and (again or r["before"] == 0)]
    ids = [r["id"] for r in chosen]
    await tx.execute(SQL["mark"], tenant, ids)
    events = [
        EnrichmentRequested(
            lead_id=r["id"],
            discovery_record_id=r["record_id"],
            icp_profile_id=r["icp_profile_id"],
            cause=f"{r['before'] + 1}",
        )
        for r in chosen
    ]
    await outbox.emit_many(tx, tenant, events)
    return ids


async def subject(tx: Tx, tenant: UUID, lead_id: UUID) -> Subject | None:
    """Who is to be enriched; None for an unknown lead."""
    row = await tx.fetchrow(SQL["subject"], tenant, lead_id)
    return Subject(**dict(row)) if row else None


async def begin(tx: Tx, tenant: UUID, lead_id: UUID, cause: str) -> Begun:
    """Open the record, or find it open from an earlier attempt."""
    row = await tx.fetchrow(SQL["begin"], tenant, lead_id, cause)
    assert row is not None
    return Begun(**dict(row))


async def keep_site(tx: Tx, tenant: UUID, of: Subject, begun: Begun, report: SiteReport, *, with_corpus: bool) -> None:
    """Store a walk, and let later attempts of this enrichment stand on it."""
    report = await erasures.report_without(tx, tenant, report)
    await crawl.save(tx, tenant, report, company=of.company_id, with_corpus=with_corpus)
    await tx.execute(SQL["keep_site"], tenant, begun.id, report.model_dump(mode="json", exclude={"pages"}))


async def finish(tx: Tx, tenant: UUID, of: Subject, begun: Begun, cause: str, learned: Learned) -> bool:
    """Write all that was learned, the end of the enrichment and `LeadEnriched`, together. False: it had ended before."""
    learned = await erasures.learned_without(tx, tenant, learned)
    ended = await tx.fetchval(
        SQL["finish"], tenant, of.lead_id, cause, "COMPLETED", _payload(learned), learned.cost_usd, None, None
    )
    if ended is None:
        return False
    await write(tx, tenant, of, learned)
    await _write_steps(tx, tenant, begun.id, learned.steps, learned.shadows)
    waits = cause if night_of(cause) is not None else None
    event = LeadEnriched(lead_id=of.lead_id, enrichment_id=begun.id, cause=waits)
    await outbox.emit(tx, tenant, event, correlation_id=of.lead_id)
    return True


async def write(tx: Tx, tenant: UUID, of: Subject, learned: Learned) -> None:
    """Facts, people and columns of what was learned; the lead is `enriched`. Whoever was erased is left out of it by the caller."""
    of = await _hold(tx, tenant, of)
    people = await _write_people(tx, tenant, of, learned.people)
    known = [(of.company_id, fact) for fact in learned.company_facts]
    known += [(contact, fact) for contact, person in people for fact in person.facts]
    await facts.save(tx, tenant, of.lead_id, known)
    await _write_company(tx, tenant, of, learned.company)
    await _take_page(tx, tenant, of.company_id, learned.company_facts)
    await tx.execute(SQL["lead_status"], tenant, of.lead_id, "enriched", people[0][0] if people else None)


async def _hold(tx: Tx, tenant: UUID, of: Subject) -> Subject:
    """Lock the company, or the one it went under since it was read. Raises: Unavailable when that went on while we waited."""
    root = await merges.root(tx, tenant, of.company_id)
    company_id = root if root is not None else of.company_id
    if await tx.fetchval(SQL["lock_subject"], tenant, company_id) is not None:
        raise Unavailable("the company has just been merged into another: try again", after_s=0.1)
    return replace(of, company_id=company_id)


async def fail(tx: Tx, tenant: UUID, lead_id: UUID, cause: str, *, error_code: str, error: str) -> None:
    """The enrichment was given up: record and lead say so (S2.05)."""
    await begin(tx, tenant, lead_id, cause)
    await tx.fetchval(SQL["finish"], tenant, lead_id, cause, "FAILED", {}, 0.0, error_code, error)
    await tx.execute(SQL["lead_status"], tenant, lead_id, "failed", None)


async def reopen(tx: Tx, tenant: UUID, lead_id: UUID, cause: str) -> None:
    """Before a given-up enrichment is retried: its record is pending again, and its lead under way."""
    if await tx.fetchval(SQL["reopen"], tenant, lead_id, cause) is not None:
        await tx.execute(SQL["lead_status"], tenant, lead_id, "processing", None)


async def list_(tx: Tx, tenant: UUID, lead_id: UUID) -> list[EnrichmentDetail]:
    """The enrichments of a lead with every step, newest first."""
    rows = [dict(r) for r in await tx.fetch(SQL["list"], tenant, lead_id)]
    steps: dict[UUID, list[dict[str, Any]]] = {r["id"]: [] for r in rows}
    for step in await tx.fetch(SQL["steps"], tenant, list(steps)):
        found = dict(step)
        steps[found.pop("enrichment_id")].append(found)
    return [EnrichmentDetail.model_validate({**r, "steps": steps[r["id"]]}) for r in rows]


async def story(tx: Tx, tenant: UUID, lead_id: UUID) -> EnrichmentList | None:
    """A lead's enrichments, and the facts about its company and contact; None for an unknown lead."""
    of = await subject(tx, tenant, lead_id)
    if of is None:
        return None
    known = await facts.of_entity(tx, tenant, of.company_id)
    if of.contact_id is not None:
        known += await facts.of_entity(tx, tenant, of.contact_id)
    return EnrichmentList(items=await list_(tx, tenant, lead_id), facts=known)


async def latest(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The newest enrichment of each lead, in short (S2.03)."""
    rows = [dict(r) for r in await tx.fetch(SQL["latest"], tenant, list(lead_ids))]
    return {row.pop("lead_id"): row for row in rows}


async def count_ended(tx: Tx, tenant: UUID) -> int:
    """How many leads were enriched or given up."""
    count: int = await tx.fetchval(SQL["count_ended"], tenant)
    return count


async def costs(tx: Tx, tenant: UUID) -> list[dict[str, Any]]:
    """By operation: asked, stored, accepted, units."""
    return [dict(r) for r in await tx.fetch(SQL["costs"], tenant)]


async def sites(tx: Tx, tenant: UUID) -> list[dict[str, Any]]:
    """By enrichment: outcome of the site, requests and seconds spent on it, vendors asked."""
    return [dict(r) for r in await tx.fetch(SQL["sites"], tenant)]


async def calls_by_state(tx: Tx, tenant: UUID) -> dict[str, int]:
    """How many paid calls stand in each state of the ledger."""
    return {r["state"]: r["n"] for r in await tx.fetch(SQL["calls"], tenant)}


async def paid_and_answered(tx: Tx, tenant: UUID) -> int:
    """How many requests cost something and led to an answer that is kept."""
    return int(await tx.fetchval(SQL["paid"], tenant))


def _payload(learned: Learned) -> dict[str, Any]:
    return learned.model_dump(mode="json", include={"company", "people", "site", "notes"})


async def _write_company(tx: Tx, tenant: UUID, of: Subject, best: dict[str, Any]) -> None:
    rules = await survivorship.policy(tx, tenant)
    best = best | columns(survivors(await facts.of_entity(tx, tenant, of.company_id), rules))
    names = ("employees", "industry", "description", "phone")
    place = [best.get("city"), best.get("country")]
    await tx.execute(
        SQL["company"], tenant, of.company_id, *[best.get(n) for n in names], list(best.get("naics", ())), *place
    )


async def _write_people(tx: Tx, tenant: UUID, of: Subject, people: Sequence[Person]) -> list[tuple[UUID, Person]]:
    """Find or make the contact of each person; people without an address are kept in the record only."""
    keyed: dict[Key, Person] = {}
    for person in people:
        key = contact_key(_found(person))
        if key is not None:
            keyed.setdefault(key, person)
    order = sorted(keyed)
    known = await entities.people(tx, tenant, [contact_keys(_found(keyed[key])) for key in order])
    written: dict[Key, tuple[UUID, Person]] = {}
    for key, who in zip(order, known, strict=True):
        person = keyed[key]
        if who.new:
            await tx.execute(
                SQL["add_contact"], tenant, who.contact_id, of.company_id, person.name, person.title,
                contact_address(_found(person)), person.phone, person.linkedin_url,
            )  # fmt: skip
        await tx.execute(
            SQL["contact"], tenant, who.contact_id, person.name, person.title, person.phone, person.linkedin_url,
            person.email_status, contact_address(_found(person)),
        )  # fmt: skip
        written[key] = (who.contact_id, person)
    return [written[key] for key in keyed]


def _found(person: Person) -> FoundContact:
    return FoundContact(name=person.name, email=person.email, linkedin_url=person.linkedin_url)


async def _take_page(tx: Tx, tenant: UUID, company_id: UUID, known: Sequence[FactValue]) -> None:
    """Its page at LinkedIn is a key too. Where another company has it, a person decides whether the two are one."""
    said = [f for f in known if f.field == "linkedin_url" and isinstance(f.value, str)]
    page = linkedin_key(max(said, key=lambda f: f.confidence).value) if said else None
    if page is None:
        return
    holder = (await entities.take(tx, tenant, "company", [(page, company_id)]))[page]
    if holder != company_id:
        a, b = sorted((company_id, holder))
        same = Verdict(a_id=a, b_id=b, probability=SAME, features={"linkedin_page": 1.0})
        await matching.propose(tx, tenant, [same])


async def _write_steps(
    tx: Tx, tenant: UUID, enrichment_id: UUID, steps: Sequence[StepTaken], shadows: Sequence[ShadowRow]
) -> None:
    shadow_of = {s.field: s for s in shadows}
    watched = [shadow_of.get(s.field) if s.place == 0 else None for s in steps]
    if not steps:
        return
    await tx.execute(
        SQL["add_steps"],
        tenant,
        enrichment_id,
        [s.field for s in steps],
        [s.place for s in steps],
        [s.operation for s in steps],
        [s.outcome for s in steps],
        [s.reason for s in steps],
        [s.stored for s in steps],
        [s.units for s in steps],
        [s.cost_usd for s in steps],
        [s.explored for s in steps],
        [w and w.order_id for w in watched],
        [w and w.cost_usd for w in watched],
        [w and w.found for w in watched],
        [w and w.active_cost_usd for w in watched],
        [w and w.active_found for w in watched],
        [s.item_id for s in steps],
    )
