"""What vendors tell us about messages, each thing once: reports move a message on, a wish to be left alone is heeded."""

from __future__ import annotations

from uuid import UUID

from contracts.messages import WebhookCounts
from contracts.messages_in import DeliveryReport, IncomingMessage, Preference, Received
from contracts.suppressions import SuppressionKey, person_of
from db import suppressions
from db.sql import load
from db.transaction import Tx

SQL = load("message_events")
OPT_OUT = "opt_out"


async def receive(tx: Tx, tenant: UUID, received: Received) -> WebhookCounts:
    """Apply one call of a vendor. What was told before changes nothing; what is about no message of ours is counted."""
    counts = dict.fromkeys(WebhookCounts.model_fields, 0) | {"dropped": received.dropped}
    items: list[DeliveryReport | IncomingMessage | Preference] = [
        *received.reports,
        *received.messages,
        *received.preferences,
    ]
    if any(_wish(item) for item in items):
        await suppressions.hold_alone(tx, tenant)  # before any row is locked
    for item in sorted(items, key=lambda each: each.key):
        known = await _message(tx, tenant, item)
        if not await _record(tx, tenant, item, known):
            counts["repeated"] += 1
            continue
        if isinstance(item, DeliveryReport) and known is not None:
            await _advance(tx, tenant, item, known)
        wished = await _heed(tx, tenant, item)
        counts["suppressed"] += wished == "stop"
        counts["applied" if known is not None or wished else "unknown"] += 1
    return WebhookCounts(**counts)


async def _message(tx: Tx, tenant: UUID, item: DeliveryReport | IncomingMessage | Preference) -> UUID | None:
    """The message of ours that it is about."""
    if isinstance(item, DeliveryReport):
        row = await tx.fetchrow(SQL["by_reference"], tenant, item.vendor, item.message_id, _uuid(item.reference))
        return row["id"] if row else None
    phone = item.sender if isinstance(item, IncomingMessage) else item.phone
    if phone is None:
        return None
    [hashed] = await suppressions.keyed(tx, tenant, [SuppressionKey("phone", phone)])
    found: UUID | None = await tx.fetchval(SQL["by_recipient"], tenant, hashed)
    return found


async def _record(
    tx: Tx, tenant: UUID, item: DeliveryReport | IncomingMessage | Preference, known: UUID | None
) -> bool:
    """Its key may hold a number: it is remembered as the suppression list would."""
    [key] = await suppressions.keyed(tx, tenant, [SuppressionKey("person", f"event:{item.key}")])
    kind, status, body = "report", None, None
    if isinstance(item, DeliveryReport):
        status = item.status
    elif isinstance(item, Preference):
        kind = item.wish
    else:
        # What somebody wrote whom we never wrote to is nobody's business here.
        kind, body = "stop" if item.suppress else "answer", item.text if known is not None else None
    added = await tx.fetchval(SQL["record"], tenant, item.vendor, key, kind, status, known, body, item.at)
    return added is not None


async def _advance(tx: Tx, tenant: UUID, report: DeliveryReport, message_id: UUID) -> None:
    reason = f"vendor code {report.error_code}" if report.error_code is not None else "the vendor could not deliver it"
    await tx.fetchval(SQL["advance"], tenant, message_id, report.status, report.message_id, report.at, reason)


async def _heed(tx: Tx, tenant: UUID, item: DeliveryReport | IncomingMessage | Preference) -> str | None:
    """A wish to be left alone goes onto the list, on any channel; a wish to hear from us again takes back what it stopped."""
    wish, keys = _wish(item), _person(item)
    if wish is None or not keys:
        return None
    by = f"webhook:{item.vendor}"
    for key in keys:
        if wish == "stop":
            await suppressions.add(tx, tenant, "any", key.type, key.value, by=by, reason=OPT_OUT, source=item.vendor)
        else:
            await suppressions.resume(tx, tenant, key, source=item.vendor, by=by)
    return wish


def _wish(item: DeliveryReport | IncomingMessage | Preference) -> str | None:
    if item.suppress:
        return "stop"
    return "resume" if isinstance(item, Preference) else None


def _person(item: DeliveryReport | IncomingMessage | Preference) -> list[SuppressionKey]:
    """By which values the person may be known: the number, else the vendor's own name of somebody without one."""
    if isinstance(item, DeliveryReport):
        phone, own = item.recipient, None
    elif isinstance(item, IncomingMessage):
        phone, own = item.sender, item.sender_id
    else:
        phone, own = item.phone, item.person_id
    if phone is not None:
        return [SuppressionKey("phone", phone)]
    named = person_of(f"{item.vendor}:{own}") if own else None
    return [SuppressionKey("person", named)] if named else []


def _uuid(reference: str | None) -> UUID | None:
    try:
        return UUID(reference) if reference else None
    except ValueError:
        return None
