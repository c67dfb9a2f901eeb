"""A run's timeline as a drawing: what stands where, and what a closer look leaves out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.ui import zoom
from contracts.runs import Moment, RunStatus
from tests.ui.test_progress import NOW, run


def moment(what: Any, at_s: float, took_s: float | None = None, state: str = "done") -> Moment:
    return Moment(at=NOW + timedelta(seconds=at_s), what=what, id="1", title="t", state=state, took_s=took_s)


def whole(moments: list[Moment], took_s: float = 10.0) -> zoom.Window:
    ended = run(["done"], RunStatus.COMPLETED, finished_at=NOW + timedelta(seconds=took_s))
    return zoom.window(ended, moments, None, None, NOW + timedelta(days=1))


def test_lanes_go_from_the_request_to_the_rows() -> None:
    # B.02
    told = [moment(what, n) for n, what in enumerate(("lead", "vendor_call", "attempt", "execution", "event", "run"))]
    drawn = zoom.draw(told, whole(told))
    assert [lane.what for lane in drawn.lanes] == ["run", "event", "execution", "attempt", "vendor_call", "lead"]


def test_a_mark_is_as_long_as_what_it_stands_for() -> None:
    # an attempt stands at its end, a job at its beginning
    told = [moment("execution", 5.0, 2.5), moment("attempt", 5.0, 2.5, "failed")]
    job, attempt = (lane.marks[0] for lane in zoom.draw(told, whole(told)).lanes)
    assert (job.x, job.width) == (500.0, 250.0)
    assert (attempt.x, attempt.width) == (250.0, 250.0)


def test_what_happens_at_the_same_time_stands_in_rows() -> None:
    told = [moment("execution", 1.0, 4.0), moment("execution", 2.0, 4.0), moment("execution", 5.5, 1.0)]
    (lane,) = zoom.draw(told, whole(told)).lanes
    assert [mark.y for mark in lane.marks] == [1.0, 10.0, 1.0]
    many = [moment("execution", 1.0, 4.0) for _ in range(40)]
    (lane,) = zoom.draw(many, whole(many)).lanes
    assert len(lane.marks) == 40
    assert lane.height == zoom.ROWS * zoom.ROW + 2


def test_a_window_is_cut_into_parts_widened_and_moved_but_not_beyond_the_run() -> None:
    at = whole([])
    assert at.whole
    parts = at.parts()
    assert len(parts) == zoom.PARTS
    assert (parts[0].since, parts[-1].until) == (at.since, at.until)
    second = parts[1]
    assert not second.whole
    assert second.x == pytest.approx(1000 / 6, abs=0.2)
    assert second.wider().length == pytest.approx(second.length * 2, abs=timedelta(milliseconds=2))
    assert parts[0].moved(-1.5) is None
    assert parts[0].moved(0.5) is not None
    assert whole([], took_s=0.01).parts() == []


def test_marks_are_cut_at_the_edges_of_the_window() -> None:
    told = [moment("execution", 0.0, 10.0)]
    at = whole(told).parts()[2]
    ((mark,),) = [lane.marks for lane in zoom.draw(told, at).lanes]
    assert (mark.x, mark.width) == (0.0, 1000.0)
