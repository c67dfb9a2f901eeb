"""How fast a vendor may be asked, by all workers together: one row for each pace and credential. System role throughout.

What stands in a row is worked out by the worker (`worker/leases.py`), between `hold` and `keep` of one short transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contracts.limits import VendorRule
from contracts.paces import BreakerState, BreakerView, PaceView
from contracts.texts import storable
from db.sql import load
from db.transaction import Tx

SQL = load("pace")


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether the vendor is asked at all. Times are seconds since 1970.

    `until`: open: nobody asks before; half open: the one request that tries has until then. `code` is set when the vendor refused
    us (key, credits, address), None when it failed. `paused`: who has paused the operation or its vendor, and why.
    """

    state: BreakerState = "closed"
    failures: int = 0
    opens: int = 0
    until: float | None = None
    code: str | None = None
    error: str | None = None
    error_at: float | None = None
    paused: str | None = None


@dataclass(slots=True)
class Standing:
    """A pace between `hold` and `keep`, with the breaker of one of its operations.

    `now` is the database's time, in seconds since 1970; for `holders` see `worker/leases.py`.
    """

    name: str
    credential: str
    operation: str
    now: float
    timetable: dict[str, Any] = field(default_factory=dict)
    holders: dict[str, list[float]] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=Breaker)
    #: As it was read: what is unchanged is not written.
    was: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.was = (self.timetable, dict(self.holders), self.breaker)


async def hold(tx: Tx, name: str, credential: str, operation: str) -> Standing:
    """The pace as it stands, locked until the transaction ends; made if it is new."""
    standing = await hold_beside(tx, name, credential, operation)
    found, _ = await peek(tx, operation, credential)  # after the lock: another worker may have just written it
    standing.breaker = found
    standing.was = (standing.timetable, dict(standing.holders), found)
    return standing


async def hold_beside(tx: Tx, name: str, credential: str, operation: str = "") -> Standing:
    """The same without a breaker: for what operators allow a vendor, which is locked after the vendor's own pace."""
    row = await tx.fetchrow(SQL["lock"], name, credential)
    if row is None:
        await tx.execute(SQL["begin"], name, credential)
        row = await tx.fetchrow(SQL["lock"], name, credential)
    assert row is not None
    return Standing(name, credential, operation, row["now"], row["timetable"], row["holders"])


async def rules(tx: Tx) -> list[VendorRule]:
    """What operators allow vendors at run time, by name."""
    return [VendorRule(**dict(row)) for row in await tx.fetch(SQL["rules"])]


async def keep(tx: Tx, standing: Standing) -> None:
    """Write what has become of a pace that is held."""
    timetable, holders, breaker = standing.was
    if (timetable, holders) != (standing.timetable, standing.holders):
        times = standing.timetable
        next_at = max(times.get("last", 0.0), times.get("not_before", 0.0))
        await tx.execute(SQL["keep"], standing.name, standing.credential, times, standing.holders, next_at or None)
    if breaker != standing.breaker:
        b = standing.breaker
        await tx.execute(
            SQL["keep_breaker"],
            standing.operation, standing.credential,
            b.state, b.failures, b.opens, b.until, b.code, storable(b.error, 500) if b.error else None, b.error_at,
        )  # fmt: skip


async def peek(tx: Tx, operation: str, credential: str) -> tuple[Breaker, float]:
    """The breaker of an operation without a lock, and the database's time."""
    row = await tx.fetchrow(SQL["breaker"], operation, credential)
    assert row is not None
    *known, now = row
    return Breaker(*known), now


async def standing(tx: Tx) -> list[PaceView]:
    """Every pace there is, by name."""
    return [PaceView(**dict(row)) for row in await tx.fetch(SQL["standing"])]


async def breakers(tx: Tx) -> list[BreakerView]:
    """Every operation that has failed before, by name."""
    return [BreakerView(**dict(row)) for row in await tx.fetch(SQL["breakers"])]


async def reset(tx: Tx, name: str) -> list[str]:
    """Ask again at once: close the breakers of `name` (a vendor or `vendor.operation`) and drop its vendor's waiting times.

    Returns the operations and paces that had something to forget.
    """
    waited = await tx.fetch(SQL["ask_at_once"], name)
    return sorted({row["name"] for row in [*waited, *await tx.fetch(SQL["close_breakers"], name)]})


async def forget(tx: Tx) -> None:
    """Delete paces that nobody used for long."""
    await tx.execute(SQL["forget"])
