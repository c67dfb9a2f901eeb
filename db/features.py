"""What is stored about leads and companies, read for feature vectors; what the vector is, `contracts.features` works out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.features import FACT_FIELDS, Seen, Stored
from db.sql import load
from db.transaction import Tx

SQL = load("features")
NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class LeadStored:
    """A lead with everything its vector is made of."""

    lead_id: UUID
    icp_profile_id: UUID | None
    stored: Stored


@dataclass(frozen=True, slots=True)
class CompanyStored:
    company_id: UUID
    name: str
    stored: Stored


async def of_leads(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID]) -> list[LeadStored]:
    """What is stored about each of these leads; unknown ones are left out."""
    rows = await tx.fetch(SQL["leads"], tenant, list(lead_ids))
    ids = {r["company_id"] for r in rows} | {r["contact_id"] for r in rows if r["contact_id"]}
    facts = await _facts(tx, tenant, sorted(ids))
    return [
        LeadStored(
            r["id"],
            r["icp_profile_id"],
            Stored(
                company=r["company"], contact=r["contact"], contacts=r["contacts"], company_facts=facts.get(r["company_id"], ()),
                contact_facts=facts.get(r["contact_id"], ()), site=_site(r), looked=r["looked"], source=r["source"],
            ),
        )
        for r in rows
    ]  # fmt: skip


async def of_companies(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> list[CompanyStored]:
    """The same for companies by themselves: what is asked about contacts is not known of them."""
    rows = await tx.fetch(SQL["companies"], tenant, list(ids))
    facts = await _facts(tx, tenant, [r["id"] for r in rows])
    return [
        CompanyStored(
            r["id"],
            r["company"]["name"],
            Stored(
                company=r["company"],
                company_facts=facts.get(r["id"], ()),
                site=_site(r),
                looked=r["looked"],
                about_lead=False,
            ),
        )
        for r in rows
    ]


async def newest_companies(tx: Tx, tenant: UUID, limit: int) -> list[UUID]:
    """The newest companies, newest first, without those that were merged away."""
    return [r["id"] for r in await tx.fetch(SQL["newest_companies"], tenant, limit)]


async def companies_after(tx: Tx, tenant: UUID, after: UUID, limit: int) -> list[UUID]:
    """The next page of companies in the order of their ids; `NO_ID` is before the first."""
    return [r["id"] for r in await tx.fetch(SQL["companies_after"], tenant, after, limit)]


async def _facts(tx: Tx, tenant: UUID, entities: Sequence[UUID]) -> dict[UUID, list[Seen]]:
    found: dict[UUID, list[Seen]] = {}
    for r in await tx.fetch(SQL["facts"], tenant, list(entities), list(FACT_FIELDS)) if entities else ():
        seen = Seen(r["field"], r["value"], r["confidence"], r["observed_at"], r["verified"])
        found.setdefault(r["entity_id"], []).append(seen)
    return found


def _site(row: Any) -> dict[str, Any] | None:
    return {"outcome": row["outcome"], "language": row["language"]} if row["outcome"] else None
