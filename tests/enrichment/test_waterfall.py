"""The order of vendors, its cost and its shadow: what a row pays, and why."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.enrichment.learning import better_order
from worker.enrichment.waterfall import Pair, Step, Tried, affordable, expect, explored, judge, luck_of, rank, worth_it

CHEAP, GOOD, FREE = Step("cheap.find", 0.01), Step("good.find", 0.10), Step("site.read", 0.0)
DEAR = Step("good.find", 0.02)

steps = st.lists(
    st.builds(Step, st.sampled_from([f"v{n}.op" for n in range(6)]), st.floats(0.0, 1.0)),
    min_size=1, max_size=5, unique_by=lambda step: step.operation,
)  # fmt: skip


@st.composite
def tried(draw: st.DrawFn) -> dict[str, Tried]:
    counts = draw(st.lists(st.tuples(st.integers(0, 200), st.floats(0, 1)), min_size=6, max_size=6))
    return {f"v{n}.op": Tried(asked, int(asked * share)) for n, (asked, share) in enumerate(counts)}


@given(steps, tried())
@settings(max_examples=60, deadline=None)
def test_no_other_order_is_cheaper(of: list[Step], known: dict[str, Tried]) -> None:
    best = expect(rank(of, known), known)
    for other in permutations(of):
        cost = expect(other, known)
        assert best.cost_usd <= cost.cost_usd + 1e-9
        assert abs(best.found - cost.found) < 1e-9, "the order changes the price, never the chance"


def test_the_order_is_learned_from_what_was_accepted() -> None:
    assert rank([GOOD, CHEAP, FREE], {}) == [FREE, CHEAP, GOOD], "nothing known: the cheaper first"
    learned = {"cheap.find": Tried(200, 2), "good.find": Tried(200, 180)}
    assert rank([CHEAP, GOOD, FREE], learned) == [FREE, GOOD, CHEAP], "ten times the price, sixty times the chance"


def test_what_was_really_paid_outweighs_the_list_price_once_it_is_known() -> None:
    even = {"cheap.find": Tried(40, 20), "good.find": Tried(40, 20)}
    assert rank([CHEAP, GOOD], even) == [CHEAP, GOOD], "both answer alike, and nothing was bought yet"
    # The one that seems cheap bills ten for a question; the dear one only the few that it answers.
    paid = {"cheap.find": Tried(40, 20, 40, 4.0), "good.find": Tried(40, 20, 40, 0.4)}
    assert rank([CHEAP, GOOD], paid) == [GOOD, CHEAP]
    assert expect([CHEAP], paid).cost_usd == pytest.approx((10 * 0.01 + 4.0) / 50)
    few = {"cheap.find": Tried(40, 20, 1, 0.1), "good.find": Tried(40, 20, 1, 0.01)}
    assert rank([CHEAP, GOOD], few) == [CHEAP, GOOD], "one bill says little"


def test_answers_that_were_read_from_the_ledger_make_nobody_cheap() -> None:
    stored = {"good.find": Tried(500, 250, 0, 0.0)}
    assert expect([GOOD], stored).cost_usd == GOOD.cost_usd


def test_a_vendor_that_costs_more_than_its_list_says_falls_below_break_even() -> None:
    assert worth_it(GOOD, {"good.find": Tried(100, 50, 100, 10.0)}, value_usd=0.5)
    assert not worth_it(GOOD, {"good.find": Tried(100, 50, 100, 100.0)}, value_usd=0.5)


def test_a_better_order_is_proposed_for_what_was_paid() -> None:
    dear = {"cheap.find": Tried(40, 20, 40, 4.0), "good.find": Tried(40, 20, 40, 0.4)}
    assert better_order(None, [CHEAP, GOOD], dear) == ["good.find", "cheap.find"]
    assert better_order(["good.find", "cheap.find"], [CHEAP, GOOD], dear) is None, "it is the one followed"
    twice = ["cheap.find", "good.find", "cheap.find"]
    assert better_order(twice, [CHEAP, GOOD], dear) == ["good.find", "cheap.find"], "as an order of before may stand"
    assert better_order(["good.find", "gone.find", "cheap.find"], [CHEAP, GOOD], dear) is None, (
        "who is not there any more is not asked"
    )
    seldom = {**dear, "good.find": Tried(29, 15, 29, 0.3)}
    assert better_order(None, [CHEAP, GOOD], seldom) is None, "29 answers of one that would move say too little"


def test_a_row_starts_again_with_the_same_order() -> None:
    known = {"cheap.find": Tried(2, 1), "good.find": Tried(2, 1)}
    first = [explored([CHEAP, DEAR], known, luck_of("lead", n, "email"), share=0.5) for n in range(40)]
    again = [explored([CHEAP, DEAR], known, luck_of("lead", n, "email"), share=0.5) for n in range(40)]
    assert first == again
    assert 5 < sum(order is None for order in first) < 35
    assert [DEAR, CHEAP] in first, "now and then the other one is tried first"


def test_a_share_of_nothing_never_draws() -> None:
    assert {explored([CHEAP, DEAR], {}, luck_of("lead", n, "email"), share=0) for n in range(200)} == {None}


def test_a_row_has_a_cap_and_a_vendor_has_a_break_even() -> None:
    assert affordable(0.1, 0.39, 0.5)
    assert not affordable(0.1, 0.45, 0.5)
    assert affordable(0.0, 0.5, 0.5)
    hopeless = {"good.find": Tried(998, 0)}
    assert not worth_it(GOOD, hopeless, value_usd=1.0)
    assert worth_it(GOOD, {}, value_usd=1.0)
    assert worth_it(FREE, hopeless, value_usd=0.0)


def test_what_a_row_did_see_counts_more_than_the_average() -> None:
    known = {"cheap.find": Tried(100, 50), "good.find": Tried(100, 90)}
    seen = expect([CHEAP, GOOD], known, {"cheap.find": False})
    assert seen.cost_usd == 0.11
    assert expect([CHEAP, GOOD], known, {"cheap.find": True}).cost_usd == 0.01


def test_a_new_order_is_followed_only_when_its_saving_is_no_chance() -> None:
    saving = [Pair(0.11, 1.0, 0.01, 1.0)] * 60
    assert judge(saving[:49]).why == "49 of 50 rows seen"
    assert judge(saving).ready
    noise = [Pair(0.1 + (n % 2) * 0.1, 1.0, 0.15, 1.0) for n in range(60)]
    assert not judge(noise).ready
    poorer = [Pair(0.11, 1.0, 0.01, 0.9)] * 60
    assert not judge(poorer).ready
    assert "fewer" in judge(poorer).why
