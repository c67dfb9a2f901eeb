"""Channels for alerts: where a tenant wants them told, and how each delivery stands."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from contracts.alert_places import check, shown
from contracts.alerts import (
    MAX_CHANNELS,
    AlertChannel,
    AlertView,
    AlertWay,
    ChangeAlertChannel,
    CreateAlertChannel,
    Transition,
)
from contracts.errors import Conflict, NotFound
from contracts.events import AlertTestRequested
from contracts.settings import Settings
from db import alerts, outbox, tenants
from db.access import audit
from db.ids import new_id
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("alert_channels")
FAILING = "alert.channel_failing"


async def create(tx: Tx, tenant: UUID, body: CreateAlertChannel, settings: Settings, *, by: str) -> AlertChannel:
    """Register a channel. Audited, without its place.

    Raises: Invalid when alerts may not go there; Conflict (`channel_exists`, `too_many_channels`).
    """
    owner = await tenants.by_id(tx, tenant)
    assert owner is not None
    way = AlertWay(
        tenant_id=tenant, slug=owner.slug, channel_id=tenant, kind=body.kind, url=body.url, secret_ref=body.secret_ref,
        address=body.address,
    )  # fmt: skip
    check(way, settings)
    row = await tx.fetchrow(
        SQL["create"], tenant, body.name, body.kind, body.url, body.secret_ref, body.address, body.min_severity, body.enabled, by,
        MAX_CHANNELS,
    )  # fmt: skip
    if row is None:
        await _refuse_name(tx, tenant, body.name, None)
        raise Conflict(f"there are {MAX_CHANNELS} channels already: remove one first", code="too_many_channels")
    await audit(tx, tenant, by, "alert_channel.created", "alert_channel", str(row["id"]), {"kind": body.kind})
    return _channel(row)


async def show(tx: Tx, tenant: UUID, channel_id: UUID) -> AlertChannel:
    """One channel. Raises: NotFound (`channel_not_found`)."""
    return _channel(_found(await tx.fetchrow(SQL["show"], tenant, channel_id), channel_id))


async def list_(tx: Tx, tenant: UUID, *, before: UUID | None = None, limit: int = 50) -> list[AlertChannel]:
    """Channels, newest first. `before` is the last id of the page before."""
    return [_channel(r) for r in await tx.fetch(SQL["list"], tenant, before or LAST_UUID, limit)]


async def change(tx: Tx, tenant: UUID, channel_id: UUID, body: ChangeAlertChannel, *, by: str) -> AlertChannel:
    """Replace what the body names. Audited. Raises: NotFound (`channel_not_found`); Conflict (`channel_exists`)."""
    if body.name is not None:
        await _refuse_name(tx, tenant, body.name, channel_id)
    row = await tx.fetchrow(SQL["change"], tenant, channel_id, body.name, body.min_severity, body.enabled)
    made = _channel(_found(row, channel_id))
    detail = body.model_dump(exclude_none=True, exclude={"name"})
    await audit(tx, tenant, by, "alert_channel.changed", "alert_channel", str(channel_id), detail)
    return made


async def remove(tx: Tx, tenant: UUID, channel_id: UUID, *, by: str) -> None:
    """Take it away. Audited. Raises: NotFound (`channel_not_found`)."""
    _found(await tx.fetchrow(SQL["remove"], tenant, channel_id), channel_id)
    await alerts.resolve(tx, tenant, FAILING, str(channel_id))
    await audit(tx, tenant, by, "alert_channel.removed", "alert_channel", str(channel_id))


async def request_test(tx: Tx, tenant: UUID, channel_id: UUID) -> UUID:
    """Have it tried; returns the test's id. Raises: NotFound (`channel_not_found`)."""
    await show(tx, tenant, channel_id)
    probe_id = new_id()
    await outbox.emit(tx, tenant, AlertTestRequested(channel_id=channel_id, probe_id=probe_id))
    return probe_id


async def note_test(tx: Tx, tenant: UUID, channel_id: UUID, result: str) -> None:
    """What a test came to: `delivered`, or why not. A channel that works again is not failing any more."""
    await tx.execute(SQL["tested"], tenant, channel_id, result)
    if result == "delivered":
        await _works(tx, tenant, channel_id)


async def way(tx: Tx, tenant: UUID, channel_id: UUID) -> tuple[AlertWay, bool] | None:
    """(where it leads and with what, is it on). None: it is gone."""
    row = await tx.fetchrow(SQL["way"], tenant, channel_id)
    if row is None:
        return None
    members = dict(row)
    enabled = bool(members.pop("enabled"))
    return AlertWay(**members), enabled


async def alert(tx: Tx, tenant: UUID, alert_id: UUID) -> AlertView | None:
    """The alert to tell of."""
    row = await tx.fetchrow(alerts.SQL["show"], [tenant], alert_id)
    return AlertView(**dict(row)) if row else None


async def begin(tx: Tx, tenant: UUID, alert_id: UUID, channel_id: UUID, transition: Transition) -> bool:
    """Note that a delivery is under way. False: it was sent, or there is nothing to tell any more."""
    return await tx.fetchval(SQL["begin"], tenant, alert_id, channel_id, transition) is not None


async def state(tx: Tx, tenant: UUID, alert_id: UUID, channel_id: UUID, transition: Transition) -> str | None:
    """sending, sent, skipped or dead; None: nobody began."""
    found: str | None = await tx.fetchval(SQL["state"], tenant, alert_id, channel_id, transition)
    return found


async def end(
    tx: Tx,
    tenant: UUID,
    alert_id: UUID,
    channel_id: UUID,
    transition: Transition,
    how: Literal["sent", "skipped", "dead"],
    reason: str | None = None,
) -> None:
    """How a delivery ended. One that was given up opens an alert about its channel, told on the others only."""
    if await tx.fetchval(SQL["end"], tenant, alert_id, channel_id, transition, how, reason) is None:
        return
    if how == "sent":
        await _works(tx, tenant, channel_id)
    elif how == "dead":
        name = await tx.fetchval(SQL["failed"], tenant, channel_id, reason)
        about = {"channel": name, "error": (reason or "")[:300], "alert": str(alert_id)}
        await alerts.raise_(tx, tenant, FAILING, str(channel_id), "error", about, not_by=channel_id)


async def _works(tx: Tx, tenant: UUID, channel_id: UUID) -> None:
    await tx.execute(SQL["worked"], tenant, channel_id)
    await alerts.resolve(tx, tenant, FAILING, str(channel_id))


async def _refuse_name(tx: Tx, tenant: UUID, name: str, own: UUID | None) -> None:
    if await tx.fetchval(SQL["named"], tenant, name, own):
        raise Conflict(f"there is a channel {name!r} already: choose another name", code="channel_exists")


def _found(row: Any, channel_id: UUID) -> Any:
    if row is None:
        raise NotFound(f"no channel {channel_id}: list them to see what there is", code="channel_not_found")
    return row


def _channel(row: Any) -> AlertChannel:
    members = {name: row[name] for name in AlertChannel.model_fields if name != "place"}
    return AlertChannel(**members, place=shown(row["url"], row["secret_ref"], row["address"]))
