"""How a tenant writes: its policies about messages, and its templates beside the words that come with the product."""

from __future__ import annotations

from uuid import UUID

from pydantic import ValidationError

from contracts.errors import NotFound
from contracts.message_settings import MAIL, MessageSettings, SetTemplate, Template
from contracts.message_texts import BUILT_IN, SUBJECTS, TEXTS
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("message_settings")
#: Member of the settings -> name of the tenant's policy.
POLICIES = {
    "auto_send": "messages_auto_send",
    "languages": "message_languages",
    "default_language": "message_default_language",
    "regions": "message_regions",
    "default_gate": "message_default_gate",
    "sender": "message_sender",
    "vendor": "message_vendor",
    "channels": "message_channels",
    "reply_to": "message_reply_to",
}


async def settings(tx: Tx, tenant: UUID) -> MessageSettings:
    """What the tenant has decided, and defaults for the rest: they are the cautious ones.

    A policy that makes no sense, however it came there, is as good as none.
    """
    rows = {r["name"]: r["value"] for r in await tx.fetch(SQL["policies"], tenant, list(POLICIES.values()))}
    decided = {member: rows[name] for member, name in POLICIES.items() if name in rows}
    try:
        return MessageSettings.model_validate(decided)
    except ValidationError as error:
        senseless = {str(e["loc"][0]) for e in error.errors() if e["loc"]} or {"languages", "default_language"}
        return MessageSettings.model_validate({m: v for m, v in decided.items() if m not in senseless})


async def put(tx: Tx, tenant: UUID, wanted: MessageSettings, *, by: str) -> MessageSettings:
    """Decide all of it. Audited."""
    for member, value in sorted(wanted.model_dump(mode="json").items()):
        if value is None:
            await tx.execute(SQL["drop_policy"], tenant, POLICIES[member])
        else:
            await tx.execute(SQL["put_policy"], tenant, POLICIES[member], value, by)
    await audit(tx, tenant, by, "messages.settings", "tenant", str(tenant), {"auto_send": wanted.auto_send})
    return await settings(tx, tenant)


async def templates(tx: Tx, tenant: UUID) -> list[Template]:
    """The templates in use: the tenant's own, and ours for what it has none for."""
    own = [Template.model_validate(dict(r)) for r in await tx.fetch(SQL["templates"], tenant)]
    taken = {t.name for t in own}
    ours = [
        Template(
            id=None, channel=channel, sequence_step=1, language=language, body=text, parameters=list(BUILT_IN),
            vendor_templates={MAIL: SUBJECTS[language]} if channel == "email" else {},
        )
        for channel in ("whatsapp", "email")
        for language, (text, _, _) in TEXTS.items()
    ]  # fmt: skip
    return own + [t for t in ours if t.name not in taken]


async def put_template(tx: Tx, tenant: UUID, body: SetTemplate, *, by: str) -> Template:
    """Set a tenant's own words. Drafts that were made of others have to be made anew. Audited."""
    row = await tx.fetchrow(
        SQL["put_template"], tenant, body.channel, body.sequence_step, body.language, body.body, list(body.parameters),
        dict(body.vendor_templates), by,
    )  # fmt: skip
    assert row is not None
    made = Template.model_validate(dict(row))
    await audit(tx, tenant, by, "message_template.set", "message_template", str(made.id), {"name": made.name})
    return made


async def drop_template(tx: Tx, tenant: UUID, template_id: UUID, *, by: str) -> None:
    """Forget a tenant's own words. Raises: NotFound (`template_not_found`)."""
    language = await tx.fetchval(SQL["drop_template"], tenant, template_id)
    if language is None:
        raise NotFound(f"no message template {template_id}", code="template_not_found")
    await audit(
        tx, tenant, by, "message_template.dropped", "message_template", str(template_id), {"language": language}
    )
