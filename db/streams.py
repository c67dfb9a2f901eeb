"""The JetStream sink: who sends what to the stream, the messages a handoff makes, and how each of them ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from contracts.streams import Subscription, SubscriptionList
from contracts.webhook_endpoints import SUBSCRIBABLE
from db import sinks
from db.access import audit
from db.outbox import Claimed
from db.sinks import Leased
from db.sql import load
from db.transaction import Tx

SQL = load("streams")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A leased message. `tenant` is its slug, `fact_at` when the fact it tells was committed (ISO 8601)."""

    event: Leased
    tenant: str
    fact_at: str


async def subscribe(tx: Tx, tenant: UUID, events: Sequence[str], *, by: str) -> None:
    """Send these facts of a tenant to the stream from now on, and no others."""
    wanted = sorted(set(events))
    await tx.execute(SQL["set"], tenant, wanted, by)
    await audit(tx, tenant, by, "stream.subscribed", "tenant", str(tenant), {"events": wanted})


async def unsubscribe(tx: Tx, tenant: UUID, *, by: str) -> bool:
    """Send nothing more of a tenant; what waits still goes out. False: nothing was sent."""
    if await tx.fetchval(SQL["off"], tenant, by) is None:
        return False
    await audit(tx, tenant, by, "stream.unsubscribed", "tenant", str(tenant))
    return True


async def list_(tx: Tx, tenants: Sequence[UUID]) -> SubscriptionList:
    """Subscriptions of these tenants, by slug, with what waits."""
    return SubscriptionList(items=[Subscription(**dict(row)) for row in await tx.fetch(SQL["list"], list(tenants))])


async def waiting(tx: Tx) -> tuple[int, float | None]:
    """(subscriptions that are on, seconds since the oldest waiting message was written). System role."""
    row = await tx.fetchrow(SQL["waiting"])
    return (row["subscriptions"], row["oldest_s"]) if row else (0, None)


async def fan_out(tx: Tx, events: Sequence[Claimed]) -> bool:
    """Write the messages of facts that a tenant sends to the stream, before they are handed off (system role). True: some."""
    facts = [event for event in events if event.type in SUBSCRIBABLE]
    if not facts:
        return False
    kinds = sorted({(event.tenant_id, event.type) for event in facts})
    if not await tx.fetch(SQL["wanted"], [tenant for tenant, _ in kinds], [kind for _, kind in kinds]):
        return False
    await tx.execute(SQL["fan_out"], [event.place for event in facts])
    return True


async def lease(tx: Tx, *, batch: int, for_s: float) -> list[Outgoing]:
    """Claim due messages for `for_s` seconds under one token, tenants in turn. System role."""
    token = uuid4()
    rows = await tx.fetch(SQL["lease"], batch, token, for_s)
    names = [name for name in Leased.__dataclass_fields__ if name != "token"]
    return [
        Outgoing(
            Leased(token=token, **{name: row[name] for name in names}),
            row["slug"],
            str(row["headers"].get("fact_at") or row["created_at"].isoformat()),
        )
        for row in sorted(rows, key=lambda row: (row["tenant_id"], row["id"]))
    ]


async def settle(tx: Tx, sent: Sequence[Outgoing]) -> int:
    """They are stored. Returns how many were still ours: the others were taken back, and go out again under the same id."""
    if not sent:
        return 0
    places = [each.event.tenant_id for each in sent], [each.event.event_id for each in sent]
    return int(await tx.fetchval(SQL["settle"], *places, sent[0].event.token))


async def give_back(tx: Tx, unsent: Sequence[Outgoing], why: str, *, rest_s: float = 0.0) -> None:
    """NATS did not take them, or did not say so: no attempt is spent, and they are due again after `rest_s` seconds."""
    if unsent:
        places = [each.event.tenant_id for each in unsent], [each.event.event_id for each in unsent]
        await tx.execute(SQL["give_back"], *places, unsent[0].event.token, why, rest_s)


async def refused(tx: Tx, of: Outgoing, why: str, *, max_attempts: int) -> str:
    """It will not take this one: counted, a dead letter at the last; gives the state of the event."""
    return await sinks.refuse(tx, of.event, why, "refused", counts=True, max_attempts=max_attempts)
