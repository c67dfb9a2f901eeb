"""A month as a calendar draws it. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from contracts.errors import Invalid

T = TypeVar("T")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Month:
    """The first and the last day of a month; `before` and `after` name its neighbours as `named` does."""

    first: date
    last: date

    @property
    def name(self) -> str:
        return self.first.strftime("%Y-%m")

    @property
    def before(self) -> str | None:
        return (self.first - timedelta(days=1)).strftime("%Y-%m") if self.first.year > 2000 else None

    @property
    def after(self) -> str | None:
        return (self.last + timedelta(days=1)).strftime("%Y-%m") if self.last.year < 2999 else None


def of(day: date) -> Month:
    """The month a day is in."""
    return Month(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def named(text: str) -> Month:
    """The month written YYYY-MM. Raises: Invalid."""
    try:
        day = date.fromisoformat(f"{text}-01")
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 3000:
        raise Invalid("month: write it as YYYY-MM, for example 2026-01", code="bad_month")
    return of(day)


def weeks(month: Month, days: Mapping[date, T]) -> list[list[tuple[date | None, T | None]]]:
    """Weeks from Monday on: each day with what `days` has of it; None outside the month."""
    grid = calendar.Calendar().monthdatescalendar(month.first.year, month.first.month)
    return [[(day, days.get(day)) if day.month == month.first.month else (None, None) for day in week] for week in grid]
