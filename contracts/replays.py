"""Replays: which events to send again, how fast, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.outbox import EventFilter, EventStatus

_ID = "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"
_BOTH = AliasGenerator(validation_alias=lambda name: AliasChoices(name, to_camel(name)))


class ReplayFilter(EventFilter):
    """A filter in a body: both snake_case and camelCase are accepted (R24)."""

    model_config = ConfigDict(extra="forbid", alias_generator=_BOTH)


class ReplayRequest(BaseModel):
    """Replay what `filter` finds, oldest first: dead letters (the default) and what was `sent`.

    `rate` = events a second, spread by due time (None = all at once); `limit` = at most so many.
    """

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=_BOTH,
        json_schema_extra={
            "examples": [{"filter": {"status": ["dead_letter"], "type": "SliceReady"}, "dry_run": True, "rate": 50}]
        },
    )

    filter: ReplayFilter = ReplayFilter()
    dry_run: bool = False
    rate: float | None = Field(None, strict=True, gt=0, le=100_000)
    limit: int = Field(1000, strict=True, ge=1, le=100_000)

    @model_validator(mode="after")
    def _replayable(self) -> ReplayRequest:
        status = self.filter.status or [EventStatus.DEAD_LETTER]
        odd = [s.value for s in status if s not in (EventStatus.DEAD_LETTER, EventStatus.SENT)]
        if odd:
            raise ValueError(f"{', '.join(odd)} events are still on their way: replay dead_letter or sent ones")
        if EventStatus.SENT in status and not self.filter.narrows():
            raise ValueError("replaying everything that was sent needs a narrower filter: a type, an id or an age")
        return self


class Replayed(BaseModel):
    """A replay of one event. A sent event gets a new id, a dead letter goes on under its own."""

    event_id: UUID
    replay_of: UUID
    status: EventStatus = EventStatus.PENDING


class ReplayReport(BaseModel):
    """What a replay found and did. `more`: the limit cut it short, ask again for the rest.

    `replay_id` names a replay of dead letters: what still waits of it can be taken back. None when it sent none.
    """

    dry_run: bool
    matched: int
    replayed: int
    more: bool
    by_type: dict[str, int]
    oldest: datetime | None
    newest: datetime | None
    last_due_at: datetime | None
    replay_id: UUID | None = None


class ReplayBatch(BaseModel):
    """Dead letters that were replayed together. `waiting`: events that nobody has tried yet, counted up to 10,000."""

    id: UUID
    at: datetime
    by: str
    events: int
    filter: dict[str, Any]
    waiting: int


class ReplayBatches(BaseModel):
    """The newest replays of many dead letters, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": _ID,
                            "at": "2026-01-05T06:00:00Z",
                            "by": "olga@example.com",
                            "events": 40,
                            "filter": {"type": "SliceReady"},
                            "waiting": 31,
                        }
                    ]
                }
            ]
        }
    )

    items: list[ReplayBatch]


class TakenBack(BaseModel):
    """A replay taken back: so many letters are open again, `gone` were on their way already."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"replay_id": _ID, "taken_back": 31, "gone": 9}]})

    replay_id: UUID
    taken_back: int
    gone: int
