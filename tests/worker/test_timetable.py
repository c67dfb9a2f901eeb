"""No window is ever overfull: any arrival pattern, late starts, lost slots, several windows at once (pure)."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.providers import Window
from worker.timetable import MAX_ROAD_S, ROAD, Timetable, next_together, rhythm, take_together

START = 1_790_000_000.0
WINDOWS = st.lists(
    st.sampled_from([
        Window(1, 0.2), Window(1, 1), Window(8, 1), Window(15, 1), Window(3, 10), Window(60, 60), Window(7, 60), Window(200, 300),
        Window(100, 3600), Window(8, 86_400), Window(1000, 86_400),
    ]),
    min_size=1, max_size=3, unique_by=lambda w: w.seconds,
)  # fmt: skip
#: One lease: seconds since the last one, slots wanted, where in its margin each request arrives, and what becomes of its slots: all
#: are used, its worker dies, or every second one meets no request and comes back with the next lease.
LEASES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.001, 0.05, 0.3, 1.0, 5.0, 59.0, 3600.0]),
        st.integers(1, 40),
        st.lists(st.floats(0, 1), min_size=1, max_size=7),
        st.sampled_from(["used", "used", "used", "lost", "half"]),
    ),
    min_size=1,
    max_size=40,
)


def most_in_any(arrivals: list[float], seconds: float) -> int:
    """The most arrivals in any half-open window of so many seconds."""
    arrivals = sorted(arrivals)
    first = most = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@settings(max_examples=80, deadline=None)
@given(WINDOWS, LEASES)
def test_no_window_is_ever_overfull(windows: list[Window], leases: list[tuple[float, int, list[float], str]]) -> None:
    # S3.13 S2.02: each slot is used as late as it may be, and its road takes as long as is reckoned with
    pace = rhythm(tuple(windows))
    shortest = min(w.seconds for w in windows)
    road = min(MAX_ROAD_S, ROAD * shortest)
    now, said, arrivals, unused = START, dict[str, Any](), list[float](), list[float]()
    for pause, want, places, end in leases:
        now += pause
        timetable = Timetable.read(said)
        for at in unused:
            timetable.forget(pace, at)
        slots = timetable.take(pace, now, want, now + 2.0)
        said = timetable.write()
        assert slots == sorted(slots)
        assert all(now <= at <= now + 2.0 for at in slots)
        unused = slots[::2] if end == "half" else []
        if end != "lost":
            used, late = slots[1::2] if unused else slots, pace.lateness_s + road
            arrivals += [at + places[i % len(places)] * late for i, at in enumerate(used)]
    for window in windows:
        assert most_in_any(arrivals, window.seconds) <= window.limit, window


@settings(max_examples=40, deadline=None)
@given(WINDOWS, st.lists(WINDOWS, min_size=2, max_size=2), LEASES)
def test_what_several_operations_share_is_kept_over_all_of_them(
    shared: list[Window], own: list[list[Window]], leases: list[tuple[float, int, list[float], str]]
) -> None:
    # S3.13: two operations with timetables of their own, and one that both have in common
    now, beside, said, arrivals = (
        START,
        dict[str, Any](),
        [dict[str, Any](), dict[str, Any]()],
        [list[float](), list[float]()],
    )
    for nth, (pause, want, places, _) in enumerate(leases):
        now, which = now + pause, nth % 2
        tables = [
            (Timetable.read(said[which]), rhythm(tuple(own[which]))),
            (Timetable.read(beside), rhythm(tuple(shared))),
        ]
        slots = take_together(tables, now, want, now + 2.0)
        said[which], beside = (times.write() for times, _ in tables)
        assert slots or next_together(tables, now) > now + 2.0
        late = min(pace.lateness_s for _, pace in tables)
        arrivals[which] += [at + places[i % len(places)] * late for i, at in enumerate(slots)]
    for windows, seen in ((own[0], arrivals[0]), (own[1], arrivals[1]), (shared, arrivals[0] + arrivals[1])):
        assert all(most_in_any(seen, window.seconds) <= window.limit for window in windows)


@settings(max_examples=40, deadline=None)
@given(WINDOWS, st.integers(1, 10))
def test_whoever_always_wants_gets_nearly_what_the_windows_allow(windows: list[Window], step: int) -> None:
    # S3.13: careful is not idle
    pace, timetable, now = rhythm(tuple(windows)), Timetable.read({}), START
    tightest = max(windows, key=lambda w: w.seconds / w.limit)
    end = START + 3 * tightest.seconds
    got: list[float] = []
    while now < end and len(got) < 3000:
        slots = timetable.take(pace, now, step, now + 2.0)
        got += slots
        now = slots[-1] if slots else timetable.next(pace, now)
    lasted = (got[-1] if len(got) >= 3000 else end) - START
    slack = tightest.seconds / 64 + 2.15 if tightest.seconds > 2 else tightest.seconds * 0.26
    allowed = math.floor(lasted / (tightest.seconds + slack)) * tightest.limit
    assert len(got) >= allowed * 0.9


def test_a_burst_is_served_at_once_where_the_window_is_long() -> None:
    # S2.02
    timetable, pace = Timetable.read({}), rhythm((Window(60, 60), Window(100, 86_400)))
    assert timetable.take(pace, START, 80, START + 2) == [START] * 60
    assert 60 < timetable.next(pace, START) - START < 64
    assert len(timetable.take(pace, START + 64, 80, START + 66)) == 40  # the day's hundred
    assert timetable.next(pace, START + 64) - START > 86_400


def test_a_slot_that_met_no_request_serves_another_one() -> None:
    # S2.02: of a minute's requests none is lost to a worker that took slots ahead
    timetable, pace = Timetable.read({}), rhythm((Window(60, 60),))
    first = timetable.take(pace, START, 60, START)
    for at in first[:5]:
        timetable.forget(pace, at)
    again = Timetable.read(timetable.write())
    assert again.take(pace, START + 9, 60, START + 11) == [START + 9] * 5
    again.forget(pace, START - 500)  # older than any window: nothing to give back
    assert again.take(pace, START + 20, 60, START + 22) == []


def test_a_window_that_is_set_anew_knows_what_was_sent_under_the_old_one() -> None:
    timetable = Timetable.read({})
    timetable.take(rhythm((Window(50, 300),)), START, 50, START)
    again = Timetable.read(timetable.write())
    assert again.take(rhythm((Window(20, 60),)), START + 1, 5, START + 3) == []
    assert again.take(rhythm((Window(60, 3600),)), START + 70, 20, START + 72) == [START + 70] * 10
