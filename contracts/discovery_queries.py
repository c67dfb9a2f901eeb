"""What a tenant's discovery looks for: typed in, or made out of an ICP profile. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from contracts.countries import NAMES
from contracts.errors import Invalid
from contracts.texts import NoNul

#: Longest query, in characters.
LONGEST = 300
_QueryText = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"\S"), NoNul]
#: A phrase that ends so already says what kind of firm is meant.
_NAMES_FIRMS = re.compile(r"(?i)\b(companies|company|firms|manufacturers?|suppliers?|distributors?|wholesalers?|retailers?|"
                          r"providers?|services|agencies|agency|contractors?|makers?|dealers?|stores?|shops?)$")  # fmt: skip


class AddQuery(BaseModel):
    """Body of POST /v1/discovery/queries."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"text": "workwear manufacturers Johannesburg"}]},
    )

    text: _QueryText
    icp_profile_id: UUID | None = Field(
        default=None,
        validation_alias=AliasChoices("icp_profile_id", "icpProfileId"),
        description="the profile it serves",
    )


class ChangeQuery(BaseModel):
    """Body of PATCH /v1/discovery/queries/{id}: a query that is not enabled is kept and not used."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"enabled": False}]})

    enabled: bool


class GenerateQueries(BaseModel):
    """Body of POST /v1/icp-profiles/{id}/queries."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"limit": 10}]})

    limit: int = Field(default=10, strict=True, ge=1, le=100, description="queries at most")


class DiscoveryQuery(BaseModel):
    id: UUID
    text: str
    enabled: bool
    source: Literal["typed", "generated"]
    icp_profile_id: UUID | None
    created_by: str | None
    last_used_at: datetime | None
    created_at: datetime


class DiscoveryQueryPage(BaseModel):
    items: list[DiscoveryQuery]
    next_cursor: str | None


class GeneratedQueries(BaseModel):
    """`added` are new; `known` were there before, enabled or not, and stay as they are."""

    added: list[DiscoveryQuery]
    known: list[str]


class Wishes(Protocol):
    """What of an ICP profile makes queries."""

    @property
    def target_industries(self) -> Sequence[str]: ...

    @property
    def target_countries(self) -> Sequence[str]: ...


def tidy(text: str) -> str:
    """The text with single blanks."""
    return " ".join(text.split())


def key_of(text: str) -> str:
    """What makes two texts the same query: neither case nor surplus blanks. Cut, since folding may lengthen a text."""
    return tidy(text).casefold()[:LONGEST]


def generate(profile: Wishes, limit: int) -> tuple[str, ...]:
    """At most `limit` queries for a profile: its industries in its countries, the same ones every time.

    Both lists are taken as ranked: each industry and each country comes in early rather than one industry in every country.
    Raises: Invalid (`no_industries`) for a profile that names no industry.
    """
    industries = [_firms(text) for each in profile.target_industries if (text := tidy(each))]
    if not industries:
        raise Invalid("the profile names no target industry: add one, or type queries in", code="no_industries")
    countries = [NAMES.get(code.upper(), code) for each in profile.target_countries if (code := tidy(each))] or [""]
    pairs = sorted((i + j, i, j) for i in range(len(industries)) for j in range(len(countries)))
    found: dict[str, str] = {}
    for _, i, j in pairs:
        text = tidy(f"{industries[i]} {countries[j]}")
        if len(text) <= LONGEST:
            found.setdefault(key_of(text), text)
    return tuple(found.values())[:limit]


def _firms(industry: str) -> str:
    return industry if _NAMES_FIRMS.search(industry) else f"{industry} companies"
