"""Enrichment: what is learned about a lead, and the story of how it was learned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.providers import Terms

#: Fields with a waterfall, in the order they are filled: each may use what the ones before it found.
Waterfall = Literal["company", "people", "email", "verification"]
WATERFALLS: tuple[Waterfall, ...] = ("company", "people", "email", "verification")
EnrichmentState = Literal["PENDING", "COMPLETED", "FAILED"]
StepOutcome = Literal["accepted", "rejected", "miss", "suppressed", "error", "skipped"]


class FactValue(BaseModel):
    """One value of one field, with where it comes from. `value` is JSON; `verified` is set where somebody checked it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["company", "contact"]
    field: Annotated[str, Field(min_length=1, max_length=50)]
    value: Any
    vendor: Annotated[str, Field(max_length=50)]
    operation: Annotated[str, Field(max_length=50)]
    terms: Terms
    confidence: Annotated[float, Field(ge=0, le=1)]
    observed_at: AwareDatetime
    source_url: Annotated[str, Field(max_length=2000)] | None = None
    verified: bool | None = None


class StepTaken(BaseModel):
    """One vendor asked (or not) for one field of one row. `stored`: answered from the ledger, so it cost nothing now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: Waterfall
    place: int
    operation: str
    outcome: StepOutcome
    reason: str | None = None
    stored: bool = False
    units: float = 0
    cost_usd: float = 0
    explored: bool = False
    item_id: UUID | None = Field(default=None, description="of the ledger: the answer it read")


class ShadowRow(BaseModel):
    """What the SHADOW order of a field would have cost and found on this row, and the active one, both in expectation."""

    model_config = ConfigDict(frozen=True)

    field: Waterfall
    order_id: UUID
    cost_usd: float
    found: float
    active_cost_usd: float
    active_found: float


class FactRow(FactValue):
    """A fact as it is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    entity_id: UUID
    created_at: datetime


class EnrichmentRow(BaseModel):
    """One enrichment of a lead, as shown."""

    id: UUID
    lead_id: UUID
    cause: str
    status: EnrichmentState
    payload: dict[str, Any]
    cost_usd: float
    error_code: str | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None


class Person(BaseModel):
    """What was learned about one person at the company; `contact_id` when they are known already."""

    model_config = ConfigDict(frozen=True)

    contact_id: UUID | None = None
    name: str | None = None
    title: str | None = None
    email: str | None = None
    email_status: Literal["valid", "risky", "unknown", "invalid", "suppress"] | None = None
    phone: str | None = None
    linkedin_url: str | None = None
    facts: tuple[FactValue, ...] = ()


class Learned(BaseModel):
    """All that one enrichment found, ready to be written in one transaction."""

    company: dict[str, Any] = {}
    company_facts: tuple[FactValue, ...] = ()
    people: tuple[Person, ...] = ()
    steps: tuple[StepTaken, ...] = ()
    shadows: tuple[ShadowRow, ...] = ()
    site: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    #: What the search that stood in for the site cost.
    search_usd: float = 0

    @property
    def cost_usd(self) -> float:
        return self.search_usd + sum(step.cost_usd for step in self.steps)


class EnrichmentDetail(EnrichmentRow):
    steps: list[StepTaken]


class EnrichLeads(BaseModel):
    """Body of POST /v1/leads/enrichments: these leads, or the oldest that are still `new`."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"limit": 20}]})

    lead_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)] = ()
    limit: int = Field(default=100, strict=True, ge=1, le=1000, description="how many new leads, when none are named")
    again: bool = Field(default=False, strict=True, description="enrich once more although it was done before")


class EnrichmentsAsked(BaseModel):
    """Which leads will be enriched; the rest were enriched before, are unknown, or have no company to ask about."""

    asked: list[UUID]
    left_out: list[UUID]


class EnrichmentList(BaseModel):
    """The enrichments of one lead, newest first, and what is known about its company and contact now."""

    items: list[EnrichmentDetail]
    facts: list[FactRow]


class OrderRow(BaseModel):
    """One order of vendors for a field, with what speaks for it."""

    id: UUID | None
    field: Waterfall
    stage: Literal["SHADOW", "ACTIVE", "ARCHIVED", "DEFAULT"]
    operations: list[str]
    made_by: str
    verdict: dict[str, Any] = {}
    created_at: datetime | None = None


class TriedRow(BaseModel):
    """What became of one operation for one field, in the window asked for; `bought`, for `cost_usd`: not read from the ledger."""

    field: Waterfall
    operation: str
    asked: int
    accepted: int
    bought: int
    cost_usd: float
