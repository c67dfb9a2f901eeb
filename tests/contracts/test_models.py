"""A model in pure Python: what it adds up to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.models import Model, Term, Value, lift_score, logit, sigmoid

MODEL = Model(
    intercept=-1.2,
    terms=(
        Term(feature="employees", kind="number", center=120.0, scale=80.0, weight=0.7, mean=-0.1),
        Term(feature="employees", kind="missing", weight=-0.4, mean=0.2),
        Term(feature="country", kind="category", level="ZA", weight=0.9, mean=0.5),
        Term(feature="hiring", kind="category", level="true", weight=0.3, mean=0.25),
        Term(feature="tools", kind="member", level="php", weight=0.5, mean=0.4),
        Term(feature="tools", kind="member", level="react", weight=-0.2, mean=0.1),
        Term(feature="tools", kind="missing", weight=0.1, mean=0.3),
    ),
    slope=0.8,
    offset=0.1,
    base_rate=0.2,
)
_rows = st.fixed_dictionaries(
    {},
    optional={
        "employees": st.none() | st.integers(0, 100_000),
        "country": st.sampled_from(["ZA", "US", None]),
        "hiring": st.none() | st.booleans(),
        "tools": st.none() | st.lists(st.sampled_from(["php", "react", "vue"]), unique=True),
    },
)


@given(_rows)
def test_contributions_and_the_average_row_add_up_to_the_log_odds(row: dict[str, Value]) -> None:
    # S2.11 B.04
    total = MODEL.base_log_odds() + sum(MODEL.contributions(row).values())
    assert total == pytest.approx(MODEL.log_odds(row), abs=1e-9)
    assert MODEL.probability(row) == pytest.approx(sigmoid(total), abs=1e-12)


def test_an_average_lead_scores_a_half_and_twice_the_base_odds_two_thirds() -> None:
    # R10
    assert lift_score(logit(0.11), 0.11) == pytest.approx(0.5)
    twice = math.log(2 * 0.11 / 0.89)
    assert lift_score(twice, 0.11) == pytest.approx(2 / 3)


def test_what_is_not_known_counts_as_missing_and_what_is_no_number_as_nothing() -> None:
    assert MODEL.log_odds({}) == MODEL.log_odds({"employees": None, "country": None, "hiring": None})
    assert MODEL.contributions({"hiring": True})["hiring"] == pytest.approx(0.8 * 0.3 * 0.75)


def test_a_list_counts_for_each_member_that_was_learned() -> None:
    # S2.11 B.04
    both = MODEL.contributions({"tools": ["react", "vue", "php"]})["tools"]
    assert both == pytest.approx(0.8 * (0.5 * 0.6 - 0.2 * 0.9 - 0.1 * 0.3))
    assert MODEL.log_odds({"tools": ["php"]}) - MODEL.log_odds({"tools": []}) == pytest.approx(0.8 * 0.5)
    assert MODEL.log_odds({"tools": "php"}) == MODEL.log_odds({"tools": []}), "a text is no list"


def test_a_model_stored_before_lists_were_learned_scores_as_it_did() -> None:
    stored = (
        '{"intercept": -1.0, "terms": [{"feature": "country", "kind": "category", "level": "ZA", "center": 0.0, "scale": 1.0,'
        ' "weight": 2.0, "mean": 0.5, "log": false, "low": null, "high": null}], "slope": 1.0, "offset": 0.0, "base_rate": 0.2}'
    )
    model = Model.model_validate_json(stored)
    assert model.log_odds({"country": "ZA", "companyNaics": ["56"], "companyTechnologies": ["php"]}) == pytest.approx(
        1.0
    )
    assert model.log_odds({"country": ["ZA"]}) == pytest.approx(-1.0)
