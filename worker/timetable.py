"""When a vendor may be asked: times handed out so that no window is ever overfull. Pure.

A slot is a time from which one request may leave, a little later at the latest: a worker that comes later drops the slot. The
road to the vendor takes one request longer than another, by `MAX_ROAD_S`. So requests whose slots are less than window + lateness
+ road apart might meet in one window, and at most `limit` slots are handed out in any such *span*. Short windows (2 s and less)
are served by a distance, span / limit, from slot to slot; longer ones allow bursts, and a ring of counts remembers how many slots
lie in the span. Slots come in order of time; one that met no request comes back, one that is lost (its worker died) counts as used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

from contracts.providers import Window

#: Windows up to this many seconds are served by a distance.
SPACED_S = 2.0
#: Cells of a ring: a slot comes back one cell late at most.
CELLS = 64
#: How much later than another one a request may arrive by its road alone: a share of the shortest window, and seconds at most.
ROAD, MAX_ROAD_S = 0.15, 0.15
#: How much later than its slot a request may leave, likewise; of windows below a second a greater share, since event loops are no
#: more punctual for them.
LATENESS, MAX_LATENESS_S = 0.05, 2.0
LATENESS_S, MAX_LATENESS = 0.05, 0.1

#: How many windows that operators have set are remembered.
KEPT = 4

Ring = list[list[int]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the windows of a pace ask for. `spans`: (window seconds, limit, span seconds) of those that have a ring.

    A request leaves `lateness_s` after its slot at the latest.
    `chunk`: the most slots that a worker takes ahead of demand, because they are lost if it dies or the demand ends: a second's
    worth, or a twentieth of the limit.
    """

    distance_s: float
    lateness_s: float
    spans: tuple[tuple[float, int, float], ...]
    chunk: int


@lru_cache(maxsize=256)
def rhythm(windows: tuple[Window, ...]) -> Rhythm:
    """The rhythm that keeps all of `windows` (at least one)."""
    shortest = min(w.seconds for w in windows)
    lateness = max(min(MAX_LATENESS_S, shortest * LATENESS), min(LATENESS_S, shortest * MAX_LATENESS))
    margin = lateness + min(MAX_ROAD_S, shortest * ROAD)
    spaced = [(w.seconds + margin) / w.limit for w in windows if w.seconds <= SPACED_S]
    return Rhythm(
        # A thousandth more: times are floats, and a window includes the moment it begins.
        distance_s=max(spaced, default=0.0) * 1.001,
        lateness_s=lateness,
        spans=tuple((w.seconds, w.limit, w.seconds + margin) for w in windows if w.seconds > SPACED_S),
        chunk=max(1, int(min(max(w.limit / w.seconds, w.limit / 20) for w in windows))),
    )


@dataclass(slots=True)
class Timetable:
    """What was handed out, and what the vendor wished. Times are seconds since 1970, by the database's clock.

    `not_before`: nobody asks until then; `gap_s` apart until `gap_until`; `throttled`: refusals as too fast, in a row.
    """

    last: float
    not_before: float
    gap_s: float
    gap_until: float
    throttled: int
    rings: dict[float, Ring]

    @classmethod
    def read(cls, said: dict[str, Any]) -> Timetable:
        """From its JSON; an empty object is an empty timetable."""
        return cls(
            last=said.get("last", 0.0),
            not_before=said.get("not_before", 0.0),
            gap_s=said.get("gap", 0.0),
            gap_until=said.get("gap_until", 0.0),
            throttled=said.get("throttled", 0),
            rings={float(k): [list(cell) for cell in ring] for k, ring in said.get("rings", {}).items()},
        )

    def write(self) -> dict[str, Any]:
        """As JSON; what is zero is left out."""
        times = {
            "last": self.last,
            "not_before": self.not_before,
            "gap": self.gap_s,
            "gap_until": self.gap_until,
            "throttled": self.throttled,
        }
        rings = {repr(seconds): ring for seconds, ring in self.rings.items() if ring}
        return {name: value for name, value in times.items() if value} | ({"rings": rings} if rings else {})

    def take(self, pace: Rhythm, now: float, want: int, until: float) -> list[float]:
        """Hand out up to `want` slots that begin by `until`, in order of time."""
        return take_together([(self, pace)], now, want, until)

    def next(self, pace: Rhythm, now: float) -> float:
        """When the next slot begins."""
        at = max(now, self.not_before, self.last + pace.distance_s)
        if at < self.gap_until:
            at = max(at, self.last + self.gap_s)
        for seconds, limit, span in pace.spans:
            ring, cell = self.rings.get(seconds, []), seconds / CELLS
            taken = sum(count for end, count in ring if end * cell > at - span)
            for end, count in ring:
                if taken < limit:
                    break
                if end * cell > at - span:
                    at, taken = end * cell + span, taken - count
        return at

    def record(self, at: float) -> None:
        """A slot is handed out."""
        self.last = at
        for seconds, ring in self.rings.items():
            cell = seconds / CELLS
            end = ceil(at / cell)
            if ring and ring[-1][0] >= end:
                ring[-1][1] += 1
            else:
                ring.append([end, 1])
            while ring[0][0] * cell < at - seconds - 2 * MAX_LATENESS_S:
                ring.pop(0)

    def forget(self, pace: Rhythm, at: float) -> None:
        """A slot that was handed out by `pace` comes back: nothing left at it, and nothing will. Its distance to the others stays.

        A ring that no window of `pace` has may never have counted it, and what it counts are others' slots.
        """
        for seconds, _, _ in pace.spans:
            end = ceil(at / (seconds / CELLS))
            for counted in reversed(self.rings.get(seconds, [])):
                if counted[0] <= end:
                    counted[1] -= counted[0] == end and counted[1] > 0
                    break

    def leave_out(self, pace: Rhythm) -> None:
        """What operators set has one window at a time, and a worker may not know the newest yet. So the longest that it had are
        kept: a shorter one that comes back begins with what they remember.
        """
        kept = {seconds for seconds, _, _ in pace.spans} | set(sorted(self.rings)[-KEPT:])
        self.rings = {seconds: ring for seconds, ring in self.rings.items() if seconds in kept}

    def learn_windows(self, pace: Rhythm) -> None:
        """A window that is new (its setting was changed) begins with what a longer one remembers, or else the longest."""
        for seconds, _, _ in pace.spans:
            if seconds in self.rings:
                continue
            known = sorted(self.rings)
            source = next((other for other in known if other >= seconds), known[-1] if known else None)
            self.rings[seconds] = _converted(self.rings[source], source, seconds) if source is not None else []


def next_together(tables: Sequence[tuple[Timetable, Rhythm]], now: float) -> float:
    """When the next slot begins that all of them allow."""
    at = max(times.next(pace, now) for times, pace in tables)
    while len(tables) > 1 and (later := max(times.next(pace, at) for times, pace in tables)) > at:
        at = later
    return at


def take_together(tables: Sequence[tuple[Timetable, Rhythm]], now: float, want: int, until: float) -> list[float]:
    """Hand out up to `want` slots that begin by `until` and are free in all of them, in order of time; each counts in all."""
    for nth, (times, pace) in enumerate(tables):
        times.learn_windows(pace)
        if nth:
            times.leave_out(pace)
    slots: list[float] = []
    while len(slots) < want and (at := next_together(tables, now)) <= until:
        for times, _ in tables:
            times.record(at)
        slots.append(at)
    return slots


def _converted(ring: Sequence[Sequence[int]], source: float, seconds: float) -> Ring:
    """The cells of a window of `source` seconds as those of another one; no slot becomes older by it."""
    found: dict[int, int] = {}
    for end, count in ring:
        cell = ceil(end * source / seconds)
        found[cell] = found.get(cell, 0) + count
    return [[end, count] for end, count in sorted(found.items())]
