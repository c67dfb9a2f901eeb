"""The database's clock by our own: never surer than what was heard allows, and surer the more was heard (pure)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.db_clock import DRIFT, DbClock

#: What the database's clock was ahead of ours when all began.
AHEAD = 1_790_000_000.0
#: (seconds since the last answer, how long the question took to get there, how long the answer took)
ANSWERS = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0.0001, 2), st.floats(0.0001, 2)), min_size=1, max_size=30
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(ANSWERS, st.floats(-DRIFT, DRIFT))
def test_the_moment_lies_between_earliest_and_latest_whatever_the_road_took(
    answers: list[tuple[float, float, float]], drift: float
) -> None:
    # S3.13: a slot is used neither early nor late
    clock, now = DbClock(), 100.0
    for pause, out, back in answers:
        before = now + pause
        read_at = before + out
        now = read_at + back
        shown = read_at * (1 + drift) + AHEAD
        clock.heard(shown, before, now)
        assert before - 1e-6 <= clock.earliest(shown) <= read_at + 1e-6
        assert read_at - 1e-6 <= clock.latest(shown) <= now + 1e-6


def test_a_quick_answer_is_remembered_when_the_next_one_is_slow() -> None:
    clock = DbClock()
    clock.heard(AHEAD + 10.0, 9.999, 10.001)
    clock.heard(AHEAD + 10.5, 10.1, 10.9)
    assert clock.latest(AHEAD + 11) - clock.earliest(AHEAD + 11) == pytest.approx(0.002 + 2 * 0.901 * DRIFT, abs=1e-6)


@pytest.mark.parametrize("set_by", [-30.0, 30.0])
def test_a_clock_that_was_set_is_learnt_anew(set_by: float) -> None:
    clock = DbClock()
    clock.heard(AHEAD + 10.0, 9.99, 10.01)
    clock.heard(AHEAD + 11.0 + set_by, 10.99, 11.01)
    assert clock.earliest(AHEAD + 12 + set_by) == pytest.approx(11.99, abs=1e-6)
    assert clock.latest(AHEAD + 12 + set_by) == pytest.approx(12.01, abs=1e-6)
