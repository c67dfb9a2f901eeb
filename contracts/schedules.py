"""Schedules, as they are asked for and shown. When they fall due is `contracts.timing`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from contracts import cron
from contracts.accounts import BusinessJob
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.runs import CreateRun
from contracts.texts import NoNul

#: What a schedule may start.
ScheduleKind = Literal[
    "discovery", "nightly", "job", "rollup", "models", "matching", "opportunities", "register", "cleanup"
]
#: Work for all tenants: schedules of the reserved tenant only.
HOUSE_KINDS: frozenset[ScheduleKind] = frozenset({"opportunities", "register", "cleanup"})
#: What becomes of occurrences that nobody was there for: none of them, the last one, each of them.
CatchUp = Literal["skip", "once", "all"]
Outcome = Literal["started", "skipped", "failed"]
#: Schedules a tenant may have.
MAX_SCHEDULES = 100


def _cron(text: str) -> str:
    return cron.parse(text).text


def _zone(text: str) -> str:
    return cron.zone_of(text).key


Expression = Annotated[
    str, Field(min_length=1, max_length=cron.MAX_LENGTH, examples=["0 6 * * *"]), NoNul, AfterValidator(_cron)
]
Zone = Annotated[
    str, Field(min_length=1, max_length=64, examples=["Africa/Johannesburg"]), NoNul, AfterValidator(_zone)
]
ScheduleName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", max_length=63, examples=["evening-discovery"])
]
Jitter = Annotated[
    int,
    Field(strict=True, ge=0, le=6 * 3600, description="most seconds it may begin after its time, the same each time"),
]
Params = Annotated[dict[str, Any], Field(max_length=30, description="what its runs are started with, by kind")]


class CreateSchedule(BaseModel):
    """Body of POST /v1/schedules. `cron` is read in `zone`; `params` by `kind`:

    discovery: what POST /v1/discovery/runs takes; nightly: limit, skip, dry_run; job: job, dry_run; rollup: days; others: nothing.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "evening-discovery",
                    "kind": "discovery",
                    "cron": "0 18 * * mon-fri",
                    "zone": "Africa/Johannesburg",
                    "params": {"max_companies": 25},
                }
            ]
        },
    )

    name: ScheduleName
    kind: ScheduleKind
    cron: Expression
    zone: Zone = "Etc/UTC"
    enabled: bool = True
    params: Params = Field(default_factory=dict)
    jitter_s: Jitter = 0
    catch_up: CatchUp = "once"


class ChangeSchedule(BaseModel):
    """Body of PATCH: what is named is replaced. What was missed under an older cron or zone is not made up for."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"cron": "30 5 * * *", "zone": "Asia/Singapore"}]}
    )

    cron: Expression | None = None
    zone: Zone | None = None
    enabled: bool | None = None
    params: Params | None = None
    jitter_s: Jitter | None = None
    catch_up: CatchUp | None = None


class ScheduleView(BaseModel):
    """A schedule as it stands. `managed`: it follows the settings until somebody changes it."""

    id: UUID
    name: str
    kind: ScheduleKind
    cron: str
    zone: str
    enabled: bool
    managed: bool
    params: dict[str, Any]
    jitter_s: int
    catch_up: CatchUp
    next_due_at: datetime | None = Field(description="the occurrence that is next; null while paused")
    fires_at: datetime | None = Field(description="when that one begins: jitter, or a retry after an error, is in it")
    upcoming: list[datetime] = Field(default=[], description="the next occurrences, UTC")
    last_due_at: datetime | None
    last_outcome: Outcome | None
    last_reason: str | None
    last_run_id: UUID | None
    last_error: str | None = Field(description="why the occurrence that is next could not be started so far")
    created_by: str
    created_at: datetime
    updated_at: datetime


class SchedulePreview(BaseModel):
    """What a change would make of a schedule, with its next occurrences in UTC and on its zone's clocks; nothing is saved."""

    name: str
    changed: list[str] = Field(description="fields that would differ from what stands", examples=[["cron"]])
    cron: str
    zone: str
    enabled: bool
    params: dict[str, Any]
    jitter_s: int
    catch_up: CatchUp
    fires_at: datetime | None = Field(description="when the first one would begin: jitter is in it; null while paused")
    utc: list[datetime]
    local: list[str]


class SchedulePage(BaseModel):
    items: list[ScheduleView]
    next_cursor: str | None


class Fire(BaseModel):
    """What became of one occurrence. `reason` says why one was skipped or failed, or what was started where that is no run."""

    due_at: datetime
    outcome: Outcome
    reason: str | None
    run_id: UUID | None
    fired_at: datetime


class FirePage(BaseModel):
    items: list[Fire]
    next_cursor: str | None


class NextTimes(BaseModel):
    """The next occurrences of a schedule, in UTC and as its zone's clocks show them."""

    name: str
    cron: str
    zone: str
    utc: list[datetime]
    local: list[str] = Field(examples=[["2026-01-05T01:00:00+08:00"]])


class NightlyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int | None = Field(default=None, strict=True, ge=1, le=100_000)
    skip: list[Annotated[str, Field(max_length=50), NoNul]] = Field(default=[], max_length=20)
    dry_run: bool = False


class JobParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job: BusinessJob
    dry_run: bool = False


class RollupParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: int = Field(default=35, strict=True, ge=1, le=366, description="so many days back, today included")


class NoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")


PARAMS: Mapping[ScheduleKind, type[BaseModel]] = {
    "discovery": CreateRun,
    "nightly": NightlyParams,
    "job": JobParams,
    "rollup": RollupParams,
    "models": NoParams,
    "matching": NoParams,
    "opportunities": NoParams,
    "register": NoParams,
    "cleanup": NoParams,
}


def checked_params(kind: ScheduleKind, params: Mapping[str, Any]) -> BaseModel:
    """`params` read as that kind's. Raises: Invalid (`bad_params`)."""
    daily = {"mode": "daily"} if kind == "discovery" else {}
    try:
        return PARAMS[kind].model_validate({**daily, **params})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, ("params", *first["loc"])))[:200]
        raise Invalid(f"{where}: {in_words(first)[:500]}", code="bad_params") from None
