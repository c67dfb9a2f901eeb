"""Who agreed to be written to, or is a customer: recorded by a person, and as easily withdrawn."""

from __future__ import annotations

from uuid import UUID

from contracts.errors import NotFound
from contracts.message_settings import Consent, RecordConsent
from db import suppressions
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("consents")


async def record(tx: Tx, tenant: UUID, body: RecordConsent, *, by: str) -> Consent:
    """Write a consent down; the same again is the same one. Audited. Raises: NotFound (`contact_not_found`)."""
    row = await tx.fetchrow(
        SQL["record"], tenant, body.contact_id, body.channel, body.basis, body.source, body.note, body.given_at, by
    )
    if row is None:
        raise NotFound(f"no contact {body.contact_id}", code="contact_not_found")
    detail = {"channel": body.channel, "basis": body.basis}
    await audit(tx, tenant, by, "consent.recorded", "contact", str(body.contact_id), detail)
    return Consent.model_validate(dict(row))


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, contact_id: UUID | None = None, limit: int = 50
) -> list[Consent]:
    """Consents, newest first, withdrawn ones too."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, contact_id, limit)
    return [Consent.model_validate(dict(r)) for r in rows]


async def withdraw(tx: Tx, tenant: UUID, consent_id: UUID, *, by: str) -> None:
    """It holds no longer: stands before the next send decision. Again is no error. Raises: NotFound (`consent_not_found`)."""
    await suppressions.hold_alone(tx, tenant)
    gone = await tx.fetchval(SQL["withdraw"], tenant, consent_id, by)
    if gone is not None:
        await audit(tx, tenant, by, "consent.withdrawn", "consent", str(consent_id))
    elif not await tx.fetchval(SQL["known"], tenant, consent_id):
        raise NotFound(f"no consent {consent_id}", code="consent_not_found")


async def standing(tx: Tx, tenant: UUID, contact_id: UUID, channel: str) -> str | None:
    """On what basis a contact may be written to on a channel; None: on none."""
    basis: str | None = await tx.fetchval(SQL["standing"], tenant, contact_id, channel)
    return basis
