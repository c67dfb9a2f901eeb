"""Cron expressions, and the moments they name in a time zone. Pure: the zone's rules are the tz database's.

Five fields, minute hour day-of-month month day-of-week, with `*`, numbers, names (jan, mon), ranges, lists and steps; or @hourly,
@daily, @midnight, @weekly, @monthly, @yearly, @annually. Sunday is 0 or 7. Where both kinds of days are listed, either will do
(POSIX crontab); where one of them begins with `*`, both must hold (Vixie cron).

Where clocks are changed, a time that does not exist falls due at the first instant after the gap, and one that comes twice falls
due the first time only. An expression for every hour means elapsed time: it falls due in both passes, and nothing is made up for
a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Days looked ahead: 29 February comes again after eight years at the latest, on a given day of the week after forty.
HORIZON = 41 * 366
MAX_LENGTH = 200
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
#: Field -> (name, least, most, names).
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _WEEKDAYS),
)
_PART = re.compile(r"(\*|[0-9a-z]{1,9})(?:-([0-9a-z]{1,9}))?(?:/([0-9]{1,4}))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
#: Names that mean whatever the machine at hand is set to.
_LOCAL = ("localtime", "posixrules", "Factory")


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; `text` is how it was written. Weekdays count from Sunday, 0."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @property
    def every_hour(self) -> bool:
        return len(self.hours) == 24

    def on(self, day: date) -> bool:
        """Does it name times of that day?"""
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The moments (UTC) later than `moment`, in order, as far as the horizon."""
        return self._elapsed(moment, zone) if self.every_hour else self._on_the_wall(moment, zone)

    def _on_the_wall(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Times of the day, one after the other: what they mean never goes back."""
        local, last = moment.astimezone(zone), moment
        for day in self._days(local.date()):
            for hour in self.hours:
                if day == local.date() and hour < local.hour:
                    continue
                for minute in self.minutes:
                    found = meaning(datetime(day.year, day.month, day.day, hour, minute), zone)
                    if found > last:
                        last = found
                        yield found

    def _elapsed(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Minutes as they pass, looked up on the wall."""
        passing = moment.astimezone(UTC).replace(second=0, microsecond=0)
        minutes = frozenset(self.minutes)
        while True:
            passing += timedelta(minutes=1)
            local = passing.astimezone(zone)
            if not self.on(local.date()):
                day = next(self._days(local.date() + timedelta(days=1)), None)
                if day is None:
                    return
                passing = max(passing, meaning(datetime(day.year, day.month, day.day), zone) - timedelta(minutes=1))
            elif local.minute in minutes:
                yield passing

    def _days(self, first: date) -> Iterator[date]:
        return (day for n in range(HORIZON) if self.on(day := first + timedelta(days=n)))


@lru_cache(maxsize=1024)
def parse(text: str) -> Cron:
    """Read an expression. Raises: ValueError saying which field is wrong, also for one that names no day there is."""
    fields = _MACROS.get(text.strip().lower(), text.strip().lower()).split()
    if len(fields) != len(_FIELDS) or len(text) > MAX_LENGTH:
        raise ValueError("must have five fields, minute hour day month weekday, such as `0 6 * * *`, or be @daily")
    sets = [_numbers(field, *about) for field, about in zip(fields, _FIELDS, strict=True)]
    weekdays = frozenset(n % 7 for n in sets[4])
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    minutes, hours = tuple(sorted(sets[0])), tuple(sorted(sets[1]))
    made = Cron(" ".join(text.split()), minutes, hours, frozenset(sets[2]), frozenset(sets[3]), weekdays, either)
    if not any(made.on(date(2000, 1, 1) + timedelta(days=n)) for n in range(HORIZON)):
        raise ValueError("names a day that never comes")
    return made


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """A zone of the tz database. Raises: ValueError."""
    if _ZONE.fullmatch(name) and len(name) <= 64 and name not in _LOCAL:
        with suppress(OSError, ValueError, KeyError):  # no such file, or a folder of zones
            return ZoneInfo(name)
    raise ValueError("must be an IANA time zone, such as Etc/UTC or Asia/Singapore")


def next_after(text: str, zone: str, moment: datetime) -> datetime:
    """The first moment after `moment`. Raises: ValueError where there is none within the horizon."""
    found = next(parse(text).after(moment, zone_of(zone)), None)
    if found is None:
        raise ValueError("names no moment that is still to come")
    return found


def _numbers(field: str, what: str, least: int, most: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{what}: {part[:20]!r} is not understood")
        first, last, step = match[1], match[2], int(match[3] or 1)
        low = least if first == "*" else _number(first, what, least, most, names)
        high = most if first == "*" or (match[3] and last is None) else low
        if last is not None:
            high = _number(last, what, least, most, names)
            # Sunday ends a week as well as it begins one.
            high = 7 if names is _WEEKDAYS and high == 0 and low > 0 else high
        if step < 1 or high < low or (first == "*" and last is not None):
            raise ValueError(f"{what}: {part[:20]!r} is empty or backwards")
        found.update(range(low, high + 1, step))
    return found


def _number(text: str, what: str, least: int, most: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdigit() else -1)
    if not least <= value <= most:
        raise ValueError(f"{what}: {text[:20]!r} is not within {least} and {most}")
    return value


def meaning(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment (UTC) a time on the wall stands for (PEP 495): of two the first, in a gap its end."""
    earlier = wall.replace(tzinfo=zone).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    # In a gap, the two readings stand on either side of the change.
    return _change(later, earlier, zone) if later < earlier else earlier


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second of the offset that holds at `after`."""
    low, high = int(before.timestamp()), int(after.timestamp())
    new = after.astimezone(zone).utcoffset()
    while low < high:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == new:
            high = middle
        else:
            low = middle + 1
    return datetime.fromtimestamp(high, UTC)
