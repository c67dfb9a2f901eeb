"""How fast a vendor may be asked, by all workers together: one row for each pace and credential. System role throughout.

What stands in a row is worked out by the worker (`worker/leases.py`), between `hold` and `keep` of one short transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contracts.paces import BreakerState, PaceView
from contracts.texts import storable
from db.sql import load
from db.transaction import Tx

SQL = load("pace")


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether the vendor is asked at all. Times are seconds since 1970.

    `until`: open: nobody asks before; half open: the one request that tries has until then. `code` is set when the vendor refused
    us (key, credits, address), None when it failed.
    """

    state: BreakerState = "closed"
    failures: int = 0
    opens: int = 0
    until: float | None = None
    code: str | None = None
    error: str | None = None
    error_at: float | None = None


@dataclass(slots=True)
class Standing:
    """A pace between `hold` and `keep`. `now` is the database's time, in seconds since 1970; `holders`: see `worker/leases.py`."""

    name: str
    credential: str
    now: float
    timetable: dict[str, Any] = field(default_factory=dict)
    holders: dict[str, list[float]] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=Breaker)


def _breaker(row: Any) -> Breaker:
    return Breaker(
        row["breaker"], row["failures"], row["opens"], row["opened_until"], row["error_code"], row["error"], row["error_at"]
    )  # fmt: skip


async def hold(tx: Tx, name: str, credential: str) -> Standing:
    """The pace as it stands, locked until the transaction ends; made if it is new."""
    row = await tx.fetchrow(SQL["lock"], name, credential)
    if row is None:
        await tx.execute(SQL["begin"], name, credential)
        row = await tx.fetchrow(SQL["lock"], name, credential)
    assert row is not None
    return Standing(name, credential, row["now"], row["timetable"], row["holders"], _breaker(row))


async def keep(tx: Tx, standing: Standing) -> None:
    """Write what has become of a pace that is held."""
    b, times = standing.breaker, standing.timetable
    next_at = max(times.get("last", 0.0), times.get("not_before", 0.0))
    await tx.execute(
        SQL["keep"],
        standing.name, standing.credential, times, standing.holders, next_at or None,
        b.state, b.failures, b.opens, b.until, b.code, storable(b.error, 500) if b.error else None, b.error_at,
    )  # fmt: skip


async def peek(tx: Tx, name: str, credential: str) -> tuple[Breaker, float]:
    """The breaker without a lock, and the database's time."""
    row = await tx.fetchrow(SQL["peek"], name, credential)
    return (Breaker(), 0.0) if row is None else (_breaker(row), row["now"])


async def standing(tx: Tx) -> list[PaceView]:
    """Every pace there is, by name."""
    return [PaceView(**dict(row)) for row in await tx.fetch(SQL["standing"])]


async def reset(tx: Tx, name: str, credential: str | None = None) -> list[str]:
    """Ask again at once: close the breaker and drop waiting times, of one credential or of all. Returns the credentials it had."""
    return [row["credential"] for row in await tx.fetch(SQL["reset"], name, credential)]


async def forget(tx: Tx) -> None:
    """Delete paces that nobody used for long."""
    await tx.execute(SQL["forget"])
