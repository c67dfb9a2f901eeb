"""What the search for one tenant's secrets from every other tenant's role found (B.07)."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel

#: The alert it raises, once for each place that leaks.
RULE = "isolation_canary"


class Leak(BaseModel):
    """A place where rows of one tenant are seen by others: how many of those who looked, one of them, rows at most seen at once."""

    where: str
    tenants: int
    example: UUID | None
    rows: int


class IsolationCheck(BaseModel):
    """`unplanted`: places that were looked at without a planted secret, so that only standing rows could be found there."""

    id: UUID
    at: AwareDatetime
    tenants: int
    relations: int
    functions: int
    seconds: float
    leaks: list[Leak]
    unplanted: list[str]
