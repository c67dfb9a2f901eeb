"""Why has an event not left for NATS or for a tenant's webhook? Both are left alone for a while after failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from contracts.outbox import EventDetail, Finding
from contracts.webhook_endpoints import SINK as WEBHOOK
from db.sql import load
from db.transaction import Tx

SQL = load("explained_sinks")
NATS = "nats"
#: Whoever publishes looks every few seconds: what has been due for longer is published by nobody.
IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Away:
    """A sink whose breaker is open: failures in a row, and until when nobody tries."""

    failures: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Hook:
    """A tenant's endpoint as its deliveries find it."""

    enabled: bool
    disabled_reason: str | None
    failures: int
    open_until: datetime | None
    last_error: str | None


async def nats_away(tx: Tx) -> Away | None:
    """Is NATS away, as far as the workers know? `tx` acts as system."""
    row = await tx.fetchrow(SQL["nats"])
    return Away(row["failures"], row["opened_until"]) if row else None


async def hook_of(tx: Tx, event: EventDetail) -> Hook | None:
    """The endpoint of a delivery; None: it is none, or the endpoint is gone."""
    if event.sink != WEBHOOK or event.aggregate_type != "webhook_endpoint":
        return None
    row = await tx.fetchrow(SQL["endpoint"], event.tenant_id, event.aggregate_id)
    return Hook(**dict(row)) if row else None


def of_sink(event: EventDetail, hook: Hook | None, nats: Away | None, now: datetime) -> list[Finding]:
    """What keeps a due event from leaving for its sink; nothing for the queue."""
    if event.sink == NATS:
        return _of_nats(event, nats, now)
    return [] if hook is None else _of_hook(event, hook, now)


def _of_nats(event: EventDetail, away: Away | None, now: datetime) -> list[Finding]:
    if away is not None:
        text = f"NATS is away: it has failed {away.failures} times in a row, and {_until(away.until, now)}"
        step = "nothing is lost and no attempt is spent: it leaves when NATS is back. headwater streams setup says what it answers"
        return [Finding(code="nats_away", text=text, next_step=step, blocking=True)]
    due_s = (now - (event.available_at or now)).total_seconds()
    if due_s <= IDLE_S:
        return []
    text = f"it has been due for {due_s:.0f} s, and no worker publishes"
    step = (
        "start a worker with NATS_URL set: headwater worker --only dispatch; headwater doctor says whether facts wait"
    )
    return [Finding(code="nats_unattended", text=text, next_step=step, blocking=True)]


def _of_hook(event: EventDetail, hook: Hook, now: datetime) -> list[Finding]:
    endpoint = event.aggregate_id
    if not hook.enabled:
        text = f"webhook endpoint {endpoint} is disabled ({hook.disabled_reason or 'somebody switched it off'})"
        step = f"it waits until somebody enables it: headwater webhooks change {endpoint} --enable"
        return [Finding(code="endpoint_disabled", text=text, next_step=step, blocking=True)]
    if hook.open_until is None or not hook.failures:
        return []
    text = f"webhook endpoint {endpoint} has failed {hook.failures} times in a row ({hook.last_error}), and "
    text += _until(hook.open_until, now)
    step = (
        f"mend what answers there, no attempt is spent; to try at once: headwater webhooks change {endpoint} --enable"
    )
    return [Finding(code="endpoint_away", text=text, next_step=step, blocking=hook.open_until > now)]


def _until(until: datetime, now: datetime) -> str:
    if until > now:
        return f"is left alone until {until:%H:%M:%S} UTC"
    return "is due to be tried again"
