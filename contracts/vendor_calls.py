"""The ledger call by call: what was asked of whom, what came of it and what it cost. Never what was asked or answered in words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts.executions import as_list
from contracts.texts import Instant, LongTitle, Name

#: What came of it, as the figures of an operation count: `throttled` is no `error`.
CallOutcome = Literal["found", "missed", "throttled", "error"]


class CallState(StrEnum):
    """Where a call stands. `sent` and `unknown` are still outstanding; the others are settled."""

    SENT = "sent"
    UNKNOWN = "unknown"
    ANSWERED = "answered"
    RELEASED = "released"
    FORFEITED = "forfeited"


_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"


class CallFilter(BaseModel):
    """Which calls. Each filter is met exactly; `until` is the first moment that does not count."""

    model_config = ConfigDict(extra="forbid")

    vendor: Name | None = Field(None, description="such as tavily")
    operation: Name | None = Field(None, description="such as search.google")
    state: Annotated[list[CallState], BeforeValidator(as_list)] = Field([], max_length=5)
    outcome: CallOutcome | None = None
    run_id: UUID | None = Field(None, description="of the run or the night that asked")
    days: float | None = Field(None, ge=0.01, le=3660, description="how far back; instead of `since`")
    since: Instant | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def one_beginning(self) -> CallFilter:
        if self.days is not None and self.since is not None:
            raise ValueError("days and since say the same thing: give one of them")
        return self


class CallQuery(CallFilter):
    """One page of calls. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=200)
    cursor: LongTitle | None = None


class CallRow(BaseModel):
    """A call. Units are the vendor's own; `cost_usd` at the unit price of the settings; `found` and `missed` count its items.

    `execution_id` is the job that asked. An error says which class it was of and what the vendor said.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": _ID, "id": _ID, "vendor": "tavily", "operation": "search.google", "billable": True,
                    "state": "answered", "unit": "credit", "units_reserved": 1, "units_spent": 1, "cost_usd": 0.008,
                    "found": 1, "missed": 0, "latency_ms": 412.5, "run_id": _ID,
                    "execution_id": _ID, "sent_at": "2026-01-05T06:00:00Z", "settled_at": "2026-01-05T06:00:01Z",
                }
            ]
        }
    )  # fmt: skip

    tenant_id: UUID
    id: UUID
    vendor: str
    operation: str
    billable: bool
    state: CallState
    unit: str
    units_reserved: float
    units_spent: float
    cost_usd: float | None = None
    found: int
    missed: int
    latency_ms: float | None
    error_class: str | None = None
    error: str | None = None
    run_id: UUID | None
    execution_id: UUID | None
    sent_at: AwareDatetime
    settled_at: AwareDatetime | None


class CallPage(BaseModel):
    """Newest first. A page may be short, even empty, and still have a `next_cursor`: follow it until it is null."""

    items: list[CallRow]
    next_cursor: str | None = None
