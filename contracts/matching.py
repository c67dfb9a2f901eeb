"""Pairs of companies that may be one, and what was decided about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from contracts.texts import NoNul

MatchState = Literal["pending", "auto", "merged", "rejected", "undone"]


class MatchSide(BaseModel):
    """One of the two, as it stands now. `merged_into`: the company it goes under since a merge."""

    id: UUID
    name: str
    country: str | None
    city: str | None
    domain: str | None
    phone: str | None
    registry_id: str | None
    merged_into: UUID | None = None


class Match(BaseModel):
    """A pair with its probability, why, and what was decided. `contradictions` are what the two say that cannot both be true."""

    id: UUID
    kind: Literal["company", "contact"]
    a: MatchSide
    b: MatchSide
    probability: float = Field(ge=0, le=1)
    features: dict[str, float]
    contradictions: list[str]
    decision: MatchState
    survivor_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    created_at: datetime


class MatchPage(BaseModel):
    items: list[Match]
    next_cursor: str | None


class DecideMatch(BaseModel):
    """Body of POST /v1/matches/{id}/merge, /reject and /undo."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "same office, same number"}]}
    )

    reason: Annotated[str, Field(max_length=1000), NoNul] | None = None


class RequestScan(BaseModel):
    """Body of POST /v1/matches/scan."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "after an import"}]}
    )

    reason: Annotated[str, Field(max_length=1000), NoNul] | None = None


class ScanAsked(BaseModel):
    """Answer of POST /v1/matches/scan: how many companies wait to be compared."""

    waiting: int


class Suspect(BaseModel):
    """A company as it is compared. `registries`: the registry ids it is known by."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    country: str | None = None
    city: str | None = None
    address: str | None = None
    phone: str | None = None
    domain: str | None = None
    registries: frozenset[str] = frozenset()


class Verdict(BaseModel):
    """What a scan says of a pair (a < b)."""

    model_config = ConfigDict(frozen=True)

    a_id: UUID
    b_id: UUID
    probability: float
    features: dict[str, float]
    contradictions: tuple[str, ...] = ()


class ListedCompany(BaseModel):
    """A company in a list. `likeness`: how like the name that was asked for, 0 to 1."""

    id: UUID
    name: str
    country: str | None
    city: str | None
    domain: str | None
    registry_id: str | None
    phone: str | None
    employees: int | None
    industry: str | None
    sources: list[str]
    likeness: float | None = None
    created_at: datetime
    updated_at: datetime


class CompanyPage(BaseModel):
    items: list[ListedCompany]
    next_cursor: str | None


class KnownValue(BaseModel):
    """A value that a source gave for a field. `superseded_at`: the same source says otherwise since then."""

    value: object
    vendor: str
    operation: str
    source_url: str | None
    confidence: float
    verified: bool | None
    observed_at: datetime
    created_at: datetime
    superseded_at: datetime | None


class KnownField(BaseModel):
    """A field: the value the rule chooses, by which rule, and everything that was ever said, the newest first."""

    field: str
    value: object
    rule: str
    vendor: str
    confidence: float
    observed_at: datetime
    history: list[KnownValue]


class CompanyDetail(ListedCompany):
    """A company with what is known of each field. `asked_for`: the id asked for, where that one was merged into this."""

    asked_for: UUID | None = None
    description: str | None
    naics: list[str]
    keys: list[str]
    merged: list[UUID]
    leads: list[UUID]
    fields: list[KnownField]
    as_of: datetime | None = Field(
        default=None, validation_alias=AliasChoices("as_of", "asOf"), description="fields as they were known then"
    )
