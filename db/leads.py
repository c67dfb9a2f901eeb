"""What was found, once each: hits become records, companies, contacts and leads; `entity_keys` arbitrates (R13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, Unavailable
from contracts.events import LeadDiscovered
from contracts.identity import Key, company_keys, contact_address, contact_key, contact_keys, name_core
from contracts.providers import FoundCompany, FoundContact
from contracts.runs import Counts
from db import enrichments, entities, erasures, merges, outbox, scores
from db.entities import Placed
from db.slices import Slice
from db.sql import load
from db.transaction import Tx

SQL = load("leads")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from that no run found."""

    channel: str
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What rows of a file became, in their order: did it make a company, and did it make a lead? `ids`: the company of each."""

    companies: list[bool]
    leads: list[bool]
    contacts: int
    ids: list[UUID | None]


async def save_page(
    tx: Tx,
    tenant: UUID,
    of: Slice,
    vendor: str,
    companies: Sequence[FoundCompany],
    *,
    room: int,
    icp_profile_id: UUID | None,
    enrich: bool = False,
) -> Counts:
    """Persist one page of hits and emit a `LeadDiscovered` for each new lead. The run must be locked.

    At most `room` companies are created; what is over is kept as a REJECTED record. `enrich`: new leads are enriched at once.
    Returns what the page added.
    """
    companies, lost = await erasures.companies_without(tx, tenant, companies)
    placed = await entities.place(tx, tenant, companies, room=room)
    known = [p.company_id for p in placed if p.company_id is not None]
    await _hold(tx, tenant, known)
    await _write_companies(tx, tenant, of, placed, companies)
    seen = {r["company_id"] for r in await tx.fetch(SQL["seen_by_run"], tenant, of.run_id, known)}
    people, wanted_people = await _write_contacts(tx, tenant, placed, companies)
    leads = await _write_leads(tx, tenant, of, placed, people, icp_profile_id)
    records = await _write_records(tx, tenant, of, vendor, placed, companies, leads, lost)
    events = [
        LeadDiscovered(
            lead_id=lead,
            discovery_record_id=records.get(lead),
            provider=of.channel,
            icp_profile_id=icp_profile_id,
            enrich=enrich,
        )
        for lead in leads.values()
    ]
    await outbox.emit_many(tx, tenant, events, correlation_id=of.run_id)
    created = sum(p.created for p in placed)
    return Counts(
        discovered=len(companies),
        after_dedupe=sum(p.company_id not in seen for p in placed),
        companies_created=created,
        companies_skipped=len(companies) - created,
        contacts_created=len(people),
        contacts_skipped=wanted_people - len(people),
        leads_created=len(leads),
        leads_skipped=len(placed) - len(leads),
    )


async def _hold(tx: Tx, tenant: UUID, companies: Sequence[UUID]) -> None:
    """Lock companies in id order. Raises: Unavailable where one has just gone under another: its keys lead there the next time."""
    rows = await tx.fetch(SQL["lock_companies"], tenant, companies)
    if any(r["merged_into"] is not None for r in rows):
        raise Unavailable("a company of this page has just been merged into another: try again", after_s=0.1)


async def _write_companies(
    tx: Tx, tenant: UUID, of: Slice | Origin, placed: Sequence[Placed], companies: Sequence[FoundCompany]
) -> None:
    new = [p for p in placed if p.created]
    if new:
        firsts = [p.group.first for p in new]
        await tx.execute(
            SQL["add_companies"],
            tenant,
            of.run_id,
            [p.company_id for p in new],
            [c.name for c in firsts],
            [name_core(c.name) for c in firsts],
            [c.country for c in firsts],
            [c.city for c in firsts],
            [c.domain for c in firsts],
            [c.registry_id for c in firsts],
            [" ".join(i.replace(" ", "_") for i in c.industries) for c in firsts],
            [of.channel] * len(new),
        )
    more = {
        p.company_id: companies[h]
        for p in placed
        if p.company_id
        for h in (p.group.hits[1:] if p.created else p.group.hits)
    }
    if more:
        ids = sorted(more)
        await tx.execute(
            SQL["enrich_companies"],
            tenant,
            ids,
            [more[i].country for i in ids],
            [more[i].city for i in ids],
            [more[i].domain for i in ids],
            [more[i].registry_id for i in ids],
            [of.channel] * len(ids),
        )


async def _write_contacts(
    tx: Tx, tenant: UUID, placed: Sequence[Placed], companies: Sequence[FoundCompany]
) -> tuple[dict[UUID, UUID], int]:
    """Add people whose keys are free. Returns ({new contact: its company}, how many people were named)."""
    found: dict[Key, tuple[UUID, FoundContact]] = {}
    named = 0
    for p in placed:
        for hit in p.group.hits if p.company_id else ():
            for person in companies[hit].contacts:
                key = contact_key(person)
                if key is not None and p.company_id is not None:
                    named += 1
                    found.setdefault(key, (p.company_id, person))
    if not found:
        return {}, named
    keys = sorted(found)
    known = await entities.people(tx, tenant, [contact_keys(found[key][1]) for key in keys])
    won = [(who.contact_id, *found[key]) for key, who in zip(keys, known, strict=True) if who.new]
    if won:
        await tx.execute(
            SQL["add_contacts"],
            tenant,
            [i for i, _, _ in won],
            [c for _, c, _ in won],
            [person.name for _, _, person in won],
            [person.title for _, _, person in won],
            [contact_address(person) for _, _, person in won],
            [person.linkedin_url for _, _, person in won],
        )
    return {i: company for i, company, _ in won}, named


async def _write_leads(
    tx: Tx,
    tenant: UUID,
    of: Slice | Origin,
    placed: Sequence[Placed],
    people: dict[UUID, UUID],
    icp_profile_id: UUID | None,
) -> dict[UUID, UUID]:
    """One lead a company, unless it has one. Returns {company: its new lead}."""
    companies = sorted({p.company_id for p in placed if p.company_id})
    contact_of = {company: contact for contact, company in people.items()}
    rows = await tx.fetch(
        SQL["add_leads"],
        tenant,
        icp_profile_id,
        of.run_id,
        companies,
        [contact_of.get(c) for c in companies],
        [of.channel] * len(companies),
    )
    return {r["company_id"]: r["id"] for r in rows}


async def _write_records(
    tx: Tx,
    tenant: UUID,
    of: Slice,
    vendor: str,
    placed: Sequence[Placed],
    companies: Sequence[FoundCompany],
    leads: dict[UUID, UUID],
    lost: set[int],
) -> dict[UUID, UUID]:
    """Every hit, with what became of it; `lost` are those that named somebody who was erased. Returns {new lead: its record}."""
    hits: list[tuple[FoundCompany, str, str | None, UUID | None, UUID | None]] = []
    for p in placed:
        for n, hit in enumerate(p.group.hits):
            status = "REJECTED" if p.company_id is None else "DISCOVERED" if p.created and n == 0 else "DUPLICATE"
            lead = leads.get(p.company_id) if p.company_id and n == 0 else None
            reason = p.reason or (erasures.REASON if hit in lost else None)
            hits.append((companies[hit], status, reason, p.company_id, lead))
    rows = await tx.fetch(
        SQL["add_records"],
        tenant,
        of.channel,
        vendor,
        of.run_id,
        of.id,
        of.page,
        [c.external_id for c, *_ in hits],
        [c.model_dump(mode="json") for c, *_ in hits],
        [h[1] for h in hits],
        [h[2] for h in hits],
        [h[3] for h in hits],
        [h[4] for h in hits],
    )
    return {r["lead_id"]: r["id"] for r in rows if r["lead_id"]}


async def create(
    tx: Tx, tenant: UUID, company: FoundCompany, *, icp_profile_id: UUID | None, enrich: bool = False
) -> UUID:
    """A lead that somebody typed in: company found or made, lead and event in the caller's transaction (S2.19).

    `enrich`: somebody waits for it, so its enrichment follows at once.

    Raises: Conflict (code `lead_already_exists`, member `lead_id`) when the company has a lead for that profile.
    """
    [company], _ = await erasures.companies_without(tx, tenant, [company])
    keys = company_keys(company)
    placed = (await entities.place(tx, tenant, [company], room=1))[0]
    if placed.company_id is None:
        raise Conflict(
            "the company has neither domain, registry id nor country, so it cannot be told apart", code="no_key"
        )
    if placed.created:
        await tx.execute(
            SQL["add_companies"], tenant, None, [placed.company_id], [company.name], [name_core(company.name)], [company.country],
            [company.city], [company.domain], [company.registry_id], [" ".join(company.industries)], ["manual"],
        )  # fmt: skip
    else:
        await _hold(tx, tenant, [placed.company_id])  # two at once would both find no lead
    lead = None
    if await tx.fetchval(SQL["lead_of_company"], tenant, placed.company_id, icp_profile_id) is None:
        contact_id = await _typed_contact(tx, tenant, placed, company)
        lead = await tx.fetchval(SQL["add_lead"], tenant, placed.company_id, contact_id, icp_profile_id, "manual")
    if lead is None:
        existing: UUID = await tx.fetchval(SQL["lead_of_company"], tenant, placed.company_id, icp_profile_id)
        known_by = ", ".join(f"{k.type} {k.value}" for k in keys)
        raise Conflict(
            f"there is already a lead for this company ({known_by})", code="lead_already_exists", lead_id=str(existing)
        )
    typed = LeadDiscovered(lead_id=lead, provider="manual", icp_profile_id=icp_profile_id, enrich=enrich)
    await outbox.emit(tx, tenant, typed, correlation_id=lead)
    created: UUID = lead
    return created


async def bring(
    tx: Tx,
    tenant: UUID,
    companies: Sequence[FoundCompany],
    *,
    source: str,
    with_leads: bool,
    icp_profile_id: UUID | None = None,
) -> Brought:
    """Rows of a file through the door of discovery: each a company, and with `with_leads` a lead, unless there is one.

    What stands already is only filled where it was empty. Every company must have a key. New leads wait for a night to choose them.
    """
    of = Origin(source)
    placed = await entities.place(tx, tenant, companies, room=len(companies))
    known = [p.company_id for p in placed if p.company_id is not None]
    await tx.fetch(SQL["lock_companies"], tenant, known)
    await _write_companies(tx, tenant, of, placed, companies)
    people: dict[UUID, UUID] = {}
    made: dict[UUID, UUID] = {}
    if with_leads:
        people, _ = await _write_contacts(tx, tenant, placed, companies)
        made = await _write_leads(tx, tenant, of, placed, people, icp_profile_id)
        events = [
            LeadDiscovered(lead_id=lead, provider=source, icp_profile_id=icp_profile_id) for lead in made.values()
        ]
        await outbox.emit_many(tx, tenant, events)
    firsts = {p.group.hits[0]: p for p in placed}
    hits = [firsts.get(n) for n in range(len(companies))]
    owner = {n: p.company_id for p in placed for n in p.group.hits}
    return Brought(
        [p is not None and p.created for p in hits],
        [p is not None and p.company_id in made for p in hits],
        len(people),
        [owner.get(n) for n in range(len(companies))],
    )


async def _typed_contact(tx: Tx, tenant: UUID, placed: Placed, company: FoundCompany) -> UUID | None:
    people, _ = await _write_contacts(tx, tenant, [placed], [company])
    return next(iter(people), None)


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    status: str | None = None,
    run_id: UUID | None = None,
    lead_id: UUID | None = None,
    band: str | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Leads, newest first, each with its company, newest discovery record, newest enrichment and the score that decides (S2.03).

    `lead_id`: that one, or whichever it was merged into.
    """
    lead_id = await merges.lead_root(tx, tenant, lead_id) or lead_id if lead_id is not None else None
    rows = [dict(r) for r in await tx.fetch(SQL["list"], tenant, before, status, run_id, lead_id, limit, band)]
    latest = await tx.fetch(SQL["latest_records"], tenant, [r["company_id"] for r in rows])
    by_company = {r["company_id"]: dict(r) for r in latest}
    by_lead = await enrichments.latest(tx, tenant, [r["id"] for r in rows])
    scored = await scores.latest(tx, tenant, [r["id"] for r in rows], whole=lead_id is not None)
    return [
        {
            **r,
            "latest_discovery": by_company.get(r["company_id"]),
            "latest_enrichment": by_lead.get(r["id"]),
            "latest_score": scored.get(r["id"]),
        }
        for r in rows
    ]


async def show(tx: Tx, tenant: UUID, lead_id: UUID) -> dict[str, Any] | None:
    """One lead with its full record history (S2.03); of one that was merged into another, that other's."""
    rows = await list_(tx, tenant, lead_id=lead_id, limit=1)
    if not rows:
        return None
    records = [dict(r) for r in await tx.fetch(SQL["records"], tenant, rows[0]["id"])]
    contacts = [dict(r) for r in await tx.fetch(SQL["contacts"], tenant, rows[0]["id"])]
    return {**rows[0], "discovery_records": records, "contacts": contacts}
