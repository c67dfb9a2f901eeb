"""Messages to leads: drafts that a person approves, what became of them; templates, consents and settings that decide."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.message_settings import (
    Consent,
    ConsentPage,
    MessageSettings,
    RecordConsent,
    SetTemplate,
    Template,
    TemplateList,
)
from contracts.messages import ChangeMessage, MessageDetail, MessagePage, RejectMessage, State
from contracts.tenants import Principal, Role
from db import consents, message_settings, messages
from db.transaction import transaction

router = APIRouter(prefix="/v1", tags=["messages"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Writer = Annotated[Principal, Depends(require(Role.ANALYST))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("/messages")
async def list_messages(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    state: State | None = None,
    lead_id: Annotated[UUID | None, Query(description="only messages to this lead")] = None,
) -> MessagePage:
    """Messages, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await messages.list_(
            tx, principal.tenant_id, before=before(page), state=state, lead_id=lead_id, limit=page.limit + 1
        )
    items = found[: page.limit]
    return MessagePage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/messages/{message_id}", responses=problems(404))
async def show(message_id: UUID, principal: Reader, pool: PoolDep) -> MessageDetail:
    """One message with what vendors told us about it."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await messages.get(tx, principal.tenant_id, message_id)


@router.patch("/messages/{message_id}", responses=problems(404, 409))
async def change(message_id: UUID, body: ChangeMessage, principal: Writer, pool: PoolDep) -> MessageDetail:
    """Write a draft in your own words: what fills its template."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await messages.change(tx, principal.tenant_id, message_id, body, by=principal.name)


@router.post("/messages/{message_id}/approve", responses=problems(404, 409))
async def approve(message_id: UUID, principal: Writer, pool: PoolDep, wake: WakeDep) -> MessageDetail:
    """Let a draft go out. A 409 says what is missing: `suppressed`, `no_consent`, `region_denied`, `no_phone`, `no_template` …"""
    async with transaction(pool, principal.tenant_id) as tx:
        made = await messages.approve(tx, principal.tenant_id, message_id, by=principal.name)
    wake.soon()
    return made


@router.post("/messages/{message_id}/reject", responses=problems(404, 409))
async def reject(message_id: UUID, body: RejectMessage, principal: Writer, pool: PoolDep) -> MessageDetail:
    """A draft is not sent, nor an approved message that no vendor was asked for yet."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await messages.reject(tx, principal.tenant_id, message_id, body.reason, by=principal.name)


@router.get("/message-settings")
async def show_settings(principal: Reader, pool: PoolDep) -> MessageSettings:
    """How the tenant writes: languages, gates by country, and whether drafts go out without a person's word (R20)."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await message_settings.settings(tx, principal.tenant_id)


@router.put("/message-settings")
async def put_settings(body: MessageSettings, principal: Operator, pool: PoolDep) -> MessageSettings:
    """Decide all of it; what is left out goes back to its default."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await message_settings.put(tx, principal.tenant_id, body, by=principal.name)


@router.get("/message-templates")
async def list_templates(principal: Reader, pool: PoolDep) -> TemplateList:
    """The templates in use: the tenant's own, and those of the product (`id` null) for what it has none for."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return TemplateList(items=await message_settings.templates(tx, principal.tenant_id))


@router.put("/message-templates")
async def put_template(body: SetTemplate, principal: Operator, pool: PoolDep) -> Template:
    """Set the words of one channel, step and language, just as the vendor has approved them."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await message_settings.put_template(tx, principal.tenant_id, body, by=principal.name)


@router.delete("/message-templates/{template_id}", status_code=204, responses=problems(404))
async def drop_template(template_id: UUID, principal: Operator, pool: PoolDep) -> None:
    """Back to the words that come with the product."""
    async with transaction(pool, principal.tenant_id) as tx:
        await message_settings.drop_template(tx, principal.tenant_id, template_id, by=principal.name)


@router.get("/consents")
async def list_consents(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    contact_id: Annotated[UUID | None, Query(description="only of this contact")] = None,
) -> ConsentPage:
    """Consents, newest first, withdrawn ones too."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await consents.list_(
            tx, principal.tenant_id, before=before(page), contact_id=contact_id, limit=page.limit + 1
        )
    items = found[: page.limit]
    return ConsentPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.post("/consents", status_code=201, responses=problems(404))
async def record_consent(body: RecordConsent, principal: Writer, pool: PoolDep) -> Consent:
    """Write down that a person agreed to be written to, or is a customer. The same again is the same one."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await consents.record(tx, principal.tenant_id, body, by=principal.name)


@router.delete("/consents/{consent_id}", status_code=204, responses=problems(404))
async def withdraw_consent(consent_id: UUID, principal: Writer, pool: PoolDep) -> None:
    """The consent holds no longer. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        await consents.withdraw(tx, principal.tenant_id, consent_id, by=principal.name)
