"""Order within a key: its events are handed off one at a time, the next when the jobs of the one before have ended."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.sql import load
from db.transaction import Tx

SQL = load("turns")
#: Keys that one look goes through; the next look goes on after them.
KEYS = 500
_FIRST = (UUID(int=0), "")


@dataclass(slots=True)
class Round:
    """Where the looks have got to among the keys that wait."""

    after: tuple[UUID, str] = _FIRST


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a waiting event waits behind: who has the turn, and the last of those that wait before it."""

    holder: UUID | None
    on_failure: str | None
    given_up: bool
    waiting: int
    before: UUID | None


async def advance(tx: Tx, of: Round, *, keys: int = KEYS) -> int:
    """Give the next events their turn; gives how many. System role. Any number may do so at once."""
    row = await tx.fetchrow(SQL["advance"], *of.after, keys)
    assert row is not None
    whole = row["nth"] is None or row["nth"] < keys
    of.after = _FIRST if whole else (row["tenant_id"], row["ordering_key"])
    return int(row["going"])


async def ahead(tx: Tx, tenant: UUID, key: str, event_no: int) -> Ahead:
    """What stands before a waiting event of a key. `event_no`: its place in the outbox (`id`)."""
    row = await tx.fetchrow(SQL["ahead"], tenant, key, event_no)
    assert row is not None
    return Ahead(**dict(row))
