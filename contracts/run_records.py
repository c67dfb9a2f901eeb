"""What a run read, record by record: what became of each, and which company and lead it led to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from contracts.executions import as_list

_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"


class RecordStatus(StrEnum):
    """What became of a record."""

    DISCOVERED = "DISCOVERED"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"
    ERROR = "ERROR"


class RecordFilter(BaseModel):
    """Which records of a run."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[list[RecordStatus], BeforeValidator(as_list)] = Field([], max_length=4)
    slice_id: UUID | None = Field(None, description="read by this slice: one channel and one query")
    first_only: bool = Field(False, description="of each company the first record alone: what was new to the run")


class RecordQuery(RecordFilter):
    """One page of records. `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, min_length=1, max_length=500)


class RecordRow(BaseModel):
    """A record of a source: a company as it was found, and where. What the source said stands with the company."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID, "source": "register", "vendor": "gleif", "status": "DISCOVERED", "slice_id": _ID,
                    "page": 1, "company_id": _ID, "company_name": "Karoo Workwear (Pty) Ltd", "lead_id": _ID,
                    "created_at": "2026-01-05T06:00:04Z",
                }
            ]
        }
    )  # fmt: skip

    id: UUID
    source: str
    vendor: str
    status: RecordStatus
    reason: str | None = None
    slice_id: UUID
    page: int
    company_id: UUID | None
    company_name: str | None
    lead_id: UUID | None
    created_at: AwareDatetime


class RecordPage(BaseModel):
    """Newest first."""

    items: list[RecordRow]
    next_cursor: str | None
