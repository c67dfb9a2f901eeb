"""The ledger: at most one live row an item, so that nothing is paid twice (law 5). A call groups items.

States of a call: sent -> answered | released | forfeited, or sent -> unknown -> sent | answered | released | forfeited; and a
late answer makes forfeited answered. `docs/flow.md` draws them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from contracts.budgets import BudgetRule
from contracts.errors import Conflict, NotFound
from db import alerts, erasures, suppressions
from db.access import audit
from db.sql import load
from db.transaction import DbRole, Pool, Tx, transaction

SQL = load("ledger")
#: SQLSTATE of `app.hold_units` when a budget has no room.
BUDGET_SPENT = "HW001"
#: A call without an answer that nobody asks for again is written off after this, in seconds.
ADRIFT_S = 86_400.0

#: A worker that was taken for dead has this long to show that it is not, before what it asked for is written off, in seconds.
SIGN_OF_LIFE_S = 3.0

#: The attempt that sent a call: execution and token.
Sender = tuple[UUID | None, int | None]


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
    """The answer is there already: nobody pays for it again. `row` has what was said about it and what it cost."""

    item_id: UUID
    response: Any
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reserved:
    """The rows are committed as `sent`; now the request may leave. `item_ids` in the order of the fingerprints."""

    call_id: UUID
    item_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else is asking this very thing right now."""


@dataclass(frozen=True, slots=True)
class Forfeited:
    """It was sent, and whoever sent it died or lost the answer: counted as spent, no data, never sent again by itself."""

    call_id: UUID
    item_id: UUID
    #: When it was sent.
    at: datetime


@dataclass(frozen=True, slots=True)
class Adrift:
    """It was sent, and its sender died or lost the answer: nobody has decided yet what becomes of it."""

    call_id: UUID
    billable: bool
    units: float
    #: State and sender of the call as it was seen: whoever decides wants them unchanged.
    state: str
    sender: Sender
    account: str | None = None
    #: Now and the moment it was sent lie on one day (UTC), for any clock that is at most five minutes off.
    same_day: bool = False


Standing = Stored | Busy | Forfeited | Adrift


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who asks, and what of: the attempt of a job, the operation, the unit its price is counted in, the budgets' defaults.

    `account`: which account of the vendor the key belongs to, as a digest of the key.
    """

    tenant: UUID
    execution_id: UUID
    token: int
    vendor: str
    operation: str
    billable: bool
    run_id: UUID | None = None
    unit: str = "credit"
    credential: str = "house"
    account: str | None = None
    limits: Sequence[BudgetRule] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What to store of one item. `response` None: there is no value. `keep_s`: how long it may be read again."""

    item_id: UUID
    outcome: Literal["found", "miss", "suppressed", "invalid"]
    response: Any
    keep_s: float
    units: float = 0.0
    raw: Any = None
    about: Mapping[str, Any] = field(default_factory=dict)


class BudgetSpent(Exception):
    """A budget has no room for the worst case. Members: scope, period, bucket, limit, asked."""

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__(str(members))
        self.members = members


async def look(tx: Tx, tenant: UUID, item: Item) -> Standing | None:
    """What stands for an item now; None when nothing does."""
    return (await look_all(tx, tenant, item.vendor, item.operation, [item.fingerprint])).get(item.fingerprint)


async def look_all(
    tx: Tx, tenant: UUID, vendor: str, operation: str, fingerprints: Sequence[bytes], timeout_s: float = 0.0
) -> dict[bytes, Standing]:
    """What stands for items now, by fingerprint; items that nothing stands for are left out.

    `timeout_s`: how long the vendor may take, and a sender that was falsely taken for dead is waited for. 0: it is not.
    """
    rows = await tx.fetch(SQL["look"], tenant, vendor, operation, list(fingerprints), timeout_s, SIGN_OF_LIFE_S)
    return {bytes(row["fingerprint"]): _standing(row) for row in rows}


def _standing(row: Any) -> Standing:
    if row["state"] == "answered":
        return Stored(row["id"], row["response"], dict(row))
    if row["state"] == "forfeited":
        return Forfeited(row["call_id"], row["id"], row["said_at"])
    if row["in_flight"]:
        return Busy()
    sender = (row["execution_id"], row["execution_token"])
    held = row["units_reserved"]
    return Adrift(row["call_id"], row["billable"], held, row["call_state"], sender, row["account"], row["same_day"])


async def reserve(tx: Tx, buyer: Buyer, items: Sequence[Item], units: float) -> Reserved | None:
    """Reserve the worst case of a call, `units`, for items sorted by fingerprint that nothing stands for.

    None when somebody else was quicker: roll back. Raises: BudgetSpent, which undoes the transaction.
    """
    b, prints = buyer, [item.fingerprint for item in items]
    await erasures.refuse_erased(tx, b.tenant, [item.request for item in items])
    await tx.execute(SQL["expire"], b.tenant, b.vendor, b.operation, prints)
    limits = [{"scope": r.scope, "period": r.period, "limit": r.limit} for r in b.limits]
    try:
        row = await tx.fetchrow(
            SQL["reserve"],
            b.tenant, b.vendor, b.operation, prints, [dict(item.request) for item in items], b.billable, b.unit, units, b.run_id,
            limits, b.credential, b.execution_id, b.token, b.account,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        if error.sqlstate != BUDGET_SPENT:
            raise
        raise BudgetSpent(json.loads(error.detail or "{}")) from error
    return Reserved(row["call_id"], tuple(row["item_ids"])) if row is not None else None


async def adopt(tx: Tx, buyer: Buyer, call: Adrift) -> list[Mapping[str, Any]] | None:
    """Become the sender of a call adrift. Gives its open items (id, fingerprint, request) as they were sent; None: another did."""
    b = buyer
    if (
        await tx.fetchval(SQL["adopt"], b.tenant, call.call_id, call.state, *call.sender, b.execution_id, b.token)
        is None
    ):
        return None
    return [dict(r) for r in await tx.fetch(SQL["items_of_call"], b.tenant, call.call_id)]


async def store(
    tx: Tx,
    tenant: UUID,
    call_id: UUID,
    answers: Sequence[Answer],
    *,
    keep_raw_s: float = 0,
    latency_ms: float | None = None,
) -> None:
    """Store and settle an answered call; never refuses what was paid for. Items without an answer are released.

    Who was erased is left out: an answer that is about nobody else is kept as a miss.
    """
    if await suppressions.anybody_erased(tx, tenant):
        answers = [await _without_erased(tx, tenant, a) for a in answers]
    rows = [
        {**a.about, "id": a.item_id, "outcome": a.outcome,
         "response": a.response, "raw": a.raw, "units": a.units, "keep_s": a.keep_s}
        for a in answers
    ]  # fmt: skip
    await tx.execute(SQL["store"], tenant, call_id, rows, keep_raw_s)
    await tx.execute(SQL["write_off"], tenant, call_id, "released")
    counts = [sum(a.outcome == o for a in answers) for o in ("found", "miss", "suppressed", "invalid")]
    spent = sum(a.units for a in answers)
    await _settle(tx, tenant, call_id, "answered", spent, latency_ms, counts, None, None)


async def _without_erased(tx: Tx, tenant: UUID, answer: Answer) -> Answer:
    response, lost = await erasures.cleaned(tx, tenant, answer.response)
    raw, also = await erasures.cleaned(tx, tenant, answer.raw)
    if not (lost or also):
        return answer
    return replace(
        answer, outcome="miss" if answer.outcome == "found" and response is None else answer.outcome, response=response, raw=raw,
        about={**answer.about, "note": "erased"} if response is None else answer.about,
    )  # fmt: skip


async def give_up(
    tx: Tx,
    tenant: UUID,
    call_id: UUID,
    end: Literal["released", "forfeited", "unknown"],
    sender: Sender,
    *,
    spent: float = 0.0,
    error: str | None = None,
    error_class: str | None = None,
    latency_ms: float | None = None,
) -> bool:
    """End `sender`'s call without an answer; nothing happens (False) when it has another sender by now.

    `released`: surely not billed. `forfeited`: it may have been. `unknown`: the answer can still be had.
    """
    if await tx.fetchval(SQL["lock_call"], tenant, call_id, *sender) is None:
        return False
    if end != "unknown":
        await tx.execute(SQL["write_off"], tenant, call_id, end)
    await _settle(tx, tenant, call_id, end, spent, latency_ms, [0, 0, 0, 0], error, error_class)
    return True


async def _settle(tx: Tx, tenant: UUID, call_id: UUID, end: str, spent: float, *about: Any) -> None:
    row = await tx.fetchrow(SQL["settle"], call_id, end, spent, *about)
    if row is None:
        return
    if spent > row["reserved"] + 1e-9:
        evidence = {"call": str(call_id), "reserved": row["reserved"], "spent": spent}
        await alerts.raise_(tx, tenant, "vendor.worst_case_passed", str(call_id), "warning", evidence)
    for over in row["overrun"]:
        scope = f"{over['scope']} {over['period']} {over['bucket']}"
        await alerts.raise_(tx, tenant, "budget.overrun", scope, "error", {"call": str(call_id), **over})


async def link(tx: Tx, tenant: UUID, run_id: UUID, item_id: UUID, slice_id: UUID | None, page: int) -> None:
    """Remember that a run read an item."""
    await tx.execute(SQL["link"], tenant, run_id, item_id, slice_id, page)


async def link_all(tx: Tx, tenant: UUID, run_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Remember that a run read items of look-ups. A run that is gone remembers nothing."""
    await tx.execute(SQL["link_all"], tenant, run_id, list(item_ids))


async def calls_of_run(tx: Tx, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """What a run asked of vendors, oldest first."""
    return [dict(r) for r in await tx.fetch(SQL["calls_of_run"], tenant, run_id)]


async def spent(tx: Tx, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """What a run spent, by vendor and operation."""
    return [dict(r) for r in await tx.fetch(SQL["spent"], tenant, run_id)]


async def resend(tx: Tx, tenant: UUID, item_id: UUID, *, by: str) -> dict[str, Any]:
    """Let a forfeited item be bought again by whoever wants it next; what it cost stays on the books.

    Raises: NotFound; Conflict (code `not_forfeited`) when it is not forfeited, or was let go already.
    """
    row = await tx.fetchrow(SQL["resend"], tenant, item_id, by)
    if row is None:
        stands = await tx.fetchrow(SQL["item"], tenant, item_id)
        if stands is None:
            raise NotFound(f"no item of the ledger is called {item_id}: see `headwater vendors forfeited`")
        how = "was let go before" if stands["resent_at"] else f"is {stands['state']}"
        raise Conflict(f"item {item_id} {how}: only a forfeited one is sent again", code="not_forfeited")
    detail = {"vendor": row["vendor"], "operation": row["operation"], "call_id": str(row["call_id"])}
    await audit(tx, tenant, by, "ledger.resend", "vendor_item", str(item_id), detail)
    return {"id": item_id, **detail}


async def forfeited(tx: Tx, tenant: UUID, vendor: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Items that were paid for and lost, newest first."""
    return [dict(r) for r in await tx.fetch(SQL["forfeited"], tenant, vendor, limit)]


async def write_off_adrift(pool: Pool, after_s: float = ADRIFT_S) -> int:
    """End calls whose sender is gone and that nobody asked for again in `after_s`; a late answer is still taken.

    Each in a transaction of its own: the locks of two tenants' budgets are never held together.
    """
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        rows = await tx.fetch(SQL["adrift"], after_s)
    for row in rows:
        async with transaction(pool, row["tenant_id"]) as tx:
            sender = (row["execution_id"], row["execution_token"])
            await write_off(
                tx, row["tenant_id"], Adrift(row["id"], row["billable"], row["units_reserved"], row["state"], sender)
            )
    return len(rows)


async def write_off(tx: Tx, tenant: UUID, call: Adrift) -> None:
    """Nobody will answer for it: a paid call counts as spent, a free one never was."""
    end: Literal["forfeited", "released"] = "forfeited" if call.billable else "released"
    spent = call.units if call.billable else 0.0
    error, kind = "its sender died before the answer was stored", "sender_died"
    if call.state == "unknown":
        error, kind = "no answer came, and it was not had again in time", "answer_lost"
    ended = await give_up(tx, tenant, call.call_id, end, call.sender, spent=spent, error=error, error_class=kind)
    if ended and kind == "answer_lost" and end == "forfeited":
        await tell_lost(tx, tenant, call.call_id, units=spent, error=kind)


async def tell_lost(tx: Tx, tenant: UUID, call_id: UUID, *, units: float, error: str) -> None:
    """Somebody should know: the answer of a call that counts as spent will not come any more. `error`: a class."""
    about = {"call": str(call_id), "units": units, "error": error}
    await alerts.raise_(tx, tenant, "vendor.answer_lost", str(call_id), "warning", about)


async def drop_raw(tx: Tx) -> int:
    """Forget vendors' own records past their time. System role."""
    return int((await tx.execute(SQL["drop_raw"])).rpartition(" ")[2])
