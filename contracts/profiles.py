"""ICP profiles: whom a tenant wants as customers (S2.08), as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.texts import NoNul, Title


def _tidy(values: list[str]) -> list[str]:
    """In the order given, each once, without blanks around."""
    tidy = [v.strip() for v in values]
    if not all(tidy):
        raise ValueError("an entry is blank: leave it out")
    return list(dict.fromkeys(tidy))


_Words = Annotated[list[Title], Field(max_length=100), AfterValidator(_tidy)]
_Countries = Annotated[
    list[Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]],
    Field(max_length=250),
    AfterValidator(_tidy),
]
_Codes = Annotated[
    list[Annotated[str, Field(pattern=r"^[0-9]{2,6}$", description="NAICS code; a shorter one takes in all below it")]],
    Field(max_length=100),
    AfterValidator(_tidy),
]
_Size = Annotated[int, Field(strict=True, ge=0, le=50_000_000, description="employees")]
_ProfileName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S"), NoNul]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class _Wishes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def _sizes_in_order(self) -> None:
        low, high = getattr(self, "min_company_size", None), getattr(self, "max_company_size", None)
        if low is not None and high is not None and low > high:
            raise ValueError("min_company_size is above max_company_size: swap them")


class CreateProfile(_Wishes):
    """Body of POST /v1/icp-profiles. An empty list, or no size, asks for nothing in particular."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Workwear for facilities teams",
                    "target_industries": ["facilities management"],
                    "target_countries": ["ZA", "US"],
                    "min_company_size": 50,
                    "naics_codes": ["561720", "3152"],
                }
            ]
        },
    )

    name: _ProfileName
    target_industries: _Words = Field(default=[], validation_alias=_both("target_industries"))
    target_countries: _Countries = Field(default=[], validation_alias=_both("target_countries"))
    min_company_size: _Size | None = Field(default=None, validation_alias=_both("min_company_size"))
    max_company_size: _Size | None = Field(default=None, validation_alias=_both("max_company_size"))
    required_technologies: _Words = Field(default=[], validation_alias=_both("required_technologies"))
    naics_codes: _Codes = Field(default=[], validation_alias=_both("naics_codes"))

    @model_validator(mode="after")
    def _ordered(self) -> CreateProfile:
        self._sizes_in_order()
        return self


class ChangeProfile(_Wishes):
    """Body of PATCH /v1/icp-profiles/{id}: what is named is replaced. With `version`, only if nobody changed it meanwhile."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"naics_codes": ["561720"], "version": 1}]})

    name: _ProfileName | None = None
    target_industries: _Words | None = Field(default=None, validation_alias=_both("target_industries"))
    target_countries: _Countries | None = Field(default=None, validation_alias=_both("target_countries"))
    min_company_size: _Size | None = Field(default=None, validation_alias=_both("min_company_size"))
    max_company_size: _Size | None = Field(default=None, validation_alias=_both("max_company_size"))
    required_technologies: _Words | None = Field(default=None, validation_alias=_both("required_technologies"))
    naics_codes: _Codes | None = Field(default=None, validation_alias=_both("naics_codes"))
    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> ChangeProfile:
        self._sizes_in_order()
        emptied = [n for n in self.model_fields_set if getattr(self, n) is None and not n.endswith("_size")]
        if emptied:
            raise ValueError(f"{emptied[0]} cannot be null: leave it out, or give a value")
        return self

    def changes(self) -> dict[str, Any]:
        """What is to be replaced; a size may become None."""
        return {n: getattr(self, n) for n in self.model_fields_set if n != "version"}


class Profile(BaseModel):
    """A profile as it stands. `version` goes up with every change; a closed one counts for nothing any more."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    target_industries: list[str]
    target_countries: list[str]
    min_company_size: int | None
    max_company_size: int | None
    required_technologies: list[str]
    naics_codes: list[str]
    version: int
    closed_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


class ProfilePage(BaseModel):
    items: list[Profile]
    next_cursor: str | None
