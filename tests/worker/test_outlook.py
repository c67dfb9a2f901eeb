"""How fast a lane moves, and when those who are sent away come back (pure)."""

from __future__ import annotations

import pytest

from contracts.providers import Window
from worker.outlook import LOOK_BACK_S, MAX_SPREAD_S, Outlook, interval_after


def moving(interval_s: float, turns: int = 20) -> tuple[Outlook, float]:
    """One whose turns began so far apart, and the time it is now: when the last one began."""
    outlook = Outlook()
    for n in range(turns):
        outlook.began(1000 + n * interval_s)
    return outlook, 1000 + (turns - 1) * interval_s


def test_a_newcomer_waits_as_long_as_those_before_it() -> None:
    outlook, now = moving(0.25)
    assert outlook.wait_s(12, now) == pytest.approx(3.0)
    assert outlook.recent(now, 1.0) == 4
    # A lane that has stood still is slower than it was.
    assert outlook.wait_s(12, now + 2) > 4


def test_nobody_is_sent_away_from_a_lane_that_nobody_has_seen_moving() -> None:
    outlook, now = moving(0.25)
    assert Outlook().wait_s(50, 1.0) == 0
    assert outlook.wait_s(50, now + LOOK_BACK_S + 1) == 0


def test_those_sent_away_come_back_one_after_the_other() -> None:
    # S2.02: else they would all be back at once, or lanes would stand still until they are
    outlook = Outlook()
    waits = [outlook.come_back_s(1000.0, 2.0, 0.5) for _ in range(8)]
    assert waits == [2.0 + 0.5 * n for n in range(8)]
    assert outlook.come_back_s(1003.0, 2.0, 0.5) == 3.0  # behind them: the last one comes at 1005.5
    assert outlook.come_back_s(1100.0, 2.0, 0.5) == 2.0
    assert max(outlook.come_back_s(1100.0, 2.0, 60.0) for _ in range(40)) == MAX_SPREAD_S


def test_an_hours_quota_does_not_hold_back_those_who_wait_for_a_minute() -> None:
    # S2.02: they would come back one by one, 6 s apart, while the minute's slots lie idle
    windows = (Window(600, 3600), Window(200, 60), Window(10, 1))
    assert interval_after(0.8, windows) == pytest.approx(0.1)
    assert interval_after(45, windows) == pytest.approx(0.3)
    assert interval_after(1000, windows) == pytest.approx(6.0)
    assert interval_after(86_400, windows) == pytest.approx(6.0)
    assert interval_after(45, ()) == 0
