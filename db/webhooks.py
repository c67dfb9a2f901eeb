"""Webhooks of tenants: their endpoints, the deliveries that a handoff makes, and how each of them ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.errors import Conflict, NotFound
from contracts.webhook_endpoints import (
    MAX_ENDPOINTS,
    SINK,
    SUBSCRIBABLE,
    ChangeEndpoint,
    CreateEndpoint,
    Endpoint,
    ordering_key,
)
from db import outbox, sinks
from db.access import audit
from db.outbox import Claimed
from db.paging import LAST_UUID
from db.sinks import Leased
from db.sql import load
from db.transaction import Tx

SQL = load("webhooks")
#: How long a breaker stays open after the first failure, and at most, in seconds.
OPEN_S, LONGEST_OPEN_S = 2.0, 300.0
#: Deliveries of one endpoint under way at once in a process.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """A leased event and where it goes. `is_old`: an outage has lasted so long that it is given up."""

    event: Leased
    created_at: datetime
    fact_at: str
    is_old: bool
    endpoint_id: UUID
    url: str
    ordering: str
    secret_version: int
    failures: int


async def create(tx: Tx, tenant: UUID, body: CreateEndpoint, url: str, *, by: str) -> tuple[Endpoint, int]:
    """Register an endpoint; returns it with the version of its secret. Raises: Conflict (`too_many_endpoints`)."""
    row = await tx.fetchrow(
        SQL["create"], tenant, url, sorted(set(body.events)), body.ordering, body.enabled, body.description, by,
        MAX_ENDPOINTS,
    )  # fmt: skip
    if row is None:
        raise Conflict(f"there are {MAX_ENDPOINTS} endpoints already: remove one first", code="too_many_endpoints")
    await audit(tx, tenant, by, "webhook.created", "webhook_endpoint", str(row["id"]), {"events": row["events"]})
    return _endpoint(row), row["secret_version"]


async def show(tx: Tx, tenant: UUID, endpoint_id: UUID) -> Endpoint:
    """One endpoint. Raises: NotFound (`endpoint_not_found`)."""
    return _endpoint(_found(await tx.fetchrow(SQL["show"], tenant, endpoint_id), endpoint_id))


async def list_(tx: Tx, tenant: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Endpoint]:
    """Endpoints, newest first. `before` is the last id of the page before."""
    return [_endpoint(r) for r in await tx.fetch(SQL["list"], tenant, before or LAST_UUID, limit)]


async def change(
    tx: Tx, tenant: UUID, endpoint_id: UUID, body: ChangeEndpoint, url: str | None, *, by: str
) -> Endpoint:
    """Replace what the body names. Raises: NotFound."""
    events = sorted(set(body.events)) if body.events is not None else None
    row = await tx.fetchrow(
        SQL["change"], tenant, endpoint_id, url, events, body.ordering, body.enabled, body.description
    )
    made = _endpoint(_found(row, endpoint_id))
    named = sorted(body.model_fields_set)
    await audit(tx, tenant, by, "webhook.changed", "webhook_endpoint", str(endpoint_id), {"changed": named})
    return made


async def rotate(tx: Tx, tenant: UUID, endpoint_id: UUID, *, by: str) -> tuple[Endpoint, int]:
    """Give it another secret, from the next delivery on. Raises: NotFound."""
    row = _found(await tx.fetchrow(SQL["rotate"], tenant, endpoint_id), endpoint_id)
    await audit(tx, tenant, by, "webhook.secret_rotated", "webhook_endpoint", str(endpoint_id))
    return _endpoint(row), row["secret_version"]


async def remove(tx: Tx, tenant: UUID, endpoint_id: UUID, *, by: str) -> None:
    """Take it away; what waits for it becomes dead letters. Raises: NotFound."""
    _found(await tx.fetchrow(SQL["remove"], tenant, endpoint_id), endpoint_id)
    await audit(tx, tenant, by, "webhook.removed", "webhook_endpoint", str(endpoint_id))


def _found(row: Any, endpoint_id: UUID) -> Any:
    if row is None:
        raise NotFound(f"no webhook endpoint {endpoint_id}", code="endpoint_not_found")
    return row


def _endpoint(row: Any) -> Endpoint:
    return Endpoint.model_validate({k: v for k, v in dict(row).items() if k in Endpoint.model_fields})


async def fan_out(tx: Tx, events: Sequence[Claimed]) -> bool:
    """Write the deliveries of events that somebody subscribed to, before they are handed off. System role. True: there are some.

    Costs nothing unless a fact is among them that can be subscribed to, and then one look.
    """
    facts = [event for event in events if event.type in SUBSCRIBABLE]
    if not facts:
        return False
    kinds = sorted({(event.tenant_id, event.type) for event in facts})
    found = await tx.fetch(SQL["subscribers"], [tenant for tenant, _ in kinds], [kind for _, kind in kinds])
    if not found:
        return False
    for row in found:  # sorted: everybody locks in this order
        if row["ordering"] != "none":
            await tx.execute(outbox.SQL["lock_ordering_key"], str(row["tenant_id"]), ordering_key(row["id"]))
    await tx.execute(SQL["fan_out"], [event.place for event in facts], [row["id"] for row in found], SINK)
    return True


async def lease(tx: Tx, *, batch: int, for_s: float, busy: Sequence[UUID]) -> list[Delivery]:
    """Claim due deliveries for `for_s` seconds, a few of each endpoint that is not `busy`. System role."""
    token = uuid4()
    rows = await tx.fetch(SQL["lease"], batch, token, list(busy), for_s, AT_ONCE)
    return [_delivery(dict(row), token) for row in sorted(rows, key=lambda r: (r["tenant_id"], r["id"]))]


def _delivery(row: dict[str, Any], token: UUID) -> Delivery:
    leased = Leased(token=token, **{name: row[name] for name in Leased.__dataclass_fields__ if name != "token"})
    return Delivery(
        leased, row["created_at"], str(row["headers"].get("fact_at") or row["created_at"].isoformat()), row["is_old"],
        row["endpoint_id"], row["url"], row["ordering"], row["secret_version"], row["failures"],
    )  # fmt: skip


async def delivered(tx: Tx, of: Delivery) -> bool:
    """It was taken. False: the lease was lost meanwhile, so it is delivered again, under the same id."""
    settled = await sinks.settle(tx, of.event)
    if of.failures:
        await tx.execute(SQL["worked"], of.event.tenant_id, of.endpoint_id)
    return settled


async def refused(tx: Tx, of: Delivery, error: str, *, max_attempts: int) -> str:
    """It said no. The refusal counts, as the endpoint's ordering says; gives the state of the event."""
    if of.ordering == "block":
        return await outage(tx, of, error, error_class="refused")
    most = 1 if of.ordering == "skip" else max_attempts
    return await sinks.refuse(tx, of.event, error, "refused", counts=True, max_attempts=most)


async def outage(tx: Tx, of: Delivery, error: str, *, error_class: str = "outage") -> str:
    """It could not be reached, or not now: the breaker opens and no attempt is spent; after three days it is given up."""
    await tx.execute(SQL["failed"], of.event.tenant_id, of.endpoint_id, error, OPEN_S, LONGEST_OPEN_S)
    gives_up = of.is_old and of.ordering != "block"
    return await sinks.refuse(tx, of.event, error, error_class, counts=gives_up, max_attempts=0)


async def gone(tx: Tx, of: Delivery) -> str:
    """It said 410: it is disabled, and what waits for it waits until somebody enables it again."""
    await tx.execute(SQL["disable"], of.event.tenant_id, of.endpoint_id, "it answered 410 Gone")
    return await sinks.refuse(tx, of.event, "410 Gone: the endpoint was disabled", "gone", counts=False, max_attempts=0)


async def bury_orphans(tx: Tx) -> int:
    """Deliveries whose endpoint was removed become dead letters; returns how many. System role."""
    rows = await tx.fetch(SQL["orphans"])
    for row in rows:
        await tx.execute(outbox.SQL["bury"], row["place"], "its endpoint was removed", "endpoint_removed")
    return len(rows)
