"""message.generate: a draft for a HIGH lead, by a model or by template alone. message.send: decide, ask once, write what came."""

from __future__ import annotations

from uuid import UUID

import structlog

from contracts.errors import BadAnswer, Hopeless, VendorBusy, VendorDown
from contracts.findings import Completion
from contracts.jobs import GenerateMessage, Payload, SendMessage
from contracts.message_settings import MessageSettings, Template
from contracts.messages import Drafted, Subject
from contracts.outgoing import MessageReceipt, OutgoingMail
from contracts.providers import Reply
from contracts.suppressions import KeyType
from db import message_settings, messages, sending, suppressions
from db.transaction import Tx
from worker import ask
from worker.context import Context, Stopped
from worker.messaging import compose, prompt

log = structlog.get_logger("worker")

MODEL = "llm.complete"
FIRST = 1


async def generate(ctx: Context, args: GenerateMessage) -> None:
    """One draft a lead, channel and step. Whom nobody may write to gets none that could be sent, and the row says why."""
    async with ctx.read() as tx:
        settings = await message_settings.settings(tx, ctx.tenant)
        found = [await messages.subject(tx, ctx.tenant, args.lead_id, channel, FIRST) for channel in settings.channels]
        templates = await message_settings.templates(tx, ctx.tenant)
    made: list[tuple[Subject, Drafted]] = []
    for channel, of in zip(settings.channels, found, strict=True):
        if of is None or of.has_message or (channel == "email" and not of.contact_email):
            continue
        if of.merged_into is not None:
            log.info(
                "message_not_drafted", leadId=str(of.lead_id), reason="lead_merged", mergedInto=str(of.merged_into)
            )
            continue
        drafted = await _drafted(ctx, of, settings, channel, templates)
        if drafted is not None:
            made.append((of, drafted))
    async with ctx.write() as tx:
        for of, drafted in made:
            await _keep(tx, ctx.tenant, of, args.prediction_id, drafted, settings)


async def _drafted(
    ctx: Context, of: Subject, settings: MessageSettings, channel: str, templates: list[Template]
) -> Drafted | None:
    templates = [t for t in templates if (t.channel, t.sequence_step) == (channel, FIRST)]
    language = compose.language_of(of, settings, templates)
    template = compose.template_for(templates, channel, FIRST, language)
    if template is None:
        return None
    opener, note = await _opener(ctx, of, template) if "opener" in template.parameters else (None, None)
    return compose.draft(of, template, settings, opener=opener, notes=[note] if note else [])


async def _opener(ctx: Context, of: Subject, template: Template) -> tuple[str | None, str | None]:
    """(a model's sentence, None), or (None, why the template's own stands). Raises: VendorBusy, which costs no attempt."""
    if MODEL not in ctx.ports.operations:
        return None, "no model is set up: written by template"
    facts = of.facts()
    try:
        [reply] = await ask.items(ctx, ctx.ports.operation(MODEL), [prompt.ask(facts, template.language)])
    except VendorBusy:
        raise
    except (Hopeless, VendorDown) as error:
        return None, f"the model could not be asked ({error.code}): written by template"
    if not isinstance(reply.value, Completion):
        return None, f"the model gave no answer ({reply.note or reply.outcome}): written by template"
    text, wrong = prompt.read(reply.value, facts, template.language)
    return text, None if text is not None else f"the model's answer was not taken, {wrong}: written by template"


async def _keep(
    tx: Tx, tenant: UUID, of: Subject, prediction_id: UUID, drafted: Drafted, settings: MessageSettings
) -> None:
    await suppressions.hold(tx, tenant)
    hit = await suppressions.hit(
        tx, tenant, "email" if drafted.template.channel == "email" else "whatsapp",
        emails=filter(None, [of.contact_email]), phones=filter(None, [of.contact_phone]),
        domains=filter(None, [of.domain]), people=filter(None, [of.contact_linkedin_url]),
    )  # fmt: skip
    reason = f"suppressed: the {hit.key_type} is on the suppression list ({hit.reason})" if hit else None
    made = await messages.add(tx, tenant, of, prediction_id, drafted, reason=reason)
    if made is None or hit is not None:
        return
    log.info("message_drafted", messageId=str(made), leadId=str(of.lead_id), writtenBy=drafted.written_by)
    if settings.auto_send:
        row = await messages.lock(tx, tenant, made)
        refused = await messages.approve_if_allowed(tx, tenant, row, by=messages.POLICY)
        if refused is not None:
            await messages.note(tx, tenant, made, f"not approved by policy, {refused.code}: {refused.text}")


async def generate_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Nothing was begun that would have to be ended: the lead has no draft, and the dead letter says why."""


async def send(ctx: Context, args: SendMessage) -> None:
    """Send an approved message, at most once: the decision is committed, then the ledger lets the vendor be asked."""
    async with ctx.unfenced() as tx:
        decided = await sending.decide(tx, ctx.tenant, args.message_id)
    if decided is None:
        async with ctx.write():
            return
    try:
        operation = ctx.ports.operation(f"{decided.vendor}.send")
        [reply] = await ask.items(ctx, operation, [decided.outgoing])
    except Hopeless as error:
        # Garbage is an answer as well: whoever gave it may have sent the message.
        if error.code != "forfeited" and not isinstance(error, BadAnswer):
            raise
        async with ctx.write() as tx:
            await sending.sent(tx, ctx.tenant, args.message_id, vendor_ref=None, reason=sending.ANSWER_LOST)
        return
    async with ctx.write() as tx:
        await _settle(tx, ctx.tenant, args.message_id, decided, reply)
    log.info("message_asked", messageId=str(args.message_id), vendor=decided.vendor, outcome=reply.outcome)


async def _settle(
    tx: Tx, tenant: UUID, message_id: UUID, decided: sending.Decided, reply: Reply[MessageReceipt]
) -> None:
    if reply.value is not None:
        await sending.sent(tx, tenant, message_id, vendor_ref=reply.value.message_id)
        return
    if reply.outcome == "suppressed":
        kind: KeyType = "email" if isinstance(decided.outgoing, OutgoingMail) else "phone"
        await suppressions.add(
            tx, tenant, "any", kind, decided.outgoing.to, by=sending.ACTOR, reason="opt_out", source=decided.vendor
        )
    await sending.stop(
        tx, tenant, message_id, "failed", f"{reply.outcome}: {reply.note or 'the vendor turned it down'}"
    )


async def send_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Given up: the message says so."""
    assert isinstance(args, SendMessage)
    await sending.give_up(tx, tenant, args.message_id, f"{stopped.error_class}: {stopped.error}")
