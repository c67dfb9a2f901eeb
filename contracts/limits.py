"""Limits: how many jobs of a queue or of a tenant run at once, how often they start, how a vendor is asked, and what is paused.

Exact over all workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: What a limit is about. Jobs of a queue and of a tenant, requests to a vendor; those keep to VENDOR_LIMITS as well.
LimitScope = Literal["queue", "tenant", "vendor"]
#: A queue, a tenant's slug, a vendor or vendor.operation.
LimitName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]
#: Most jobs at once, and most starts at once.
MOST = 100_000


class SetLimit(BaseModel):
    """All that limits one queue, tenant or vendor; what is absent or null is no limit.

    In any t seconds at most `burst` + `per_s` * t jobs start, or requests leave.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"max_running": 20, "per_s": 5, "burst": 5}]}
    )

    max_running: Annotated[int, Field(strict=True, ge=1, le=MOST)] | None = Field(
        default=None, description="jobs that run at once; requests under way, of a vendor"
    )
    per_s: Annotated[float, Field(ge=0.0001, le=MOST, allow_inf_nan=False)] | None = Field(
        default=None, description="jobs that start, or requests that leave, in a second, on average"
    )
    burst: Annotated[int, Field(strict=True, ge=1, le=MOST)] | None = Field(
        default=None, description="jobs that may start together after a rest; absent: a second's worth, one at least"
    )

    @model_validator(mode="after")
    def _a_burst_belongs_to_a_rate(self) -> SetLimit:
        if self.burst is not None and self.per_s is None:
            raise ValueError("burst needs per_s: how many may start in a second")
        return self

    @property
    def bucket(self) -> int | None:
        """Jobs that may start together; None: there is no rate."""
        return None if self.per_s is None else self.burst or max(1, ceil(self.per_s))


@dataclass(frozen=True, slots=True)
class VendorRule:
    """What operators allow a vendor or one operation of it: `burst` requests in any `burst / per_s` s, `max_running` at once."""

    name: str
    max_running: int | None = None
    per_s: float | None = None
    burst: int | None = None


class Limit(BaseModel):
    """A limit or a pause, and how it stands. `held`: why the next job would not start now; absent: it would."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "scope": "queue", "name": "enrichment", "max_running": 20, "per_s": 5.0, "burst": 5, "paused": False,
                    "reason": None, "by": None, "since": None, "running": 20, "waiting": 180, "held": "max_running",
                }
            ]
        }
    )  # fmt: skip

    scope: LimitScope
    name: str
    max_running: int | None = None
    per_s: float | None = None
    burst: int | None = None
    paused: bool = False
    reason: str | None = None
    by: str | None = None
    since: datetime | None = None
    running: int = Field(default=0, description="jobs that workers hold; of a vendor always 0")
    waiting: int = Field(default=0, description="jobs standing in the queue, 10,000 at most are counted")
    held: Literal["paused", "max_running", "rate"] | None = None


class Held(BaseModel):
    """What keeps work from starting now, and how much stands behind it. A tenant is told of its own work alone.

    `jobs`: standing in the queue, or put off because their vendor is paused; `events`: due in the outbox, behind a tenant's pause.
    Both are counted up to 10,000, and a job behind two of these is counted at both.
    """

    scope: LimitScope
    name: str
    held: Literal["paused", "max_running", "rate"]
    max_running: int | None = None
    per_s: float | None = None
    reason: str | None = None
    by: str | None = None
    since: datetime | None = None
    jobs: int = 0
    events: int = 0


class LimitList(BaseModel):
    """What is limited or paused, by scope and name."""

    items: list[Limit]
