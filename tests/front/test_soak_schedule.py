"""The plan of a storm: the same for the same seed, and as much of everything as was asked for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from front.soak.schedule import A_MINUTE, BYSTANDERS, LASTS, blows


def test_a_seed_is_a_storm() -> None:
    assert blows(7, 3, kills=90, restarts=2) == blows(7, 3, kills=90, restarts=2)
    assert blows(7, 3, kills=90, restarts=2) != blows(8, 3, kills=90, restarts=2)


def test_what_is_asked_for_falls_within_the_time() -> None:
    planned = blows(1, 35, kills=1000, restarts=20)
    assert planned == sorted(planned)
    assert 0 < planned[0].at_s < planned[-1].at_s <= 35 * 60
    counted = Counter(blow.kind for blow in planned if blow.victim not in BYSTANDERS)
    assert (counted["kill"], counted["restart"]) == (1000, 20)
    assert {kind for kind in A_MINUTE if not counted[kind]} == set()
    restarts = [blow.at_s for blow in planned if blow.kind == "restart"]
    assert min(b - a for a, b in pairwise(restarts)) > 30
    # A worker stands still for longer than its lease of 1.2 s.
    assert min(blow.for_s for blow in planned if blow.kind == "freeze") > LASTS["freeze"][0] - 0.001 > 1.2


def test_a_short_storm_has_one_of_each() -> None:
    assert {blow.kind for blow in blows(1, 0.2, kills=1, restarts=1)} == {*A_MINUTE, "kill", "restart"}
