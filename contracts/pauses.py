"""A pause: a tenant's events wait until somebody ends it. What runs already is finished."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.texts import NoNul


class AskPause(BaseModel):
    """Body of POST /v1/outbox/pause. The reason is shown to whoever asks why nothing moves."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "the CRM is being moved"}]}
    )

    reason: Annotated[str, Field(min_length=3, max_length=500), NoNul]


class Pause(BaseModel):
    """`paused` false: events are handed off as they come. `suspended`: the whole tenant is, which only the house ends."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "paused": True, "suspended": False, "reason": "the CRM is being moved", "by": "olga@example.com",
                    "since": "2026-01-05T06:00:00Z",
                }
            ]
        }
    )  # fmt: skip

    paused: bool
    suspended: bool = False
    reason: str | None = None
    by: str | None = None
    since: datetime | None = None
