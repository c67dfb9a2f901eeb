"""The sites our crawler asks: whose turn it is, and what their robots.txt said. The installation's, no tenant's: system role."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from contracts.sites import Robots
from contracts.texts import storable
from db.sql import load
from db.transaction import Tx

SQL = load("hosts")
#: How much of a robots.txt is kept, in characters: RFC 9309 wants at least 500 KiB read.
MAX_ROBOTS = 512_000
#: How long one is kept, in seconds; one that could not be had (5xx, no answer) only an hour.
KEEP_ROBOTS_S = 86_400.0
KEEP_FAILURE_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Held:
    """The site is ours for one request, which may leave in `wait_s` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Taken:
    """It is not: somebody's request may last `held_s` more seconds, and its own distance `wait_s`."""

    held_s: float
    wait_s: float


async def claim(tx: Tx, host: str, holder: UUID, *, delay_s: float, patience_s: float, hold_s: float) -> Held | Taken:
    """Hold `host` for one request of at most `hold_s` seconds, if its turn comes within `patience_s`.

    The request after it is `delay_s` later, or as long as the site wished. A holder that died is forgotten after `hold_s`.
    """
    row = await tx.fetchrow(SQL["claim"], host, holder, delay_s, patience_s, hold_s)
    if row is not None:
        return Held(max(0.0, row["wait_s"]))
    found = await tx.fetchrow(SQL["when_free"], host)
    return Taken(found["held_s"] or 0.0, found["wait_s"]) if found is not None else Taken(0.0, 0.0)


async def release(tx: Tx, host: str, holder: UUID, *, took_s: float, delay_s: float) -> None:
    """The request is over, after `took_s` seconds: a slow site is left in peace for as long again (10 s at most)."""
    await tx.execute(SQL["release"], host, holder, took_s, delay_s)


async def leave_alone(tx: Tx, host: str, after_s: float | None) -> None:
    """The site answered 429 or 503. `after_s` is what it asked for; its distance doubles, up to a minute."""
    await tx.execute(SQL["leave_alone"], host, after_s)


async def robots_of(tx: Tx, origin: str) -> Robots | None:
    """The origin's robots.txt, if it still counts."""
    row = await tx.fetchrow(SQL["robots"], origin)
    return None if row is None else Robots(**dict(row))


async def remember_robots(tx: Tx, robots: Robots) -> None:
    """Keep a robots.txt, an answer without one (4xx) too; a failure for a shorter time."""
    text = None if robots.text is None else storable(robots.text, MAX_ROBOTS)
    failed = robots.status is None or robots.status >= 500
    keep_s = KEEP_FAILURE_S if failed else KEEP_ROBOTS_S
    await tx.execute(SQL["keep_robots"], robots.origin, robots.status, text, robots.fetched_at, keep_s)


async def forget(tx: Tx) -> None:
    """Delete what has not been asked for long."""
    await tx.execute(SQL["forget"])
