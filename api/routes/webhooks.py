"""What Trengo and Meta tell us about messages. Each call is signed; each thing in it counts once."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.deps import PoolDep
from api.errors import problems
from api.webhooks import ChallengeDoor, SignatureDoor
from contracts import messages_in
from contracts.errors import NotFound
from contracts.messages import WebhookCounts
from contracts.tenants import SYSTEM_TENANT
from db import message_events, tenants
from db.transaction import Pool, transaction

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
SlugPath = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="slug of the tenant")]
_FORM = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {"type": "object", "properties": {"message_id": {"type": "string", "maxLength": 500}}},
            "example": {"message_id": "700123", "contact_identifier": "+6591234567", "message": "STOP"},
        }
    },
}
_CALL = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object"},
            "example": {"object": "whatsapp_business_account", "entry": []},
        }
    },
}


@router.post(
    "/trengo/{tenant}",
    dependencies=[Depends(SignatureDoor("trengo_webhook_secret", "trengo"))],
    responses=problems(401, 404),
    openapi_extra={"requestBody": _FORM},
)
async def trengo(
    tenant: SlugPath,
    request: Request,
    pool: PoolDep,
    event: Annotated[str, Query(max_length=50, description="the event the address was registered for")] = "INBOUND",
) -> WebhookCounts:
    """Take a webhook of Trengo. An answer that asks to be left alone puts the sender onto the suppression list."""
    owner = await _tenant(pool, tenant)
    received = messages_in.read_trengo(await request.body(), event)
    async with transaction(pool, owner) as tx:
        return await message_events.receive(tx, owner, received)


@router.post(
    "/whatsapp/{tenant}",
    dependencies=[Depends(SignatureDoor("whatsapp_app_secret", "meta"))],
    responses=problems(401, 404),
    openapi_extra={"requestBody": _CALL},
)
async def whatsapp(tenant: SlugPath, request: Request, pool: PoolDep) -> WebhookCounts:
    """Take a webhook of the WhatsApp Cloud API: delivery reports, answers, people who stopped or resumed our messages."""
    owner = await _tenant(pool, tenant)
    received = messages_in.read_whatsapp(await request.body())
    async with transaction(pool, owner) as tx:
        return await message_events.receive(tx, owner, received)


@router.get(
    "/whatsapp/{tenant}",
    dependencies=[Depends(ChallengeDoor("whatsapp_verify_token"))],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "1158201444"}}}, **problems(401, 404)},
)
async def verify(
    tenant: SlugPath,
    request: Request,
    pool: PoolDep,
    mode: Annotated[str, Query(alias="hub.mode", max_length=50)] = "",  # noqa: ARG001 - the door reads them
    verify_token: Annotated[str, Query(alias="hub.verify_token", max_length=500)] = "",  # noqa: ARG001
    challenge: Annotated[str, Query(alias="hub.challenge", max_length=500)] = "",  # noqa: ARG001
) -> Response:
    """Answer Meta when it sets up the webhook: its challenge, as text."""
    await _tenant(pool, tenant)
    return Response(request.state.challenge, media_type="text/plain")


async def _tenant(pool: Pool, slug: str) -> UUID:
    async with transaction(pool, None) as tx:
        found = await tenants.by_slug(tx, slug)
    if found is None or found.id == SYSTEM_TENANT:
        raise NotFound(f"there is no tenant {slug!r}: correct the address of the webhook", code="tenant_not_found")
    return found.id
