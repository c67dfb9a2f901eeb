"""Schedules: what falls due when, what becomes of an occurrence, and which schedules everybody has. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from contracts import cron
from contracts.accounts import BusinessJob
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.runs import CreateRun
from contracts.settings import Settings
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
#: An occurrence begun later than this was missed, in seconds.
LATE_S = 15 * 60
#: Occurrences settled in one transaction, and those of them that start something.
MOST, MOST_STARTED = 200, 10
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
    int, Field(strict=True, ge=0, le=6 * 3600, description="most seconds it may begin after its time, the same each time")
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


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule falls due, without anything else of it."""

    cron: str
    zone: str
    jitter_s: int
    catch_up: CatchUp

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence after `moment`, UTC."""
        return cron.next_after(self.cron, self.zone, moment)

    def upcoming(self, first: datetime, count: int) -> list[datetime]:
        """`first`, which is one, and those that follow it."""
        later = cron.parse(self.cron).after(first, cron.zone_of(self.zone))
        return [first, *islice(later, count - 1)] if count > 0 else []


def stagger(schedule_id: UUID, jitter_s: int) -> timedelta:
    """How long after its time a schedule begins: within `jitter_s`, evenly spread over schedules, always the same for one."""
    if not jitter_s:
        return timedelta()
    drawn = int.from_bytes(hashlib.sha256(schedule_id.bytes).digest()[:8])
    return timedelta(seconds=drawn % (jitter_s + 1))


@dataclass(frozen=True, slots=True)
class Settled:
    """Occurrences with the reason why they are left out (None: they start), and the one that is next."""

    occurrences: tuple[tuple[datetime, str | None], ...]
    next_due_at: datetime


def settle(timing: Timing, first: datetime, now: datetime, offset: timedelta) -> Settled:
    """What becomes of the occurrences from `first` on that have come by `now`; `offset` is the schedule's stagger.

    A bounded number of them: where more have come, `next_due_at` has come too, and the rest is settled next.
    """
    times = iter([first])
    further = cron.parse(timing.cron).after(first, cron.zone_of(timing.zone))
    found: list[tuple[datetime, str | None]] = []
    started, due = 0, next(times)
    while due + offset <= now and len(found) < MOST and started < MOST_STARTED:
        following = next(further)
        late = (now - due - offset).total_seconds() > LATE_S
        reason = None
        if timing.catch_up == "skip" and late:
            reason = "missed: nobody was there to start it"
        elif timing.catch_up == "once" and following + offset <= now:
            reason = "missed: a later one stands in for it"
        started += reason is None
        found.append((due, reason))
        due = following
    return Settled(tuple(found), due)


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule that every tenant has from the start; `house`: that the reserved tenant has."""

    name: str
    kind: ScheduleKind
    cron: str
    zone: str = "Etc/UTC"
    params: Mapping[str, Any] | None = None
    house: bool = False


def standing(settings: Settings) -> tuple[Standing, ...]:
    """The schedules everybody has (S0.13, S3.08, S4.03)."""
    return (
        Standing("daily-discovery", "discovery", "0 6 * * *"),
        Standing("daily-figures", "rollup", "30 0 * * *", params={"days": 35}),
        Standing("model-check", "models", "0 3 * * *"),
        Standing("match-scan", "matching", "30 3 * * *"),
        # merge: *_nights(settings),
        # merge: *_jobs(),
        Standing("daily-opportunities", "opportunities", "0 5 * * *", house=True),
        Standing("daily-cleanup", "cleanup", "0 4 * * *", house=True),
    )


def _nights(settings: Settings) -> tuple[Standing, ...]:
    return (Standing("nightly", "nightly", settings.sched_start_cron, "Asia/Singapore"),)


def _jobs() -> tuple[Standing, ...]:
    """Three a day, triggers four times (S4.03)."""
    return (
        Standing("update-account-types", "job", "0 2 * * *", params={"job": "accounts.update_types"}),
        Standing("sample-metrics", "job", "0 2 * * *", params={"job": "accounts.sample_metrics"}),
        Standing("calculate-burn-rates", "job", "0 2 * * *", params={"job": "accounts.burn_rates"}),
        Standing("process-triggers", "job", "0 */6 * * *", params={"job": "accounts.triggers"}),
    )
