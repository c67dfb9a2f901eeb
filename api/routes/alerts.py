"""Alerts: what wants a person's eye, who looks after it, and where it is told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.auth import require
from api.deps import PageDep, PoolDep, SettingsDep, WakeDep, before
from api.errors import problems
from contracts.alerts import (
    AlertChannel,
    AlertChannelPage,
    AlertDetail,
    AlertPage,
    AlertState,
    AlertTestAnswer,
    ChangeAlertChannel,
    CreateAlertChannel,
    NewAlertChannel,
    Severity,
)
from contracts.tenants import Principal, Role
from contracts.webhook_endpoints import signing_secret
from db import alert_channels, alerts
from db.transaction import transaction

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
channels_router = APIRouter(prefix="/v1/alert-channels", tags=["alerts"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]
Rule = Annotated[str | None, Query(max_length=100, description="such as run.consecutive_failures")]


@router.get("")
async def list_alerts(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    state: Annotated[AlertState | None, Query(description="open, ack (somebody looks after it) or resolved")] = None,
    severity: Annotated[Severity | None, Query(description="of exactly this severity")] = None,
    rule: Rule = None,
) -> AlertPage:
    """Alerts, newest first, with the figures that opened them."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await alerts.list_(
            tx,
            principal.tenant_id,
            state=state,
            severity=severity,
            rule=rule,
            before=before(page),
            limit=page.limit + 1,
        )
    items = found[: page.limit]
    return AlertPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{alert_id}", responses=problems(404))
async def show(alert_id: UUID, principal: Reader, pool: PoolDep) -> AlertDetail:
    """One alert with its baseline, the runs behind it and where it was told."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await alerts.show(tx, [principal.tenant_id], alert_id)


@router.post("/{alert_id}/acknowledge", responses=problems(404, 409))
async def acknowledge(alert_id: UUID, principal: Operator, pool: PoolDep) -> AlertDetail:
    """Say that you look after it. It stays listed until it is over."""
    async with transaction(pool, principal.tenant_id) as tx:
        await alerts.look_after(tx, principal.tenant_id, alert_id, by=principal.name)
        return await alerts.show(tx, [principal.tenant_id], alert_id)


@router.post("/{alert_id}/resolve", responses=problems(404, 409))
async def resolve(alert_id: UUID, principal: Operator, pool: PoolDep, wake: WakeDep) -> AlertDetail:
    """Say that it is over. Should its condition still hold, it is opened anew at the next look."""
    async with transaction(pool, principal.tenant_id) as tx:
        await alerts.close(tx, principal.tenant_id, alert_id, by=principal.name)
        made = await alerts.show(tx, [principal.tenant_id], alert_id)
    wake.soon()
    return made


@channels_router.post("", status_code=201, responses=problems(409))
async def create_channel(
    body: CreateAlertChannel, principal: Operator, pool: PoolDep, settings: SettingsDep, response: Response
) -> NewAlertChannel:
    """Have alerts told somewhere. A webhook's signing secret is shown this once; a URL or the name of a secret never again."""
    tenant, secret = principal.tenant_id, None
    async with transaction(pool, tenant) as tx:
        made = await alert_channels.create(tx, tenant, body, settings, by=principal.name)
        if body.kind == "webhook" and body.url is not None:
            secret = signing_secret(settings.webhook_signing_key, tenant, made.id, 1).get_secret_value()
    response.headers["Location"] = f"{channels_router.prefix}/{made.id}"
    response.headers["Cache-Control"] = "no-store"
    return NewAlertChannel(**made.model_dump(), signing_secret=secret)


@channels_router.get("")
async def list_channels(principal: Operator, pool: PoolDep, page: PageDep) -> AlertChannelPage:
    """Where alerts are told, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await alert_channels.list_(tx, principal.tenant_id, before=before(page), limit=page.limit + 1)
    items = found[: page.limit]
    return AlertChannelPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@channels_router.get("/{channel_id}", responses=problems(404))
async def show_channel(channel_id: UUID, principal: Operator, pool: PoolDep) -> AlertChannel:
    """One channel, and what its last test came to."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await alert_channels.show(tx, principal.tenant_id, channel_id)


@channels_router.patch("/{channel_id}", responses=problems(404, 409))
async def change_channel(
    channel_id: UUID, body: ChangeAlertChannel, principal: Operator, pool: PoolDep
) -> AlertChannel:
    """Replace what the body names. Another place is another channel."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await alert_channels.change(tx, principal.tenant_id, channel_id, body, by=principal.name)


@channels_router.delete("/{channel_id}", status_code=204, responses=problems(404))
async def remove_channel(channel_id: UUID, principal: Operator, pool: PoolDep) -> None:
    """Take it away, with the record of what it was told."""
    async with transaction(pool, principal.tenant_id) as tx:
        await alert_channels.remove(tx, principal.tenant_id, channel_id, by=principal.name)


@channels_router.post("/{channel_id}/test", status_code=202, responses=problems(404))
async def test_channel(channel_id: UUID, principal: Operator, pool: PoolDep, wake: WakeDep) -> AlertTestAnswer:
    """Send a trial by a worker. What came of it stands in `test_result` a moment later."""
    async with transaction(pool, principal.tenant_id) as tx:
        probe_id = await alert_channels.request_test(tx, principal.tenant_id, channel_id)
    wake.soon()
    return AlertTestAnswer(channel_id=channel_id, probe_id=probe_id)
