"""Shortlists: what a tenant's night brought, best first (S3.15)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.runs import RunStatus


class ShortlistContact(BaseModel):
    """Somebody at the company who may be written to."""

    id: UUID
    name: str | None
    title: str | None
    email: str | None
    email_status: str | None
    phone: str | None


class ShortlistRow(BaseModel):
    """A company of the night: why it was chosen, what is known of it, what it is worth and why, and whom to call.

    `rank` counts from 1, the best score first; `score` None: it has not been scored.
    """

    rank: int
    company_id: UUID
    company_name: str
    domain: str | None
    country: str | None
    lead_id: UUID | None
    reason: str
    status: str | None
    score: float | None
    band: Literal["LOW", "MEDIUM", "HIGH"] | None
    rejected: bool
    rationale: str | None
    features: dict[str, Any]
    contacts: list[ShortlistContact]


class Shortlist(BaseModel):
    """The shortlist of one night; at most `cap` rows."""

    night: date
    run_id: UUID
    status: RunStatus
    cap: int
    cap_source: str
    items: list[ShortlistRow]


CSV_COLUMNS = (
    "rank", "company_name", "domain", "country", "score", "band", "rejected", "rationale", "contact_name", "contact_title",
    "contact_email", "contact_phone", "reason", "status", "company_id", "lead_id",
)  # fmt: skip


def csv_rows(of: Shortlist) -> Iterable[Sequence[Any]]:
    """Header and rows; of the contacts the first, who is to be called first."""
    yield CSV_COLUMNS
    for row in of.items:
        first = row.contacts[0] if row.contacts else None
        person = (first.name, first.title, first.email, first.phone) if first else (None,) * 4
        yield (
            row.rank, row.company_name, row.domain, row.country, row.score, row.band, row.rejected, row.rationale, *person,
            row.reason, row.status, row.company_id, row.lead_id,
        )  # fmt: skip
