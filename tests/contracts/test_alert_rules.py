"""The rules of alerts as figures: what each catches, what it leaves alone, and how often it errs."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest

from contracts import alert_rules as rules
from contracts.alert_rules import Ended, Month, look
from contracts.alert_words import summary, told


def ended(status: str = "completed", *, took: float | None = 10.0, items: int | None = 50, errors: int = 0) -> Ended:
    return Ended(uuid4(), status, took, items, errors)


def bad(run: Ended, history: list[Ended], month: Month | None = None, *, business: bool = False) -> set[str]:
    found = look(run, history, month or Month(len(history), 0, 0, 0), is_business_job=business)
    return {f.rule for f in found if f.bad}


def alone(run: Ended, *before: Ended) -> set[str]:
    """What is found when `run` ends after `before`, the newest first."""
    return bad(run, [run, *before])


def test_a_slowdown_is_measured_against_the_median_of_twenty_and_needs_five() -> None:
    # S4.07
    usual = [ended(took=t) for t in (8, 9, 10, 11, 12)]
    slow = ended(took=30.1)
    assert rules.SLOW in bad(slow, [slow, *usual])
    assert rules.SLOW not in alone(ended(took=30.0), *usual)
    assert rules.SLOW not in bad(slow, [slow, *usual[:4]]), "four runs are no baseline"
    one_outage = [ended(took=100.0), *usual, *usual]
    assert rules.SLOW in bad(slow, [slow, *one_outage]), "a mean would have been drawn up"
    (found,) = (f for f in look(slow, [slow, *usual], Month(6, 0, 0, 0), is_business_job=False) if f.rule == rules.SLOW)
    assert (found.evidence["median_s"], found.evidence["n"], found.evidence["threshold_s"]) == (10, 5, 30)
    assert found.evidence["baseline_runs"] == [str(u.id) for u in usual]


def test_three_times_next_to_nothing_is_no_slowdown() -> None:
    # S4.07
    usual = [ended(took=0.2) for _ in range(10)]
    assert rules.SLOW not in alone(ended(took=4.9), *usual)
    assert rules.SLOW in alone(ended(took=5.1), *usual)


def test_failed_runs_are_no_baseline_of_duration() -> None:
    # S4.07
    usual = [ended(took=10.0) for _ in range(5)] + [ended("failed", took=0.1) for _ in range(15)]
    assert rules.SLOW not in alone(ended(took=20.0), *usual)


@pytest.mark.parametrize(("sigma", "caught", "false"), [(0.2, 0.85, 0.01), (0.4, 0.65, 0.01), (0.8, 0.0, 0.04)])
def test_how_much_is_caught_and_how_often_it_cries_wolf(sigma: float, caught: float, false: float) -> None:
    # S4.07 R12: log-normal durations with a tenfold outage inside one window in five, as domain.md measured them
    dice, rounds = random.Random(7), 1500
    alarms = hits = 0
    for _ in range(rounds):
        window = [ended(took=20 * dice.lognormvariate(0, sigma)) for _ in range(20)]
        if dice.random() < 0.2:
            window[3] = ended(took=200.0)
        calm, slow = (ended(took=f * 20 * dice.lognormvariate(0, sigma)) for f in (1, 4))
        alarms += rules.slow(calm, window).bad
        hits += rules.slow(slow, window).bad
    assert hits / rounds >= caught
    assert alarms / rounds <= false


def test_two_failures_in_a_row_and_cancelled_runs_are_nobodys() -> None:
    # S4.07: cancelled runs are not in the history at all
    one, two = ended("failed"), ended("failed")
    assert rules.CONSECUTIVE not in bad(one, [one, ended(), two])
    assert rules.CONSECUTIVE in bad(two, [two, one, ended()])
    assert rules.CONSECUTIVE not in bad(two, [ended("partial"), two, one]), "partial is no failure"


def test_the_error_rate_of_a_run_needs_twenty_items() -> None:
    # S4.07 R12
    assert rules.ERRORS in alone(ended(items=20, errors=3))
    assert rules.ERRORS not in alone(ended(items=20, errors=2))
    assert rules.ERRORS not in alone(ended(items=19, errors=19))


def test_the_burn_of_thirty_days_is_another_rule() -> None:
    # R12 S4.06
    run = ended(items=1000, errors=20)
    assert bad(run, [run], Month(10, 0, 1000, 20)) == {rules.SLO_ERRORS}
    assert bad(run, [run], Month(10, 0, 1000, 10)) == set()
    assert rules.SLO_SUCCESS in bad(run, [run], Month(1000, 2, 1000, 0))
    assert rules.SLO_SUCCESS not in bad(run, [run], Month(3000, 2, 1000, 0))
    assert rules.SLO_SUCCESS not in bad(run, [run], Month(20, 1, 1000, 0)), "one failure is no rate"


def test_thirty_seconds_are_promised_for_business_jobs_only() -> None:
    # S4.06 R12
    run = ended(took=30.5)
    assert rules.SLO_DURATION in bad(run, [run], business=True)
    assert rules.SLO_DURATION not in bad(run, [run])


def test_nothing_found_is_a_surprise_only_where_something_always_is() -> None:
    # S4.06 S4.07
    nothing = ended(items=0)
    assert rules.ZERO in bad(nothing, [nothing, *(ended() for _ in range(10))])
    sometimes = [ended(items=0 if n == 30 else 50) for n in range(60)]
    assert rules.ZERO not in bad(nothing, [nothing, *sometimes]), "one in sixty is more than one in a hundred"
    assert rules.ZERO not in bad(nothing, [nothing, *(ended(items=0) for _ in range(10))])
    assert rules.ZERO not in bad(nothing, [nothing, *(ended() for _ in range(4))])
    silent = ended(items=None)
    assert rules.ZERO not in bad(silent, [silent, *(ended() for _ in range(10))]), "a kind that does not count"
    failed = ended("failed", items=0)
    assert rules.ZERO not in bad(failed, [failed, *(ended() for _ in range(10))]), "that it failed is said already"


def test_far_too_many_records_by_the_robust_z() -> None:
    # S4.06
    usual = [ended(items=n) for n in (45, 48, 50, 52, 55)]
    assert rules.EXCESS in alone(ended(items=70), *usual)  # z = 0.6745 * 20 / 2 = 6.7
    assert rules.EXCESS not in alone(ended(items=60), *usual)  # 3.4
    same = [ended(items=50) for _ in range(10)]
    assert rules.EXCESS not in alone(ended(items=60), *same), "all one: only three times as many is far"
    assert rules.EXCESS in alone(ended(items=151), *same)
    few = [ended(items=1) for _ in range(10)]
    assert rules.EXCESS not in alone(ended(items=19), *few)


def test_a_run_older_than_its_history_decides_nothing() -> None:
    assert look(ended("failed"), [ended("failed"), ended("failed")], Month(2, 2, 0, 0), is_business_job=False) == []


def test_an_alert_says_its_figures_and_what_to_do_and_carries_no_lists() -> None:
    evidence = {"failures": 3, "runs": ["a", "b"], "n": 1.5}
    words = summary(rules.CONSECUTIVE, "discovery", evidence)
    assert words.startswith("discovery: 3 runs in a row failed")
    assert "headwater runs show" in words
    assert summary("isolation.leak_found", "canary", {}) == "canary: isolation: leak found"
    alert = told("id", rules.CONSECUTIVE, "discovery", "critical", evidence, "resolved")
    assert (alert.key, alert.event_id, alert.resolved) == ("headwater:id", "id:resolved", True)
    assert alert.details == {"rule": rules.CONSECUTIVE, "scope": "discovery", "failures": 3, "n": 1.5}
