"""Who waits for a turn in its worker, and who is put off at once (pure but for the clock)."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from worker.leases import PATIENCE_S
from worker.patience import SEATED_S, SHARE_OF_TIME, Patience, Seats


def test_a_job_waits_long_once_it_has_begun_to_ask() -> None:
    seats = Seats(8)
    with seats.attempt(300) as patience:
        assert patience.wait_s() == PATIENCE_S
        patience.begun()
        assert patience.wait_s() == SEATED_S
    assert Patience().wait_s() == PATIENCE_S  # nobody's


def test_a_quarter_of_a_workers_jobs_never_waits_long_so_that_others_get_in() -> None:
    seats, free = Seats(8), 6
    with ExitStack() as room:
        first = ExitStack()
        begun = [first.enter_context(seats.attempt(300)), *(room.enter_context(seats.attempt(300)) for _ in range(7))]
        for each in [*begun, *begun]:
            each.begun()
        assert [each.wait_s() > PATIENCE_S for each in begun] == [True] * free + [False] * 2
        first.close()
        begun[7].begun()
        assert begun[7].wait_s() > PATIENCE_S
    assert seats.free == free


@pytest.mark.parametrize("left_s", [100.0, 20.0, 9.0, 1.0, -5.0])
def test_waiting_leaves_most_of_a_jobs_time(left_s: float) -> None:
    # S2.20: a job's timeout is for its work
    with Seats(4).attempt(left_s) as patience:
        patience.begun()
        most = max(PATIENCE_S, min(SEATED_S, SHARE_OF_TIME * left_s))
        assert most - 0.1 < patience.wait_s() <= most
