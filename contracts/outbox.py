"""The outbox as it is looked into: events, their timelines, findings, counts, proofs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.executions import AttemptRow, ExecutionRow, VendorCallRow, as_list
from contracts.job_reports import Progress
from contracts.limits import Held
from contracts.texts import Instant, LongTitle, Name, NoNul

_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"
#: Ten years: no age is longer, no replay takes longer.
_LONGEST_S = 315_360_000


class EventStatus(StrEnum):
    """The documents' five words (S2.05). `failed` will be retried, `dead_letter` waits for an operator (R9)."""

    PENDING = "pending"
    PROCESSING = "processing"
    SENT = "sent"
    FAILED = "failed"
    DEAD_LETTER = "dead_letter"


class EventFilter(BaseModel):
    """Which events. Everything given must hold; ages are seconds since the event was written."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[list[EventStatus], BeforeValidator(as_list)] = Field([], max_length=5)
    type: Annotated[str, Field(min_length=1, max_length=100), NoNul] | None = None
    aggregate_type: Name | None = None
    aggregate_id: UUID | None = None
    correlation_id: UUID | None = None
    error_class: Annotated[str, Field(min_length=1, max_length=100), NoNul] | None = None
    sink: Name | None = Field(
        None,
        description="queue; ordered: waits for its turn to go there; webhook (tenants' addresses); nats (JetStream)",
    )
    older_than_s: float | None = Field(None, ge=0, le=_LONGEST_S)
    newer_than_s: float | None = Field(None, ge=0, le=_LONGEST_S)
    since: Instant | None = Field(None, description="written from then on")
    until: Instant | None = Field(None, description="written before then")

    def narrows(self) -> bool:
        """Is anything but the status asked for?"""
        return any(getattr(self, name) is not None for name in type(self).model_fields if name != "status")


class EventQuery(EventFilter):
    """One page of events. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=200)
    cursor: LongTitle | None = None


class EventRow(BaseModel):
    """One event, without its payload."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": _ID,
                    "id": 42,
                    "event_id": _ID,
                    "status": "failed",
                    "type": "SliceReady",
                    "version": 1,
                    "aggregate_type": "run",
                    "aggregate_id": _ID,
                    "sink": "queue",
                    "available_at": "2026-01-05T06:00:08Z",
                    "attempts": 2,
                    "error_class": "bad_payload",
                    "last_error": "SliceReady v1 does not fit its contract: page: Field required",
                    "created_at": "2026-01-05T06:00:00Z",
                }
            ]
        }
    )

    tenant_id: UUID
    id: int
    event_id: UUID
    status: EventStatus
    type: str
    version: int
    aggregate_type: str
    aggregate_id: UUID
    correlation_id: UUID | None = None
    sink: str
    attempts: int
    error_class: str | None = None
    last_error: str | None = None
    available_at: datetime | None = None
    created_at: datetime
    sent_at: datetime | None = None


class EventPage(BaseModel):
    """First what waits, then dead letters, then what was sent; each newest first.

    An event that is sent while you page shows up again further on: none is missed, one may be seen twice. A page may
    be short, even empty, and still have a `next_cursor`: follow it until it is null.
    """

    items: list[EventRow]
    next_cursor: str | None = None


class Produced(BaseModel):
    """Rows that an execution wrote: how many of what, by status, and the first of their ids."""

    kind: Literal["slices", "source_records", "leads"]
    count: int
    by_status: dict[str, int] = {}
    ids: list[UUID] = []


class CausedExecution(ExecutionRow):
    """An execution this event led to. `link`: it made it, was absorbed by it, or delivered it again."""

    link: Literal["made", "absorbed", "redelivered"]
    attempts: list[AttemptRow] = Field(default_factory=list)
    vendor_calls: list[VendorCallRow] = Field(default_factory=list)
    produced: list[Produced] = Field(default_factory=list)
    progress: Progress | None = None
    result: dict[str, Any] | None = None


class Moment(BaseModel):
    """One line of a timeline."""

    at: datetime
    what: str
    id: UUID
    text: str


class EventDetail(EventRow):
    """One event with everything that followed from it."""

    payload: dict[str, Any]
    headers: dict[str, Any]
    priority: int = 0
    ordering_key: str | None = None
    lease_expires_at: datetime | None = None
    routes: int | None = None
    resolution: str | None = None
    executions: list[CausedExecution] = []
    related: list[EventRow] = []
    timeline: list[Moment] = []


class Finding(BaseModel):
    """One reason in plain words. `blocking` = the event cannot move on while this holds."""

    code: str
    text: str
    next_step: str
    blocking: bool


class Explanation(BaseModel):
    """Why has this event not been delivered, or what became of it?"""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": _ID,
                    "status": "pending",
                    "delivered": False,
                    "findings": [
                        {
                            "code": "buffer_full",
                            "text": "200 of 200 jobs of this tenant stand in the queue",
                            "next_step": "nothing to do: it moves up as jobs finish; more workers make it faster",
                            "blocking": True,
                        }
                    ],
                }
            ]
        }
    )

    event_id: UUID
    status: EventStatus
    delivered: bool
    findings: list[Finding]


class Depth(BaseModel):
    """How many events of a type stand in a state."""

    state: EventStatus
    type: str
    count: int


class Rate(BaseModel):
    """Events a second over the last `window_s` seconds: written, and handed off or delivered within a day of it."""

    window_s: int
    emitted_per_s: float
    sent_per_s: float


class Stats(BaseModel):
    """What stands in the outbox and how fast it moves. `truncated`: a count stopped at its bound.

    `held`: the limits and pauses that keep work from starting now, with what waits behind them.
    """

    at: datetime
    counts: dict[str, int]
    depth: list[Depth]
    truncated: bool
    oldest_due_age_s: float | None
    next_due_at: datetime | None
    rates: list[Rate]
    dead_letters_open: dict[str, int]
    queue: dict[str, int]
    workers: int
    dispatched_s_ago: float | None
    held: list[Held] = []


class Window(BaseModel):
    """Events written from `since` (None = the beginning) until `until`, exclusive."""

    since: datetime | None
    until: datetime


class Breach(BaseModel):
    """One thing that should not be, and what to do about it."""

    what: Literal["lost", "doubled", "orphaned"]
    tenant_id: UUID
    event_id: UUID | None = None
    execution_id: UUID | None = None
    text: str
    next_step: str


class Verification(BaseModel):
    """The proof on demand (B.01). `lost` = jobs an event should have made and did not; `doubled` = jobs, handoffs or
    deliveries there are too many of; `orphaned` = unfinished executions that nothing will deliver, whatever the window.
    """

    ok: bool
    events: int
    jobs: int
    absorbed: int
    lost: int
    doubled: int
    orphaned: int
    waiting: int
    dead_letters: int
    window: Window
    took_s: float
    breaches: list[Breach] = []
