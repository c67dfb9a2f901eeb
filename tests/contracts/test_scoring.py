"""Scores explain themselves: base and contributions are the score's log-odds, whatever the rules, the model and the vector."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.features import Seen, Stored, extract, fingerprint, model_row
from contracts.models import Model, Term, logit, sigmoid
from contracts.rules import Rule, Ruler
from contracts.scoring import Scorer, Version, decider

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
_RULES = st.lists(
    st.builds(
        lambda field, weight, kind: Rule.model_validate({**field, "weight": weight, "type": kind}),
        st.sampled_from(
            [
                {"field_key": "companyEmployees", "operator": "GTE", "value": 100},
                {"field_key": "companyCountry", "operator": "IN", "value": ["ZA", "US"]},
                {"field_key": "companyNaics", "operator": "NAICS_PREFIX", "value": ["5617"]},
                {"field_key": "companyHasPhone", "operator": "EQ", "value": True},
                {"field_key": "contactTitle", "operator": "CONTAINS", "value": "head"},
            ]
        ),
        st.floats(0.01, 1000),
        st.sampled_from(["WEIGHTED", "WEIGHTED", "HARD_FILTER"]),
    ),
    max_size=8,
)
_VECTORS = st.fixed_dictionaries(
    {},
    optional={
        "companyEmployees": st.integers(0, 50_000),
        "companyCountry": st.sampled_from(["ZA", "US", "DE"]),
        "companyNaics": st.lists(st.sampled_from(["561720", "541511"]), min_size=1),
        "companyHasPhone": st.booleans(),
        "contactTitle": st.sampled_from(["Head of Safety", "Owner"]),
    },
)
_TERMS = st.lists(
    st.builds(
        Term,
        feature=st.sampled_from(["companyEmployees", "companyCountry", "companyHasPhone"]),
        kind=st.sampled_from(["number", "category", "missing"]),
        level=st.sampled_from(["ZA", "US", "true"]),
        center=st.floats(-100, 100),
        scale=st.floats(1000, 5000),
        weight=st.floats(-1, 1),
        mean=st.floats(-1, 1),
    ),
    max_size=6,
)
_MODELS = st.builds(
    lambda terms, intercept, slope, offset, base: Model(
        intercept=intercept, terms=tuple(terms), slope=slope, offset=offset, base_rate=base
    ),
    _TERMS, st.floats(-3, 3), st.floats(0, 1.5), st.floats(-2, 2), st.floats(0.02, 0.5),
)  # fmt: skip


@given(_RULES, _VECTORS, st.none() | _MODELS)
def test_contributions_add_up_to_the_score(rules: list[Rule], vector: dict[str, Any], model: Model | None) -> None:
    # B.04
    scored = Scorer(Ruler(rules)).score(vector, model)
    total = scored.base_log_odds + sum(c.log_odds for c in scored.contributions)
    assert scored.score == pytest.approx(sigmoid(total), abs=1e-12)
    assert 0 <= scored.score <= 1
    if model is not None:
        assert scored.probability == pytest.approx(model.probability(model_row(vector)), abs=1e-9)
        assert scored.probability is not None
        if 1e-6 < scored.probability < 1 - 1e-6:  # nearer to certainty `logit` goes no further
            assert total == pytest.approx(logit(scored.probability) - logit(model.base_rate), abs=1e-4)  # R10
    else:
        pull = 0.0 if scored.fit is None else (2 * scored.fit - 1) * scored.coverage
        assert (scored.score > 0.5) == (pull > 0) or abs(pull) < 1e-9
        missing = [c for c in scored.contributions if c.kind == "missing"]
        assert all(c.log_odds * pull <= 1e-12 for c in missing), "what is not known pulls towards the average"
    if scored.coverage < 0.5 or scored.verdict != "PASSED":
        assert scored.band != "HIGH"
    if scored.rejected:
        assert scored.band == "LOW"
        assert scored.reasons
    assert not scored.export("LOW") or scored.verdict == "PASSED"


def test_what_nobody_knows_anything_about_is_average() -> None:
    rules = [Rule.model_validate({"field_key": "companyEmployees", "operator": "GTE", "value": 100})]
    scored = Scorer(Ruler(rules)).score({})
    assert (scored.score, scored.fit, scored.coverage, scored.band) == (0.5, None, 0.0, "MEDIUM")
    known = Scorer(Ruler(rules)).score({"companyEmployees": 100})
    assert known.band == "HIGH"
    assert known.score == pytest.approx(0.888, abs=0.001)
    assert Scorer(Ruler(rules)).score({"companyEmployees": 1}).score == pytest.approx(1 - known.score)


def test_a_fit_at_the_threshold_is_a_score_at_the_threshold() -> None:
    sized = [
        Rule.model_validate({"field_key": "companyEmployees", "operator": "GTE", "value": v, "weight": w})
        for v, w in ((1, 0.66), (10, 0.34))
    ]
    assert Scorer(Ruler(sized)).score({"companyEmployees": 5}).score == pytest.approx(0.66)


def test_a_split_is_even_and_steady() -> None:  # S2.12
    model = Model(intercept=0, terms=(), base_rate=0.1)
    active, tried = Version(uuid4(), model, True), Version(uuid4(), model, False, traffic=0.2)
    leads = [UUID(int=n) for n in range(4000)]
    chosen = [decider(lead, [active, tried]) for lead in leads]
    assert [decider(lead, [active, tried]) for lead in leads] == chosen
    assert 0.17 < sum(v is tried for v in chosen) / len(leads) < 0.23
    assert decider(leads[0], []) is None
    assert {decider(lead, [Version(uuid4(), model, False)]) for lead in leads} == {None}, "no traffic, no decision"


def seen(field: str, value: Any, *, age: int = 0, confidence: float = 0.5, verified: bool | None = None) -> Seen:
    return Seen(field, value, confidence, NOW - timedelta(days=age), verified)


def test_the_verified_the_surest_and_the_newest_value_counts() -> None:  # S2.10
    facts = [
        seen("founded", 1990, confidence=0.9), seen("founded", 1991, verified=True), seen("revenue_usd", 5e6, age=3),
        seen("revenue_usd", 7e6), seen("employees_min", 10), seen("employees_max", 50), seen("technology", "React"),
        seen("technologies", ["PHP", "React"], age=9), seen("has_pricing", "https://x.example/prices"),
    ]  # fmt: skip
    company = {"name": "Firm", "country": "ZA", "naics": ["561720"], "sources": ["register"], "employees": None}
    stored = Stored(company=company, company_facts=facts, site={"outcome": "ok", "language": "en"}, looked=True)
    vector = extract(stored)
    assert vector["companyFounded"] == 1991
    assert vector["companyRevenueUsd"] == 7e6
    assert vector["companyEmployees"] == 30
    assert vector["companyTechnologies"] == ["PHP", "React"]
    assert (vector["siteHasPricing"], vector["siteHasCases"]) == (True, False)
    assert (vector["contactHasName"], vector["contactEmailStatus"]) == (False, "none")
    assert "companyCity" not in vector, "what is not known is left out"
    again = extract(Stored(company=company, company_facts=facts[::-1], site=stored.site, looked=True))
    assert fingerprint(again) == fingerprint(vector), "whatever order facts are read in"
    assert fingerprint({**vector, "companyFounded": 1992}) != fingerprint(vector)


def test_what_nobody_looked_for_is_not_known() -> None:
    vector = extract(Stored(company={"name": "Firm", "country": "ZA"}))
    assert vector == {"companyName": "Firm", "companyCountry": "ZA"}
    told = {"companyNaics": ["561720", "5621"], "companyTechnologies": ["React", "PHP"], "companyEmployees": 3}
    assert model_row({**vector, **told, "companySources": ["register"]}) == {
        "companyCountry": "ZA",
        "companyNaics": ["56", "561", "5617", "561720", "562", "5621"],
        "companyTechnologies": ["php", "react"],
        "companyEmployees": 3,
    }, "no names and no free texts"


def test_tags_are_kept_as_a_list() -> None:
    stored = Stored(company={"name": "Firm", "industries": ["mining", "facilities", "mining"]})
    assert extract(stored)["companyIndustries"] == ["facilities", "mining"]
