"""A person's data, shown or erased: bodies and answers of the privacy routes and commands (B.09)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from contracts.texts import NoNul


class Who(BaseModel):
    """Body of POST /v1/privacy/export: one of these says who. Values stand in a body: addresses are logged along the way."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"email": "thandi@karoo.example"}]}
    )

    email: Annotated[str, Field(min_length=3, max_length=320), NoNul] | None = None
    phone: Annotated[str, Field(min_length=7, max_length=40), NoNul] | None = None
    contact_id: UUID | None = Field(default=None, validation_alias=AliasChoices("contact_id", "contactId"))

    @model_validator(mode="after")
    def _somebody(self) -> Who:
        if not (self.email or self.phone or self.contact_id):
            raise ValueError("say who: give email, phone or contact_id")
        return self


class Erase(Who):
    """Body of POST /v1/privacy/erasures. `dry_run`: count what would go, change nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "thandi@karoo.example", "dry_run": True}]},
    )

    dry_run: bool = Field(default=False, strict=True, validation_alias=AliasChoices("dry_run", "dryRun"))


class Known(BaseModel):
    """By what the person is known here."""

    contact_ids: list[UUID]
    lead_ids: list[UUID]
    emails: list[str]
    phones: list[str]
    profiles: list[str]
    names: list[str]


class PersonExport(BaseModel):
    """All that is stored about a person, by table. Of records that hold others too only what is about them is shown."""

    person: Known
    generated_at: datetime
    suppressed: bool
    counts: dict[str, int]
    tables: dict[str, list[dict[str, Any]]]


class Erased(BaseModel):
    """What an erasure came to: rows by table. `left`: rows that still name the person, which there should be none of.

    `elsewhere`: where their data went before: records in the CRM, which a job erases there now (`crm.erase`), and messages at a
    vendor, which has to erase them itself.
    """

    dry_run: bool
    rows: dict[str, int]
    suppressions: int
    left: dict[str, int]
    elsewhere: dict[str, int]
