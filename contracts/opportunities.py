"""Public tenders as the API shows them, and the runs that fetch them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.runs import RunMode, RunStatus

#: The source of every notice so far, as cursors, slices and rows name it.
SAM = "sam"


class EvaluationRow(BaseModel):
    """What one profile says about a notice. `fit` is 0 to 1 over what is known; `reasons` say why, in words."""

    profile_id: UUID
    profile_name: str
    matched: bool
    fit: float = Field(ge=0, le=1)
    reasons: list[str]
    profile_version: int


class OpportunityRow(BaseModel):
    """A notice that falls under the codes of a tenant's profiles. `deadline_at` is as the agency wrote it, with its offset."""

    id: UUID
    source: str
    notice_id: str
    solicitation_number: str | None
    title: str
    agency: str | None
    kind: str | None
    naics: list[str]
    set_aside: str | None
    posted_on: date | None
    deadline_at: str | None
    active: bool | None
    country: str | None
    state: str | None
    city: str | None
    url: str | None
    description_url: str | None = Field(description="a link to the text; following it is a call at the source")
    changed_at: datetime
    evaluations: list[EvaluationRow]


class Amendment(BaseModel):
    """Another notice under the same solicitation number."""

    id: UUID
    notice_id: str
    title: str
    posted_on: date | None


class OpportunityDetail(OpportunityRow):
    """A notice with the others of its solicitation, newest first."""

    same_solicitation: list[Amendment]


class OpportunityPageView(BaseModel):
    items: list[OpportunityRow]
    next_cursor: str | None


class RequestFetch(BaseModel):
    """Body of POST /v1/opportunities/runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"mode": "manual"}]})

    mode: RunMode = "manual"


class HouseRun(BaseModel):
    """A run that fetches for all tenants, as one of them may see it: not which codes, and not how much for others."""

    id: UUID
    status: RunStatus
    requested_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_code: str | None


class LastRun(BaseModel):
    """`last_success` is the newest completed run (S1.03); null when none has completed yet. `latest` is whichever came last."""

    last_success: HouseRun | None
    latest: HouseRun | None


class OpportunityRun(BaseModel):
    """The whole of such a run, for operators: the row of `discovery_runs` (S1.01)."""

    id: UUID
    status: RunStatus
    triggered_by: str
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    naics_codes: list[str] | None
    posted_from: date | None
    posted_to: date | None
    api_calls_made: int
    opportunities_found: int
    opportunities_new: int
    opportunities_updated: int
    opportunities_unchanged: int
    evaluations_created: int
    error_message: str | None
