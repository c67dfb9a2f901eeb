"""The decision to send, in one transaction with all that could forbid it; and what came of it.

`judge` is asked twice: when somebody approves, so that they hear what is missing, and when it is sent, which is what counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts import regions
from contracts.message_settings import MessageSettings
from contracts.message_texts import MAX_SUBJECT, filled, one_line
from contracts.outgoing import MAIL_ADDRESS, OutgoingMail, OutgoingMessage
from contracts.suppressions import SuppressionKey, phone_of
from db import consents, ledger, message_settings, suppressions
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("messages")
ACTOR = "job:message.send"
#: Standings of an address that nobody should write to.
_NO_MAIL = ("invalid", "suppress")
ANSWER_LOST = "answer_lost: the vendor was asked and its answer was lost; it counts as sent, and is never sent again"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not go out: lead_merged, no_contact, no_phone, no_email, suppressed, region_denied, no_consent; when
    approved, others too.
    """

    code: str
    text: str

    @property
    def state(self) -> str:
        """What becomes of an approved message: nobody may write, or nobody can."""
        return "failed" if self.code in ("no_contact", "no_phone", "no_email") else "suppressed"


@dataclass(frozen=True, slots=True)
class Ready:
    """Nothing speaks against it. `to`: a phone in E.164, or an e-mail address."""

    to: str


@dataclass(frozen=True, slots=True)
class Decided:
    """`sending` is committed with it: the vendor may be asked for exactly this."""

    vendor: str
    outgoing: OutgoingMessage | OutgoingMail


async def judge(
    tx: Tx, tenant: UUID, row: Mapping[str, Any], settings: MessageSettings, *, on_its_way: str | None = None
) -> Ready | Refusal:
    """May this message be sent to whoever would read it? Under `suppressions.hold`. `on_its_way`: where it was to go before."""
    reader = await tx.fetchrow(SQL["reader"], tenant, row["lead_id"], row["contact_id"])
    if reader is not None and reader["merged_into"] is not None:
        words = f"the lead was merged into {reader['merged_into']}, which is written to instead: reject the message"
        return Refusal("lead_merged", words)
    if reader is None or reader["contact_id"] is None:
        return Refusal("no_contact", "the lead has no contact: enrich it, or reject the message")
    by_mail = row["channel"] == "email"
    phone = phone_of(reader["phone"] or "") if by_mail or on_its_way is None else on_its_way
    to = phone if not by_mail else on_its_way or _mail_address(dict(reader))
    hit = await suppressions.hit(
        tx, tenant, row["channel"],
        emails=filter(None, [reader["email"], to if by_mail else None]), phones=filter(None, [phone, reader["phone"]]),
        domains=filter(None, [reader["domain"]]), people=filter(None, [reader["linkedin_url"]]),
    )  # fmt: skip
    if hit is not None:
        return Refusal(
            "suppressed", f"the {hit.key_type} is on the suppression list ({hit.reason}): reject the message"
        )
    if to is None and by_mail:
        return Refusal("no_email", "the contact has no e-mail address that could be written to: enrich the lead")
    if to is None:
        return Refusal("no_phone", "the contact has no phone number with a country code: enrich the lead")
    countries = (regions.country_of_phone(phone), reader["country"])
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
    frozen = _frozen(row)
    if frozen is not None and await _left(tx, tenant, row["vendor"], frozen):
        return Decided(row["vendor"], frozen)
    settings = await message_settings.settings(tx, tenant)
    ready = await judge(tx, tenant, row, settings, on_its_way=frozen.to if frozen else None)
    if isinstance(ready, Refusal):
        await stop(tx, tenant, message_id, ready.state, f"{ready.code}: {ready.text}")
        return None
    if frozen is not None:
        return Decided(row["vendor"], frozen)
    outgoing = _written(row, ready.to, settings)
    key = SuppressionKey("email" if isinstance(outgoing, OutgoingMail) else "phone", ready.to)
    [hashed] = await suppressions.keyed(tx, tenant, [key])
    await tx.execute(SQL["sending"], tenant, message_id, outgoing.model_dump(mode="json"), hashed)
    return Decided(row["vendor"], outgoing)


def _mail_address(reader: Mapping[str, Any]) -> str | None:
    """Where a mail would go; None: nowhere, or an address that is known to be none."""
    address = (reader["email"] or "").strip().lower()
    return address if re.fullmatch(MAIL_ADDRESS, address) and reader["email_status"] not in _NO_MAIL else None


def _frozen(row: Mapping[str, Any]) -> OutgoingMessage | OutgoingMail | None:
    if not row["outgoing"]:
        return None
    return (OutgoingMail if row["channel"] == "email" else OutgoingMessage).model_validate(row["outgoing"])


def _written(row: Mapping[str, Any], to: str, settings: MessageSettings) -> OutgoingMessage | OutgoingMail:
    parameters, reference = row["parameters"], str(row["id"])
    if row["channel"] == "email":
        subject = one_line(filled(row["vendor_template"], parameters))[:MAX_SUBJECT].strip() or "-"
        return OutgoingMail(
            to=to, subject=subject, body=row["body"], sender_name=one_line(settings.sender or ""), reply_to=settings.reply_to,
            reference=reference,
        )  # fmt: skip
    return OutgoingMessage(
        to=to,
        template=row["vendor_template"],
        language=row["language"],
        parameters=tuple(parameters),
        reference=reference,
    )


async def stop(tx: Tx, tenant: UUID, message_id: UUID, state: str, reason: str) -> None:
    """It was not sent, and will not be. Audited without personal data."""
    if await tx.execute(SQL["stop"], tenant, message_id, state, reason) != "UPDATE 0":
        detail = {"state": state, "reason": reason.partition(":")[0]}
        await audit(tx, tenant, ACTOR, "message.stopped", "message", str(message_id), detail)


async def give_up(tx: Tx, tenant: UUID, message_id: UUID, reason: str) -> None:
    """Its job was given up. If a vendor may have the message it counts as sent, else it failed."""
    found = await tx.fetchrow(SQL["lock"], tenant, message_id)
    outgoing = _frozen(dict(found)) if found is not None else None
    if found is not None and outgoing is not None and await _left(tx, tenant, found["vendor"], outgoing):
        await sent(tx, tenant, message_id, vendor_ref=None, reason=ANSWER_LOST)
        return
    await stop(tx, tenant, message_id, "failed", reason)


async def sent(tx: Tx, tenant: UUID, message_id: UUID, *, vendor_ref: str | None, reason: str | None = None) -> None:
    """The vendor took it, or may have taken it: then `reason` says so."""
    if await tx.execute(SQL["sent"], tenant, message_id, vendor_ref, reason) != "UPDATE 0":
        await audit(tx, tenant, ACTOR, "message.sent", "message", str(message_id), {"certain": reason is None})


async def _left(tx: Tx, tenant: UUID, vendor: str, outgoing: OutgoingMessage | OutgoingMail) -> bool:
    """Does the ledger know of a request for this very message?"""
    item = ledger.Item(vendor, "send", outgoing.model_dump(mode="json", exclude_defaults=True))
    return bool(await ledger.look_all(tx, tenant, vendor, "send", [item.fingerprint]))
