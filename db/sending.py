"""The decision to send, in one transaction with all that could forbid it; and what came of it.

`judge` is asked twice: when somebody approves, so that they hear what is missing, and when it is sent, which is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts import regions
from contracts.message_settings import MessageSettings
from contracts.outgoing import OutgoingMessage
from contracts.suppressions import SuppressionKey, phone_of
from db import consents, ledger, message_settings, suppressions
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("messages")
ACTOR = "job:message.send"
ANSWER_LOST = "answer_lost: the vendor was asked and its answer was lost; it counts as sent, and is never sent again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not go out: lead_merged, no_contact, no_phone, suppressed, region_denied, no_consent; when approved,
    others too.
    """

    code: str
    text: str

    @property
    def state(self) -> str:
        """What becomes of an approved message: nobody may write, or nobody can."""
        return "failed" if self.code in ("no_contact", "no_phone") else "suppressed"


@dataclass(frozen=True, slots=True)
class Ready:
    """Nothing speaks against it. `phone` is E.164."""

    phone: str


@dataclass(frozen=True, slots=True)
class Decided:
    """`sending` is committed with it: the vendor may be asked for exactly this."""

    vendor: str
    outgoing: OutgoingMessage


async def judge(
    tx: Tx, tenant: UUID, row: Mapping[str, Any], settings: MessageSettings, *, phone: str | None = None
) -> Ready | Refusal:
    """May this message be sent to whoever would read it? Under `suppressions.hold`. `phone`: where it is on its way to already."""
    reader = await tx.fetchrow(SQL["reader"], tenant, row["lead_id"], row["contact_id"])
    if reader is not None and reader["merged_into"] is not None:
        words = f"the lead was merged into {reader['merged_into']}, which is written to instead: reject the message"
        return Refusal("lead_merged", words)
    if reader is None or reader["contact_id"] is None:
        return Refusal("no_contact", "the lead has no contact: enrich it, or reject the message")
    to = phone or phone_of(reader["phone"] or "")
    hit = await suppressions.hit(
        tx, tenant, row["channel"],
        emails=filter(None, [reader["email"]]), phones=filter(None, [to, reader["phone"]]),
        domains=filter(None, [reader["domain"]]), people=filter(None, [reader["linkedin_url"]]),
    )  # fmt: skip
    if hit is not None:
        return Refusal(
            "suppressed", f"the {hit.key_type} is on the suppression list ({hit.reason}): reject the message"
        )
    if to is None:
        return Refusal("no_phone", "the contact has no phone number with a country code: enrich the lead")
    countries = (regions.country_of_phone(to), reader["country"])
    gate = regions.gate(countries, settings.regions, settings.default_gate)
    where = "/".join(dict.fromkeys(c or "unknown" for c in countries))
    if gate == "deny":
        return Refusal("region_denied", f"nothing is sent to {where}: see the message settings")
    if gate == "consent_required" and await consents.standing(tx, tenant, reader["contact_id"], row["channel"]) is None:
        return Refusal(
            "no_consent", f"{where} asks for a consent or an existing customer: POST /v1/consents records one"
        )
    return Ready(to)


async def decide(tx: Tx, tenant: UUID, message_id: UUID) -> Decided | None:
    """Decide, and commit it with the caller's transaction; None: it is not to be sent (any more), and the row says why.

    An attempt that comes back finds `sending` and gets the same message again, which the ledger knows; only if it never went out
    can a suppression that came meanwhile still stop it.
    """
    await suppressions.hold(tx, tenant)
    found = await tx.fetchrow(SQL["lock"], tenant, message_id)
    if found is None or found["state"] not in ("approved", "sending"):
        return None
    row = dict(found)
    frozen = OutgoingMessage.model_validate(row["outgoing"]) if row["outgoing"] else None
    if frozen is not None and await _left(tx, tenant, row["vendor"], frozen):
        return Decided(row["vendor"], frozen)
    settings = await message_settings.settings(tx, tenant)
    ready = await judge(tx, tenant, row, settings, phone=frozen.to if frozen else None)
    if isinstance(ready, Refusal):
        await stop(tx, tenant, message_id, ready.state, f"{ready.code}: {ready.text}")
        return None
    if frozen is not None:
        return Decided(row["vendor"], frozen)
    outgoing = OutgoingMessage(
        to=ready.phone,
        template=row["vendor_template"],
        language=row["language"],
        parameters=tuple(row["parameters"]),
        reference=str(message_id),
    )
    [hashed] = await suppressions.keyed(tx, tenant, [SuppressionKey("phone", ready.phone)])
    await tx.execute(SQL["sending"], tenant, message_id, outgoing.model_dump(mode="json"), hashed)
    return Decided(row["vendor"], outgoing)


async def stop(tx: Tx, tenant: UUID, message_id: UUID, state: str, reason: str) -> None:
    """It was not sent, and will not be. Audited without personal data."""
    if await tx.execute(SQL["stop"], tenant, message_id, state, reason) != "UPDATE 0":
        detail = {"state": state, "reason": reason.partition(":")[0]}
        await audit(tx, tenant, ACTOR, "message.stopped", "message", str(message_id), detail)


async def give_up(tx: Tx, tenant: UUID, message_id: UUID, reason: str) -> None:
    """Its job was given up. If a vendor may have the message it counts as sent, else it failed."""
    found = await tx.fetchrow(SQL["lock"], tenant, message_id)
    if found is not None and found["outgoing"]:
        outgoing = OutgoingMessage.model_validate(found["outgoing"])
        if await _left(tx, tenant, found["vendor"], outgoing):
            await sent(tx, tenant, message_id, vendor_ref=None, reason=ANSWER_LOST)
            return
    await stop(tx, tenant, message_id, "failed", reason)


async def sent(tx: Tx, tenant: UUID, message_id: UUID, *, vendor_ref: str | None, reason: str | None = None) -> None:
    """The vendor took it, or may have taken it: then `reason` says so."""
    if await tx.execute(SQL["sent"], tenant, message_id, vendor_ref, reason) != "UPDATE 0":
        await audit(tx, tenant, ACTOR, "message.sent", "message", str(message_id), {"certain": reason is None})


async def _left(tx: Tx, tenant: UUID, vendor: str, outgoing: OutgoingMessage) -> bool:
    """Does the ledger know of a request for this very message?"""
    item = ledger.Item(vendor, "send", outgoing.model_dump(mode="json", exclude_defaults=True))
    return bool(await ledger.look_all(tx, tenant, vendor, "send", [item.fingerprint]))
