"""Executions as the API and the command line show them: where a job stands, and what its attempts ended in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from contracts.job_reports import Progress
from contracts.jobs import JobState
from contracts.texts import Instant, LongTitle, Name

_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"


def as_list(value: Any) -> Any:
    """One value where a list is wanted."""
    return [value] if isinstance(value, str) else value


class ExecutionFilter(BaseModel):
    """Which executions to show. `status` takes the documents' four words, `state` ours."""

    model_config = ConfigDict(extra="forbid")

    job: Name | None = Field(None, description="name of the job, e.g. discovery.fetch")
    state: Annotated[list[JobState], BeforeValidator(as_list)] = Field([], max_length=8)
    status: Literal["queued", "running", "completed", "failed"] | None = None
    run_id: UUID | None = None
    event_id: UUID | None = None
    since: Instant | None = Field(None, description="first queued from then on")
    until: Instant | None = Field(None, description="first queued before then")

    def states(self) -> list[str] | None:
        """The states asked for, None = all."""
        chosen = [s for s in self.state or JobState if self.status in (None, s.documented)]
        return None if len(chosen) == len(JobState) else [s.value for s in chosen]


class ExecutionQuery(ExecutionFilter):
    """One page of executions. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=200)
    cursor: LongTitle | None = None


class ExecutionRow(BaseModel):
    """One execution. `state` is exact, `status` one of the documents' four words (S2.05)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": _ID,
                    "id": _ID,
                    "job": "discovery.fetch",
                    "queue": "discovery",
                    "key": f"discovery.fetch:{_ID}:{_ID}:0",
                    "state": "waiting",
                    "status": "queued",
                    "token": 2,
                    "failures": 1,
                    "crashes": 0,
                    "event_id": _ID,
                    "queued_at": "2026-01-05T06:00:00Z",
                    "error_class": "vendor_down",
                    "error": "gleif answered 503",
                }
            ]
        }
    )

    tenant_id: UUID
    id: UUID
    job: str
    queue: str
    key: str
    state: JobState
    token: int
    failures: int
    crashes: int
    event_id: UUID
    correlation_id: UUID | None = None
    run_id: UUID | None = None
    cancel_requested_at: datetime | None = None
    error_class: str | None = None
    error: str | None = None
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["queued", "running", "completed", "failed"]:
        return self.state.documented


class ExecutionPage(BaseModel):
    """Newest first. A page may be short, even empty, and still have a `next_cursor`: follow it until it is null."""

    items: list[ExecutionRow]
    next_cursor: str | None = None


class AttemptRow(BaseModel):
    """An attempt that did not end in done."""

    execution_id: UUID
    token: int
    outcome: str
    error_class: str | None
    error: str | None
    traceback: str | None
    started_at: datetime | None
    ended_at: datetime
    retry_at: datetime | None
    fenced_at: datetime | None = Field(
        None, description="when it came back after it had been taken for dead, and was refused"
    )


class VendorCallRow(BaseModel):
    """A call an execution made to a vendor; `items` = billable items in it, units are the vendor's own."""

    id: UUID
    execution_id: UUID
    vendor: str
    operation: str
    state: str
    billable: bool
    units_reserved: float
    units_spent: float
    items: int
    error: str | None
    sent_at: datetime
    settled_at: datetime | None


class ExecutionDetail(ExecutionRow):
    """One execution with its arguments, attempts and vendor calls, how far it says it is, and what it answered.

    `absorbed`: how many events its key has absorbed. `asked_by`: the event it was asked for by, whose answer `result` is too.
    """

    scope: str
    priority: int
    payload: dict[str, Any]
    progress: Progress | None = None
    result: dict[str, Any] | None = None
    absorbed: int = 0
    asked_by: UUID | None = None
    attempts: list[AttemptRow] = Field(default_factory=list)
    vendor_calls: list[VendorCallRow] = Field(default_factory=list)


class DeadLetterRow(BaseModel):
    """A job that gave up (`kind` job) or an event that could not be delivered (`kind` event), not yet answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": _ID,
                    "id": _ID,
                    "kind": "job",
                    "name": "discovery.fetch",
                    "event_id": _ID,
                    "execution_id": _ID,
                    "attempts": 4,
                    "error_class": "bad_answer",
                    "error": "gleif answered HTML where JSON was due",
                    "created_at": "2026-01-05T06:00:00Z",
                }
            ]
        }
    )

    tenant_id: UUID
    id: UUID
    kind: Literal["event", "job"]
    name: str
    event_id: UUID
    execution_id: UUID | None
    attempts: int
    error_class: str | None
    error: str | None
    correlation_id: UUID | None = None
    created_at: datetime


class Dismissed(BaseModel):
    """Dead letters of a job or an event that were answered without another try."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": _ID, "dismissed": 1}]})

    id: UUID
    dismissed: int


class DeadLetterQuery(BaseModel):
    """One page of dead letters."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["event", "job"] | None = None
    limit: int = Field(50, ge=1, le=200)
    cursor: LongTitle | None = None


class DeadLetterPage(BaseModel):
    """Newest first; follow `next_cursor` until it is null."""

    items: list[DeadLetterRow]
    next_cursor: str | None = None
