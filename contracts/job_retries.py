"""Retrying many jobs that gave up: which, how fast, and what came of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contracts.texts import Name

_BOTH = AliasGenerator(validation_alias=lambda name: AliasChoices(name, to_camel(name)))
_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"
#: Ten years: no age is longer.
_LONGEST_S = 315_360_000


class JobRetryFilter(BaseModel):
    """Which open dead letters of jobs. Everything given must hold; ages are seconds since the job was given up."""

    model_config = ConfigDict(extra="forbid", alias_generator=_BOTH)

    job: Name | None = Field(None, description="name of the job, e.g. discovery.fetch")
    error_class: Name | None = Field(None, description="for example vendor_down")
    run_id: UUID | None = None
    older_than_s: float | None = Field(None, ge=0, le=_LONGEST_S)
    newer_than_s: float | None = Field(None, ge=0, le=_LONGEST_S)


class JobRetryRequest(BaseModel):
    """Retry what `filter` finds, the longest dead first. `rate` = jobs a second (None = all at once); `limit` = at most so many."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=_BOTH,
        json_schema_extra={
            "examples": [
                {"filter": {"job": "discovery.fetch", "error_class": "vendor_down"}, "dry_run": True, "rate": 5}
            ]
        },
    )

    filter: JobRetryFilter = JobRetryFilter()
    dry_run: bool = False
    rate: float | None = Field(None, strict=True, gt=0, le=100_000)
    limit: int = Field(200, strict=True, ge=1, le=1000)


class LeftDead(BaseModel):
    """A job that could not be retried, and why."""

    id: UUID
    job: str
    why: str


class JobRetryReport(BaseModel):
    """What a retry found and did. `more`: the limit cut it short, ask again for the rest. `left`: the first 20 it had to leave."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dry_run": False,
                    "matched": 41,
                    "retried": 40,
                    "more": False,
                    "by_job": {"discovery.fetch": 41},
                    "oldest": "2026-01-05T06:00:00Z",
                    "newest": "2026-01-05T07:00:00Z",
                    "last_due_at": "2026-01-05T08:00:08Z",
                    "left": [{"id": _ID, "job": "discovery.fetch", "why": "its run has gone on without it"}],
                }
            ]
        }
    )

    dry_run: bool
    matched: int = 0
    retried: int = 0
    more: bool = False
    by_job: dict[str, int] = {}
    oldest: datetime | None = None
    newest: datetime | None = None
    last_due_at: datetime | None = None
    left: list[LeftDead] = []
