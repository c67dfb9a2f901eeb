"""Webhooks of tenants: where facts are told, and with which secret they are signed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import require
from api.deps import PageDep, PoolDep, SettingsDep, WakeDep, before
from api.errors import problems
from contracts.settings import Settings
from contracts.tenants import Principal, Role
from contracts.webhook_endpoints import (
    ChangeEndpoint,
    CreateEndpoint,
    Endpoint,
    EndpointPage,
    EndpointSecret,
    checked_url,
    signing_secret,
)
from db import webhooks
from db.transaction import transaction

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhook-endpoints"])
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("", status_code=201, responses=problems(409))
async def create(
    body: CreateEndpoint, principal: Operator, pool: PoolDep, settings: SettingsDep, response: Response
) -> EndpointSecret:
    """Register an address for facts of some kinds. The signing secret is shown this once.

    Facts that are handed off from now on are delivered, each at least once: drop an `X-Headwater-Event` you have seen.
    """
    url = checked_url(body.url, loopback=settings.webhook_allow_loopback)
    tenant = principal.tenant_id
    async with transaction(pool, tenant) as tx:
        made, version = await webhooks.create(tx, tenant, body, url, by=principal.name)
        shown = _with_secret(settings, tenant, made, version)
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    response.headers["Cache-Control"] = "no-store"
    return shown


@router.get("")
async def list_endpoints(principal: Operator, pool: PoolDep, page: PageDep) -> EndpointPage:
    """Endpoints, newest first, without their secrets. Their deliveries: `/v1/outbox/events?sink=webhook&aggregate_id=`."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await webhooks.list_(tx, principal.tenant_id, before=before(page), limit=page.limit + 1)
    items = found[: page.limit]
    return EndpointPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{endpoint_id}", responses=problems(404))
async def show(endpoint_id: UUID, principal: Operator, pool: PoolDep) -> Endpoint:
    """One endpoint, and how it does."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await webhooks.show(tx, principal.tenant_id, endpoint_id)


@router.patch("/{endpoint_id}", responses=problems(404))
async def change(
    endpoint_id: UUID, body: ChangeEndpoint, principal: Operator, pool: PoolDep, settings: SettingsDep, wake: WakeDep
) -> Endpoint:
    """Replace what the body names. Enabling it lets what waited go out."""
    url = checked_url(body.url, loopback=settings.webhook_allow_loopback) if body.url is not None else None
    async with transaction(pool, principal.tenant_id) as tx:
        made = await webhooks.change(tx, principal.tenant_id, endpoint_id, body, url, by=principal.name)
    wake.soon()
    return made


@router.post("/{endpoint_id}/secret", responses=problems(404, 409))
async def rotate(
    endpoint_id: UUID, principal: Operator, pool: PoolDep, settings: SettingsDep, response: Response
) -> EndpointSecret:
    """Give it another secret, from the next delivery on; it is shown this once."""
    async with transaction(pool, principal.tenant_id) as tx:
        made, version = await webhooks.rotate(tx, principal.tenant_id, endpoint_id, by=principal.name)
        shown = _with_secret(settings, principal.tenant_id, made, version)
    response.headers["Cache-Control"] = "no-store"
    return shown


@router.delete("/{endpoint_id}", status_code=204, responses=problems(404))
async def remove(endpoint_id: UUID, principal: Operator, pool: PoolDep) -> None:
    """Take it away. What waits for it becomes dead letters."""
    async with transaction(pool, principal.tenant_id) as tx:
        await webhooks.remove(tx, principal.tenant_id, endpoint_id, by=principal.name)


def _with_secret(settings: Settings, tenant: UUID, made: Endpoint, version: int) -> EndpointSecret:
    secret = signing_secret(settings.webhook_signing_key, tenant, made.id, version)
    return EndpointSecret(**made.model_dump(), secret=secret.get_secret_value())
