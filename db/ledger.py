"""The ledger: at most one live row an item, so that nothing is paid twice (law 5). The unit here is a page of a search."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic_core import to_json

from db.sql import load
from db.transaction import Tx

SQL = load("ledger")


@dataclass(frozen=True, slots=True)
class Item:
    """What is bought: vendor, operation and the request in full. Equal requests have equal fingerprints."""

    vendor: str
    operation: str
    request: Mapping[str, object]

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(
            to_json({"v": self.vendor, "o": self.operation, "r": dict(sorted(self.request.items()))})
        ).digest()


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer is there already: nobody pays for it again."""

    item_id: UUID
    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reserved:
    """The row is committed as `sent`; now the request may leave."""

    call_id: UUID
    item_id: UUID


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else is asking this very thing right now."""


@dataclass(frozen=True, slots=True)
class Forfeited:
    """It was sent, and whoever sent it died or lost the answer: counted as spent, no data, never sent again by itself."""

    call_id: UUID


async def look(tx: Tx, tenant: UUID, item: Item) -> Stored | Busy | Forfeited | Any | None:
    """What stands for an item now: None when nothing does, the raw row when its sender died with the answer outstanding."""
    row = await tx.fetchrow(SQL["look"], tenant, item.vendor, item.operation, item.fingerprint)
    if row is None:
        return None
    if row["state"] == "answered":
        return Stored(row["id"], row["response"])
    if row["state"] == "forfeited":
        return Forfeited(row["call_id"])
    return Busy() if row["in_flight"] else row


async def reserve(
    tx: Tx,
    tenant: UUID,
    item: Item,
    *,
    billable: bool,
    units: float,
    run_id: UUID | None,
    execution_id: UUID,
    token: int,
) -> Stored | Reserved | Busy | Forfeited:
    """Find the stored answer or reserve the worst case, `units`. A dead attempt's billable row becomes forfeited here."""
    await tx.execute(SQL["expire"], tenant, item.vendor, item.operation, item.fingerprint)
    found = await look(tx, tenant, item)
    if isinstance(found, Stored | Busy | Forfeited):
        return found
    if found is not None:
        end: Literal["forfeited", "released"] = "forfeited" if found["billable"] else "released"
        await settle(
            tx,
            tenant,
            found["call_id"],
            end,
            spent=units if found["billable"] else 0,
            error="its sender died before the answer was stored",
        )
        if end == "forfeited":
            return Forfeited(found["call_id"])
    row = await tx.fetchrow(
        SQL["reserve"],
        tenant, item.vendor, item.operation, item.fingerprint, dict(item.request), billable, units, run_id, execution_id, token,
    )  # fmt: skip
    return Reserved(row["call_id"], row["item_id"]) if row is not None else Busy()


async def settle(
    tx: Tx,
    tenant: UUID,
    call_id: UUID,
    end: Literal["answered", "released", "forfeited"],
    *,
    spent: float,
    response: dict[str, Any] | None = None,
    keep_s: float = 0,
    error: str | None = None,
) -> None:
    """Store and settle; never refuses an answer that was paid for. `keep_s`: how long the answer may be read again."""
    await tx.execute(SQL["settle_item"], tenant, call_id, end, response, keep_s)
    await tx.execute(SQL["settle_call"], tenant, call_id, end, spent, error)


async def link(tx: Tx, tenant: UUID, run_id: UUID, item_id: UUID, slice_id: UUID | None, page: int) -> None:
    """Remember that a run read an item."""
    await tx.execute(SQL["link"], tenant, run_id, item_id, slice_id, page)


async def calls_of_run(tx: Tx, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """What a run asked of vendors, oldest first."""
    return [dict(r) for r in await tx.fetch(SQL["calls_of_run"], tenant, run_id)]
