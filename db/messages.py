"""Messages to leads: draft -> approved -> sending -> sent, each step where it may be taken (R20). To send: `db/sending.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotFound
from contracts.events import MessageApproved
from contracts.message_settings import MAIL, Template
from contracts.message_texts import MAX_BODY, filled
from contracts.messages import ChangeMessage, Drafted, Message, MessageDetail, MessageEvent, Subject
from db import message_settings, outbox, sending, suppressions
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("messages")
POLICY = "policy"


async def subject(tx: Tx, tenant: UUID, lead_id: UUID, channel: str, sequence_step: int) -> Subject | None:
    """Whom a message would be about; None for an unknown lead."""
    row = await tx.fetchrow(SQL["subject"], tenant, lead_id, channel, sequence_step)
    return Subject.model_validate(dict(row)) if row else None


async def add(
    tx: Tx, tenant: UUID, of: Subject, prediction_id: UUID, drafted: Drafted, *, reason: str | None = None
) -> UUID | None:
    """Write a draft down; with `reason` it is one that may not be sent, and says why. None: the lead has this message."""
    t = drafted.template
    made: UUID | None = await tx.fetchval(
        SQL["add"], tenant, of.lead_id, of.contact_id, prediction_id, t.channel, t.sequence_step,
        "suppressed" if reason else "draft", t.language, t.name, drafted.parameters, drafted.body, drafted.written_by,
        drafted.notes, reason,
    )  # fmt: skip
    return made


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    state: str | None = None,
    lead_id: UUID | None = None,
    limit: int = 50,
) -> list[Message]:
    """Messages, newest first. `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, state, lead_id, limit)
    return [Message.model_validate(dict(r)) for r in rows]


async def get(tx: Tx, tenant: UUID, message_id: UUID) -> MessageDetail:
    """One message with what vendors told us about it. Raises: NotFound (`message_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, message_id)
    if row is None:
        raise NotFound(f"no message {message_id}", code="message_not_found")
    told = [MessageEvent.model_validate(dict(r)) for r in await tx.fetch(SQL["events"], tenant, message_id)]
    return MessageDetail.model_validate({**dict(row), "events": told})


async def change(tx: Tx, tenant: UUID, message_id: UUID, body: ChangeMessage, *, by: str) -> MessageDetail:
    """Write a draft in one's own words. Raises: NotFound; Conflict (`message_not_draft`, `template_changed`); Invalid."""
    row = await _draft(tx, tenant, message_id)
    template = await _template(tx, tenant, row)
    if len(body.parameters) != len(template.parameters):
        wanted = ", ".join(template.parameters)
        raise Invalid(f"the template takes {len(template.parameters)} parameters: {wanted}", code="wrong_parameters")
    text = filled(template.body, body.parameters)
    if len(text) > MAX_BODY[row["channel"]]:
        raise Invalid(f"the message would be longer than {MAX_BODY[row['channel']]} characters: shorten it")
    await tx.execute(SQL["change"], tenant, message_id, list(body.parameters), text, [])
    await audit(tx, tenant, by, "message.changed", "message", str(message_id))
    return await get(tx, tenant, message_id)


async def approve(tx: Tx, tenant: UUID, message_id: UUID, *, by: str) -> MessageDetail:
    """Let a draft go out. What would stop it is said now; what comes between is caught when it is sent. Audited.

    Raises: NotFound; Conflict (`message_not_draft`, `template_changed`, and the codes of `sending.Refusal`).
    """
    await suppressions.hold(tx, tenant)
    row = await _draft(tx, tenant, message_id)
    refused = await approve_if_allowed(tx, tenant, row, by=by)
    if refused is not None:
        raise Conflict(refused.text, code=refused.code)
    return await get(tx, tenant, message_id)


async def approve_if_allowed(tx: Tx, tenant: UUID, row: Mapping[str, Any], *, by: str) -> sending.Refusal | None:
    """The same for a locked draft, under `suppressions.hold`. Gives what stands in the way instead of raising."""
    settings = await message_settings.settings(tx, tenant)
    ready = await sending.judge(tx, tenant, row, settings)
    if isinstance(ready, sending.Refusal):
        return ready
    template = next((t for t in await message_settings.templates(tx, tenant) if t.name == row["template"]), None)
    if template is None or not _fits(template, row):
        return sending.Refusal("template_changed", "its template has changed since: reject it, or bring the words back")
    carriers = (
        (MAIL,) if row["channel"] == "email" else (settings.vendor,) if settings.vendor else ("trengo", "whatsapp")
    )
    vendors = [v for v in carriers if v in template.vendor_templates]
    if not vendors:
        words = f"no vendor has approved template {template.name}: PUT /v1/message-templates with vendor_templates"
        return sending.Refusal("no_template", words)
    vendor = vendors[0]
    await tx.execute(SQL["approve"], tenant, row["id"], by, vendor, template.vendor_templates[vendor])
    await audit(tx, tenant, by, "message.approved", "message", str(row["id"]), {"vendor": vendor})
    await outbox.emit(tx, tenant, MessageApproved(message_id=row["id"]), correlation_id=row["lead_id"])
    return None


async def note(tx: Tx, tenant: UUID, message_id: UUID, text: str) -> None:
    """Tell whoever approves."""
    await tx.execute(SQL["note"], tenant, message_id, text)


async def reject(tx: Tx, tenant: UUID, message_id: UUID, reason: str, *, by: str) -> MessageDetail:
    """A draft, or an approved message that is not under way, is not sent. Audited.

    Raises: NotFound; Conflict (`message_not_draft`).
    """
    row = await lock(tx, tenant, message_id)
    if await tx.execute(SQL["reject"], tenant, message_id, reason) == "UPDATE 0":
        _not_draft(row["state"])
    await audit(tx, tenant, by, "message.rejected", "message", str(message_id))
    return await get(tx, tenant, message_id)


async def lock(tx: Tx, tenant: UUID, message_id: UUID) -> Mapping[str, Any]:
    """The row, held. Raises: NotFound (`message_not_found`)."""
    row = await tx.fetchrow(SQL["lock"], tenant, message_id)
    if row is None:
        raise NotFound(f"no message {message_id}", code="message_not_found")
    return dict(row)


async def _draft(tx: Tx, tenant: UUID, message_id: UUID) -> Mapping[str, Any]:
    row = await lock(tx, tenant, message_id)
    if row["state"] != "draft":
        _not_draft(row["state"])
    return row


def _not_draft(state: str) -> None:
    raise Conflict(
        f"the message is {state}: only a draft can be changed, approved or rejected", code="message_not_draft"
    )


async def _template(tx: Tx, tenant: UUID, row: Mapping[str, Any]) -> Template:
    found = [t for t in await message_settings.templates(tx, tenant) if t.name == row["template"]]
    if not found:
        raise Conflict("its template is gone: reject it", code="template_changed")
    return found[0]


def _fits(template: Template, row: Mapping[str, Any]) -> bool:
    """What was approved is what the vendor's text with these parameters says."""
    parameters: Sequence[str] = row["parameters"]
    return len(parameters) == len(template.parameters) and filled(template.body, parameters) == row["body"]
