"""A run's timeline as a drawing: lanes of marks in a window that links make narrower, wider or move. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from contracts.runs import Moment, RunView

#: Width of a drawing in the units of its viewBox, the narrowest mark, and the height of a row and of its marks.
WIDTH, NARROWEST, ROW, MARK = 1000.0, 2.5, 9.0, 7.0
#: What overlaps goes into the next row, as far as there are rows.
ROWS = 6
#: Parts into which a window is cut for a closer look.
PARTS = 6
#: No window is narrower.
LEAST = timedelta(milliseconds=5)
#: What stands in a lane -> what the lane is called, from the request to the rows.
LANES = {
    "run": "request",
    "event": "events",
    "execution": "jobs",
    "attempt": "failed attempts",
    "vendor_call": "vendor calls",
    "slice": "slices",
    "lead": "leads",
}
#: Moments of these kinds stand at their end.
_ENDS = ("attempt", "run")


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when one looks, and how long the whole is. Whole milliseconds, so that links can name it."""

    since: datetime
    until: datetime
    first: datetime
    last: datetime

    @property
    def whole(self) -> bool:
        return self.since <= self.first and self.until >= self.last

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def x(self) -> float:
        """Where the window stands in a drawing of the whole."""
        return _place(self.first, self.last, self.since)

    @property
    def width(self) -> float:
        return max(NARROWEST, _place(self.first, self.last, self.until) - self.x)

    def parts(self) -> list[Window]:
        """The window cut into equal parts; none where they would be too narrow."""
        if self.length / PARTS < LEAST:
            return []
        edges = [self.since + self.length * n / PARTS for n in range(PARTS + 1)]
        return [self._of(since, until) for since, until in pairwise(edges)]

    def wider(self) -> Window:
        """Twice as long, around the same middle."""
        return self._of(self.since - self.length / 2, self.until + self.length / 2)

    def moved(self, by: float) -> Window | None:
        """As long, so many lengths later; None beyond what there is."""
        step = self.length * by
        moved = self._of(self.since + step, self.until + step)
        return moved if moved.since < self.last and moved.until > self.first else None

    def _of(self, since: datetime, until: datetime) -> Window:
        return Window(_down(since), _up(until), self.first, self.last)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: where it stands and how long it took."""

    moment: Moment
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Marks of one kind; what happened at the same time stands in rows below each other."""

    what: str
    name: str
    height: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lanes in a window."""

    window: Window
    lanes: tuple[Lane, ...]


def window(
    run: RunView, moments: Sequence[Moment], since: datetime | None, until: datetime | None, now: datetime
) -> Window:
    """The window asked for, or the whole: from the request until the last that is known of the run."""
    ends = [_span(m)[1] for m in moments]
    first, last = _down(run.created_at), _up(max([run.finished_at or now, *ends]))
    if since is None and until is None and run.finished_at is None and ends:
        last = _up(max(ends))
    last = max(last, first + LEAST)
    since, until = since or first, until or last
    return Window(_down(since), _up(max(until, since + LEAST)), first, max(last, _up(until)) if until > last else last)


def draw(moments: Sequence[Moment], at: Window) -> Drawing:
    """Every moment as a mark in its lane, cut at the window's edges."""
    lanes = []
    for what, name in LANES.items():
        marks, rows = _marks([m for m in moments if m.what == what], at)
        if marks:
            lanes.append(Lane(what, name, rows * ROW + 2, tuple(marks)))
    return Drawing(at, tuple(lanes))


def _marks(moments: Sequence[Moment], at: Window) -> tuple[list[Mark], int]:
    free: list[float] = []
    marks = []
    for moment, (since, until) in sorted(((m, _span(m)) for m in moments), key=lambda pair: pair[1]):
        x = max(0.0, min(_place(at.since, at.until, since), WIDTH - NARROWEST))
        end = min(WIDTH, max(_place(at.since, at.until, until), x + NARROWEST))
        row = next((n for n, taken in enumerate(free) if taken <= x), len(free))
        if row == len(free) and row < ROWS:
            free.append(0.0)
        row = min(row, ROWS - 1)
        free[row] = max(free[row], end)
        marks.append(Mark(moment, round(x, 2), row * ROW + 1, round(end - x, 2)))
    return marks, len(free)


def _span(moment: Moment) -> tuple[datetime, datetime]:
    took = timedelta(seconds=moment.took_s or 0.0)
    return (moment.at - took, moment.at) if moment.what in _ENDS else (moment.at, moment.at + took)


def _place(since: datetime, until: datetime, at: datetime) -> float:
    return (at - since) / (until - since) * WIDTH


def _down(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _up(at: datetime) -> datetime:
    down = _down(at)
    return down if down == at else down + timedelta(milliseconds=1)
