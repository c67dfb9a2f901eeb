"""External sinks: events leased for a while, delivered outside any transaction, settled under the lease (design section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from db.outbox import BACKOFF_BASE_S, BACKOFF_CAP_S, SQL
from db.transaction import Tx


@dataclass(frozen=True, slots=True)
class Leased:
    """An event in state `processing`. `token` is the fence: an answer under an old one changes nothing."""

    tenant_id: UUID
    id: int
    event_id: UUID
    type: str
    version: int
    payload: dict[str, Any]
    headers: dict[str, str]
    ordering_key: str | None
    attempts: int
    token: UUID


async def lease(tx: Tx, sink: str, *, batch: int, for_s: float) -> list[Leased]:
    """Claim due events of `sink` for `for_s` seconds; those with an ordering key one at a time, in order."""
    token = uuid4()
    rows = await tx.fetch(SQL["lease"], sink, batch, token, for_s)
    return [Leased(**dict(r), token=token) for r in sorted(rows, key=lambda r: (r["tenant_id"], r["id"]))]


async def settle(tx: Tx, event: Leased) -> bool:
    """Delivered: to history. False: the lease was lost meanwhile, so somebody else delivers it (again)."""
    return await tx.fetchval(SQL["settle"], event.tenant_id, event.event_id, event.token) is not None


async def refuse(tx: Tx, event: Leased, error: str, error_class: str, *, counts: bool, max_attempts: int) -> str:
    """Not delivered: `failed` with backoff, `dead_letter` at the last refusal, `lost` when the lease was.

    `counts=False` for an outage: it spends no attempt.
    """
    row = await tx.fetchrow(
        SQL["refuse"],
        event.tenant_id,
        event.event_id,
        event.token,
        error,
        error_class,
        int(counts),
        BACKOFF_BASE_S,
        BACKOFF_CAP_S,
    )
    if row is None:
        return "lost"
    if counts and row["attempts"] >= max_attempts and not (event.ordering_key and _blocks(event)):
        await tx.execute(SQL["bury"], row["place"], error, error_class)
        return "dead_letter"
    return "failed"


def _blocks(event: Leased) -> bool:
    """Its key waits until it was delivered, or an operator takes it away: it is never given up."""
    return event.headers.get("on_failure") == "block"


async def reclaim(tx: Tx) -> int:
    """Take back leases that ran out; returns how many. The late answer of their holder finds the token changed."""
    return len(await tx.fetch(SQL["reclaim"]))
