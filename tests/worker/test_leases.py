"""Permits of a pace, pure: whatever workers do and whenever they die, no more requests are under way than the vendor allows."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import VendorBusy, VendorDown, VendorRefused
from contracts.providers import Window
from db.pace import Breaker, Standing
from worker import breaker
from worker.leases import FRESH_CONTENDED_S, FRESH_S, GRACE_S, Wish, Within, give_back, lease
from worker.timetable import Rhythm, rhythm

TIMEOUT_S = 5.0
#: (who, what, seconds since the last act)
ACTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["lease", "start", "start", "end", "idle", "die"]),
        st.sampled_from([0.0, 0.01, 0.4, 1.0, 3.5, 9.0]),
    ),
    max_size=60,
)


@dataclass
class Worker:
    """A worker that keeps the rules. `flying`: when each of its requests ends at the latest."""

    name: str
    permits: int = 0
    fresh_until: float = 0.0
    flying: list[float] = field(default_factory=list)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 5), ACTS)
def test_no_more_at_once_than_allowed(concurrency: int, acts: list[tuple[int, str, float]]) -> None:
    # S3.13 S3.10
    at = Standing("acme", "house", "acme.find", now=1000.0)
    workers = [Worker(f"w{i}") for i in range(4)]
    lost: list[float] = []
    for who, what, pause in acts:
        at.now += pause
        lost = [end for end in lost if end > at.now]
        for each in workers:  # no request outlives its timeout
            each.flying = [end for end in each.flying if end > at.now]
        worker = workers[who]
        flying = len(worker.flying)
        if what == "lease":
            got = lease(at, None, concurrency, TIMEOUT_S, Wish(worker.name, 2, flying))
            assert got.permits >= flying
            worker.permits, worker.fresh_until = got.permits, at.now + got.fresh_s
        elif what == "start" and at.now < worker.fresh_until and flying < worker.permits:
            worker.flying.append(at.now + TIMEOUT_S)
        elif what == "end" and worker.flying:
            worker.flying.pop()
        elif what == "idle" and not worker.flying:
            worker.permits = 0
            give_back(at, worker.name, 0, TIMEOUT_S)
        elif what == "die":
            lost += worker.flying
            workers[who] = Worker(f"{worker.name}'")
        assert sum(len(each.flying) for each in workers) + len(lost) <= concurrency


def test_what_a_dead_worker_held_is_free_when_its_requests_must_have_ended() -> None:
    # S3.10
    at = Standing("acme", "house", "acme.find", now=1000.0)
    assert lease(at, None, 1, TIMEOUT_S, Wish("dead", 1, 0)).permits == 1
    assert lease(at, None, 1, TIMEOUT_S, Wish("other", 1, 0)).permits == 0
    at.now += FRESH_S + TIMEOUT_S + GRACE_S + 0.001
    assert lease(at, None, 1, TIMEOUT_S, Wish("other", 1, 0)).permits == 1


def test_whoever_waits_gets_the_permit_of_a_busy_worker_in_the_end() -> None:
    # S3.13: no worker keeps a vendor to itself
    at = Standing("acme", "house", "acme.find", now=1000.0)
    assert lease(at, None, 1, TIMEOUT_S, Wish("busy", 5, 0)).permits == 1
    assert lease(at, None, 1, TIMEOUT_S, Wish("other", 1, 0)).permits == 0
    at.now += 1
    assert lease(at, None, 1, TIMEOUT_S, Wish("busy", 5, 0)).permits == 0
    assert lease(at, None, 1, TIMEOUT_S, Wish("other", 1, 0)).permits == 1


def test_a_permit_is_good_for_the_slots_that_come_with_it() -> None:
    # S3.13: a slot that comes after it has lapsed would be lost, and nobody else could have it
    pace = rhythm((Window(1, 1),))
    at = Standing("acme", "house", "acme.find", now=1000.0)
    lease(at, pace, 1, TIMEOUT_S, Wish("busy", 1, 0))
    lease(at, pace, 1, TIMEOUT_S, Wish("other", 1, 0))
    at.now += 0.01
    give_back(at, "busy", 0, TIMEOUT_S)
    got = lease(at, pace, 2, TIMEOUT_S, Wish("third", 1, 0))
    assert (got.contended, len(got.slots)) == (True, 1)
    assert got.slots[0] - at.now > FRESH_CONTENDED_S
    assert at.now + got.fresh_s >= got.slots[0] + pace.lateness_s


def test_only_one_tries_and_only_its_answer_counts() -> None:
    # S3.10
    at = Standing("acme", "house", "acme.find", now=1000.0, breaker=Breaker("open", failures=5, opens=1, until=999.0))
    tries = lease(at, None, 4, TIMEOUT_S, Wish("one", 3, 0))
    assert (tries.trying, len(tries.slots)) == (True, 1)
    assert isinstance(lease(at, None, 4, TIMEOUT_S, Wish("other", 1, 0)).refused, VendorBusy)
    down = VendorDown("late word from before")
    at.breaker = breaker.learned(at.breaker, "failed", at.now, down, tried=False)
    assert at.breaker.state == "half_open"
    assert breaker.learned(at.breaker, "worked", at.now, None, tried=False).state == "half_open"
    assert breaker.learned(at.breaker, "worked", at.now, None, tried=True) == Breaker()
    again = breaker.learned(at.breaker, "failed", at.now, down, tried=True)
    assert (again.state, again.until) == ("open", at.now + 10)
    at.now += TIMEOUT_S + GRACE_S + 0.001  # the one that tried died
    assert lease(at, None, 4, TIMEOUT_S, Wish("other", 1, 0)).trying


def test_a_new_worker_tries_what_was_refused_because_its_key_may_be_new() -> None:
    # S3.13
    refused = Breaker("open", failures=3, opens=4, until=9000.0, code="vendor_auth", error="wrong key")
    at = Standing("acme", "house", "acme.find", now=1000.0, breaker=refused)
    assert isinstance(lease(at, None, 4, TIMEOUT_S, Wish("old", 1, 0)).refused, VendorRefused)
    assert lease(at, None, 4, TIMEOUT_S, Wish("new", 1, 0, first=True)).trying
    failed = Breaker("open", failures=5, opens=1, until=9000.0)
    at = Standing("acme", "house", "acme.find", now=1000.0, breaker=failed)
    assert isinstance(lease(at, None, 4, TIMEOUT_S, Wish("new", 1, 0, first=True)).refused, VendorBusy)


@pytest.mark.parametrize("opens", range(12))
def test_breakers_stay_open_for_bounded_times(opens: int) -> None:
    # S3.10
    refused = VendorRefused("no credits", code="vendor_quota")
    for lesson, error, first, longest in (
        ("failed", VendorDown("down"), 5.0, 300.0),
        ("refused", refused, 60.0, 3600.0),
    ):
        tried = Breaker("half_open", failures=9, opens=opens, until=1000.0)
        found = breaker.learned(tried, lesson, 1000.0, error, tried=True)  # type: ignore[arg-type]
        assert found.until is not None
        assert found.until - 1000.0 == min(longest, first * 2**opens)


def _beside(old: Rhythm | None, new: Rhythm) -> int:
    """How many slots within a minute a worker gets that knows the new rule, while another one still goes by the old."""
    wide, now = rhythm((Window(600, 60),)), 1_790_000_000.3
    own, rule = Standing("acme", "house", "acme.find", now), Standing("limit acme", "house", "", now)

    def ask(who: str, want: int, by: Rhythm | None, later_s: float) -> tuple[float, ...]:
        for row in (own, rule):
            row.now += later_s
            row.holders = {}
        return lease(own, wide, 50, TIMEOUT_S, Wish(who, want, 0), [Within(rule, by, 50)]).slots

    unused = ask("late", 20, old, 0.0)
    got = len(ask("new", 40, new, 0.1))
    for row, by in ((own, wide), (rule, old)):
        give_back(row, "late", 0, TIMEOUT_S, by, unused)
    got += len(ask("new", 40, new, 0.3))
    assert ask("late", 1, old, 0.3)
    return got + len(ask("new", 40, new, 0.3))


@pytest.mark.parametrize("old", [None, Window(100, 1.0), Window(100, 600.0)])
def test_whoever_goes_by_an_old_rule_gives_no_slots_to_those_who_know_the_new_one(old: Window | None) -> None:
    # S3.13: a rule is known to all workers within seconds; meanwhile those who know it keep it
    assert _beside(rhythm((old,)) if old else None, rhythm((Window(30, 60.0),))) <= 30
