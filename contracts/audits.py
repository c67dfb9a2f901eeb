"""The audit log: who did what to which thing."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.texts import NoNul

Actor = Annotated[str, Field(min_length=1, max_length=200), NoNul]
Action = Annotated[str, Field(min_length=1, max_length=100), NoNul]
SubjectType = Annotated[str, Field(min_length=1, max_length=50), NoNul]


class AuditQuery(BaseModel):
    """Which rows. Each filter is met exactly."""

    model_config = ConfigDict(extra="forbid")

    actor: Actor | None = Field(default=None, description="an e-mail address, or key: and a key's name")
    action: Action | None = Field(default=None, description="such as key.created")
    subject_type: SubjectType | None = Field(default=None, description="such as api_key")
    subject_id: Actor | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, min_length=1, max_length=500)


class AuditRow(BaseModel):
    """One act, written in the transaction that did it. Rows cannot be changed."""

    id: UUID
    at: AwareDatetime
    actor: str
    action: str
    subject_type: str
    subject_id: str
    detail: dict[str, Any]
    correlation_id: UUID | None


class AuditPage(BaseModel):
    items: list[AuditRow]
    next_cursor: str | None
