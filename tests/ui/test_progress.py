"""How far a run is, and how its story is told: pure functions of what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.ui import charts, progress, telling, words
from contracts.runs import Counts, Moment, RunStatus, RunView, SliceView

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


def run(states: list[str], status: RunStatus = RunStatus.RUNNING, created: int = 0, **more: Any) -> RunView:
    slices = [
        SliceView(
            id=uuid4(), ordinal=n, channel="register", query="q", state=state, page=1, found=0, companies_created=0,
            companies_skipped=0, would_cost=0, stop_reason=None, error_code=None, error=None,
        )
        for n, state in enumerate(states)
    ]  # fmt: skip
    fields = {
        "id": uuid4(), "kind": "discovery", "status": status, "mode": "manual", "dry_run": False, "triggered_by": "api",
        "requested_by": None, "params": {"max_companies": 100}, "counts": Counts(companies_created=created), "open_slices": 0,
        "stats": None, "error_code": None, "error": None, "stop_reason": None, "created_at": NOW, "started_at": NOW,
        "finished_at": None, "duration_s": 10.0, "cancel_requested_at": None, "slices": slices,
    }  # fmt: skip
    return RunView(**{**fields, **more})


def test_a_quarter_in_ten_seconds_is_half_a_minute_more() -> None:
    # S2.17
    seen = progress.of(run(["done", "open", "open", "open"]))
    assert seen.eta_s == pytest.approx(30.0)
    assert (seen.share, seen.closed, seen.slices) == (0.25, 1, 4)


def test_the_cap_may_be_nearer_than_the_last_slice() -> None:
    assert progress.of(run(["open", "open"], created=50)).share == 0.5


def test_it_never_takes_longer_than_its_budget() -> None:
    assert progress.of(run(["done", *["open"] * 9], remaining_ms=5000)).eta_s == 5.0


def test_a_run_that_waits_or_has_ended_has_no_end_to_wait_for() -> None:
    assert progress.of(run(["open"], RunStatus.PENDING, duration_s=None)).eta_s is None
    ended = progress.of(run(["done", "error"], RunStatus.PARTIAL))
    assert (ended.share, ended.eta_s) == (1.0, None)


def test_neighbours_that_say_the_same_are_told_once() -> None:
    # B.02
    def moment(what: Any, title: str, n: int) -> Moment:
        return Moment(at=NOW + timedelta(seconds=n), what=what, id=str(n), title=title, state="sent")

    told = telling.passages(
        [moment("event", "SliceReady", n) for n in range(3)]
        + [moment("lead", f"Company {n}", 3 + n) for n in range(5)]
        + [moment("event", "SliceReady", 9)]
    )
    assert [(p.first.title, len(p.shown), len(p.more)) for p in told] == [
        ("SliceReady", 1, 2),
        ("Company 0", 3, 2),
        ("SliceReady", 1, 0),
    ]


def test_a_calibration_curve_stands_where_it_should() -> None:
    # B.08
    curve = charts.curve([{"said": 1.0, "was": 0.0, "rows": 10.0}, {"said": 0.0, "was": 1.0, "rows": 40.0}])
    assert [(p.x, p.y) for p in curve.points] == [(34.0, 34.0), (294.0, 294.0)]
    assert curve.points[0].radius > curve.points[1].radius
    assert curve.line == "M34.0 34.0 L294.0 294.0"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.42, "0.42 s"), (9.94, "9.9 s"), (65, "1 min 05 s"), (7500, "2 h 05 min"), (90_000, "1 d 1 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_every_state_of_a_run_has_a_mark_beside_its_colour() -> None:
    # colours alone tell nothing to one in twelve men
    marks = {
        words.tone(s)[1]
        for s in (RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.RUNNING, RunStatus.PENDING)
    }
    assert len(marks) == 5
