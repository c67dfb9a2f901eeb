"""When a schedule falls due, what becomes of what was missed, and which schedules everybody has. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from contracts import cron
from contracts.schedules import CatchUp, ScheduleKind
from contracts.settings import Settings

#: An occurrence begun later than this was missed, in seconds.
LATE_S = 15 * 60
#: Occurrences settled in one transaction, and those of them that start something.
MOST, MOST_STARTED = 200, 10


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
        *_nights(settings),
        *_jobs(),
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
