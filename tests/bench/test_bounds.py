"""What limits and latencies alone impose: a bound that any schedule keeps to, and as high as that allows."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from front.trial.run import in_turn, shortest


def test_tasks_in_places_take_no_less_than_the_bound_says() -> None:  # S3.07
    assert shortest([], 3) == 0
    assert shortest([5, 1], 3) == 5, "the longest"
    assert shortest([1] * 20, 8) == 3, "one place has three of them"
    assert shortest([4, 4, 4, 1], 2) == 8, "two of the long ones share a place"
    assert shortest([6, 6, 6, 6, 6, 6], 3) == 12


@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(1, 3))
def test_no_schedule_beats_the_bound(lengths: list[int], places: int) -> None:
    best = min(
        max(sum(length for length, at in zip(lengths, where, strict=True) if at == place) for place in range(places))
        for where in product(range(places), repeat=len(lengths))
    )
    assert shortest(lengths, places) <= best


def test_tasks_in_turn_end_as_by_hand() -> None:
    # S3.07
    assert in_turn([], 3) == 0
    assert in_turn([1, 1, 6], 2) == 7, "the long one comes last"
    assert in_turn([6, 1, 1], 2) == 6
    assert in_turn([3, 2, 2, 1], 2) == 4
