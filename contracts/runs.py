"""Runs: what may be asked for, what is answered, and the numbers in between."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.accounts import BusinessJob
from contracts.budgets import Spent
from contracts.learning import TrainingConfig
from contracts.nights import NightParams
from contracts.providers import PROVIDER_ALIASES, Channel
from contracts.texts import LongTitle, Name, Title

#: What a run may be about: every kind is a row of one table, with one life (R1, R2).
RunKind = Literal["discovery", "opportunities", "nightly", "job", "training", "rollup", "maintenance"]
#: What a discovery run looks for when nobody says (S0.10).
DEFAULT_QUERIES: tuple[str, ...] = (
    "corporate clothing suppliers South Africa",
    "workwear manufacturers Johannesburg",
    "promotional clothing companies Cape Town",
    "uniform suppliers Botswana",
    "branded apparel South Africa",
)


class RunStatus(StrEnum):
    """One enum for every kind of run (R1). `success` of the documents is `completed`."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (RunStatus.PENDING, RunStatus.RUNNING)


RunMode = Literal["daily", "manual", "test"]


def _absent(value: object) -> bool:
    return value is None


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class CreateRun(BaseModel):
    """Body of POST /v1/discovery/runs. Every field is optional; both snake_case and camelCase are accepted (R24).

    `provider` names one channel, `limit` the most records to read, `cursor` where its first page starts; `max_companies` counts
    companies CREATED (R23).
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "channels": ["register", "google"],
                    "queries": ["workwear manufacturers Johannesburg"],
                    "max_companies": 25,
                },
                {"provider": "gleif", "limit": 40, "dry_run": True},
            ]
        },
    )

    channels: list[Channel] | None = Field(default=None, min_length=1, max_length=10)
    provider: Name | None = None
    queries: list[Title] | None = Field(default=None, min_length=1, max_length=1000)
    icp_profile_id: UUID | None = Field(default=None, validation_alias=_both("icp_profile_id"))
    limit: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    cursor: LongTitle | None = None
    max_companies: int | None = Field(
        default=None, strict=True, ge=1, le=100_000, validation_alias=_both("max_companies")
    )
    max_queries: int | None = Field(default=None, strict=True, ge=1, le=1000, validation_alias=_both("max_queries"))
    max_runtime_seconds: int | None = Field(
        default=None, strict=True, ge=1, le=86_400, validation_alias=_both("max_runtime_seconds")
    )
    dry_run: bool = Field(default=False, validation_alias=_both("dry_run"))
    mode: RunMode = "manual"

    @model_validator(mode="after")
    def _one_source(self) -> CreateRun:
        if self.provider is not None:
            if self.channels is not None:
                raise ValueError("give either channels or provider, not both")
            if self.provider.lower() not in PROVIDER_ALIASES:
                raise ValueError(f"unknown provider {self.provider!r}; known: {', '.join(sorted(PROVIDER_ALIASES))}")
        if self.cursor is not None and (self.provider is None or len(self.queries or ()) > 1):
            raise ValueError("cursor needs provider and at most one query: a cursor belongs to one slice")
        return self

    def chosen_channels(self, default: tuple[Channel, ...]) -> tuple[Channel, ...]:
        """The channels to use, without repeats, in the order asked for."""
        if self.provider is not None:
            return (PROVIDER_ALIASES[self.provider.lower()],)
        return tuple(dict.fromkeys(self.channels or default))


class RunParams(BaseModel):
    """What a run was started with, frozen on its row: later settings do not change a run under way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[Channel, ...]
    queries: tuple[str, ...]
    max_companies: int
    max_queries: int
    max_runtime_seconds: int
    page_size: int
    limit: int | None = None
    cursor: str | None = None
    icp_profile_id: UUID | None = None
    days: tuple[date, date] | None = Field(default=None, description="of a roll-up: first and last, both included")
    job: BusinessJob | None = Field(default=None, description="of a run of kind job", exclude_if=_absent)
    nightly: NightParams | None = Field(default=None, description="of a run of kind nightly", exclude_if=_absent)
    training: TrainingConfig | None = Field(default=None, description="of a run of kind training", exclude_if=_absent)


class Counts(BaseModel):
    """Exact counts of a run. `skipped` = the record led to something that was already there, or a cap was reached."""

    discovered: int = 0
    after_dedupe: int = 0
    companies_created: int = 0
    companies_skipped: int = 0
    contacts_created: int = 0
    contacts_skipped: int = 0
    leads_created: int = 0
    leads_skipped: int = 0
    errors: int = 0
    api_calls: int = 0


class SliceView(BaseModel):
    """One slice of a run: a channel and a query."""

    id: UUID
    ordinal: int
    channel: str
    query: str
    state: str
    page: int
    found: int
    companies_created: int
    companies_skipped: int
    would_cost: float
    stop_reason: str | None
    error_code: str | None
    error: str | None


class RunView(BaseModel):
    """A run as the API shows it. `stats` has the documents' camelCase keys (S0.02) once the run has ended."""

    id: UUID
    kind: str
    status: RunStatus
    mode: str
    dry_run: bool
    triggered_by: str
    requested_by: str | None
    params: dict[str, Any]
    counts: Counts
    open_slices: int
    stats: dict[str, Any] | None
    error_code: str | None
    error: str | None
    stop_reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    remaining_ms: int | None = Field(
        default=None, description="what is left of the time budget while the run is running; never negative (S0.11)"
    )
    cancel_requested_at: datetime | None
    slices: list[SliceView] | None = None
    spent: list[Spent] | None = Field(default=None, description="what it asked of vendors and what that cost so far")


class RunPage(BaseModel):
    items: list[RunView]
    next_cursor: str | None


class VendorCallView(BaseModel):
    """One ledger row of a run."""

    id: UUID
    vendor: str
    operation: str
    billable: bool
    state: str
    units_reserved: float
    units_spent: float
    error: str | None
    sent_at: datetime
    settled_at: datetime | None
    execution_id: UUID | None


class Moment(BaseModel):
    """One thing that happened to a run, for its timeline."""

    at: datetime
    what: Literal["run", "event", "execution", "attempt", "vendor_call", "slice", "lead"]
    id: str
    title: str
    state: str | None = None
    detail: str | None = None
    took_s: float | None = None


class Timeline(BaseModel):
    """request -> event -> job -> attempts -> vendor calls -> rows, in the order it happened (B.02)."""

    run: RunView
    moments: list[Moment]
    truncated: bool


class Inspection(BaseModel):
    """What POST /v1/discovery/runs/{id}/inspect shows for debugging: everything a run read and did."""

    run: RunView
    vendor_calls: list[VendorCallView]
    jobs: dict[str, int] = Field(description="executions by state")
    records: dict[str, int] = Field(description="discovery records by status")
    findings: list[str] = Field(description="what is unusual, in words, with the next step")


class RunCheck(BaseModel):
    """`runs verify`: was anything of this run lost or done twice? (B.01)"""

    ok: bool
    run_id: UUID
    status: RunStatus
    events: int
    jobs: int
    lost: int
    doubled: int
    findings: list[str]
