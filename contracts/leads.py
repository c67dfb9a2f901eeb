"""Leads as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from contracts.scores import LatestScore
from contracts.texts import LongTitle, NoNul, Title

LeadStatus = Literal["new", "processing", "enriched", "failed"]


class TypedContact(BaseModel):
    """A person at the company of a lead that is typed in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Title | None = None
    title: Title | None = None
    email: Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$"), NoNul]


class CreateLead(BaseModel):
    """Body of POST /v1/leads. One of `domain`, `registry_id` or `country` must tell the company apart from others."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"company_name": "Karoo Workwear (Pty) Ltd", "country": "ZA", "domain": "karoo.example"}]
        },
    )

    company_name: LongTitle = Field(validation_alias=AliasChoices("company_name", "companyName"))
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    city: Title | None = None
    domain: Annotated[str, Field(min_length=3, max_length=253, pattern=r"^[a-z0-9.-]+\.[a-z0-9-]+$")] | None = None
    registry_id: Annotated[str, Field(min_length=3, max_length=100, pattern=r"^[a-z]+:\S+$")] | None = Field(
        default=None,
        validation_alias=AliasChoices("registry_id", "registryId"),
        description="scheme:value, e.g. lei:5493…",
    )
    contact: TypedContact | None = None
    icp_profile_id: UUID | None = Field(default=None, validation_alias=AliasChoices("icp_profile_id", "icpProfileId"))


class RecordRow(BaseModel):
    """A discovery record: what a source said, and what became of it."""

    id: UUID
    source: str
    vendor: str
    external_id: str
    status: Literal["DISCOVERED", "DUPLICATE", "REJECTED", "ERROR"]
    reason: str | None = None
    run_id: UUID
    slice_id: UUID | None = None
    page: int | None = None
    payload: dict[str, Any] | None = None
    created_at: datetime


class ContactRow(BaseModel):
    id: UUID
    name: str | None
    title: str | None
    email: str | None


class LeadRow(BaseModel):
    """A lead in a list. `latest_score`: the one that decides, null until there is one; its contributions are on the detail."""

    id: UUID
    status: LeadStatus
    source: str
    run_id: UUID | None
    icp_profile_id: UUID | None
    company_id: UUID
    company_name: str
    country: str | None
    city: str | None
    domain: str | None
    registry_id: str | None
    industries: list[str]
    sources: list[str]
    contact_id: UUID | None
    contact_name: str | None
    contact_email: str | None
    latest_discovery: RecordRow | None
    latest_enrichment: dict[str, Any] | None = None
    latest_score: LatestScore | None = None
    created_at: datetime
    updated_at: datetime


class LeadDetail(LeadRow):
    """A lead with its full record history."""

    discovery_records: list[RecordRow]
    contacts: list[ContactRow]


class LeadPage(BaseModel):
    items: list[LeadRow]
    next_cursor: str | None


class LeadCreated(BaseModel):
    """Answer of POST /v1/leads. `status` is new; its enrichment follows from the event committed with it."""

    id: UUID
    status: LeadStatus
