"""What is learned scores the same in pure Python, and what a lead's labels come to."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from contracts.models import Value
from worker.learning import delay, drift, fit, gate, measure, segments
from worker.learning.frame import frame_of
from worker.learning.outcomes import examples, outcome, weighted
from worker.learning.training import arrays

LABEL: dict[str, Any] = {"weight": 1.0}


def history(number: int, seed: int = 1) -> tuple[list[dict[str, Value]], list[float]]:
    dice = random.Random(seed)
    vectors: list[dict[str, Value]] = []
    outcomes = []
    for _ in range(number):
        size = dice.gauss(0, 1)
        vectors.append(
            {
                "size": None if dice.random() < 0.2 else math.exp(3 * size),
                "hot": dice.random() < 0.3,
                "sector": dice.choice(["a", "b", "c", None]),
                "floors": dice.randint(1, 9),
                "mixed": dice.choice([1, "one", 2.0, True, None]),
            }
        )
        outcomes.append(float(dice.random() < 1 / (1 + math.exp(1 - size))))
    return vectors, outcomes


def test_scikit_learns_probability_is_ours_in_pure_python() -> None:
    # S2.12 R10
    vectors, outcomes = history(600)
    frame, y, rows = frame_of(vectors), np.array(outcomes), np.arange(600)
    fitted = fit.weights(frame, rows, y, np.ones(600), 0.1)
    learner = LogisticRegression(C=0.1, solver="newton-cholesky", max_iter=200, tol=1e-8)
    design = fitted.design.matrix(frame, rows)
    theirs = learner.fit(design, y).predict_proba(design)[:, 1]
    ours = [fitted.model.probability(vector) for vector in vectors]
    assert np.abs(theirs - ours).max() < 1e-9
    # And calibrated, on rows that were not there: new levels, other types, values out of range, lists.
    model = fit.train(frame, rows, y, np.ones(600)).model
    strange: list[dict[str, Any]] = [
        *history(50, seed=2)[0],
        {"size": 1e12, "sector": "new"},
        {"size": "x", "hot": None},
        {},
    ]
    said = fit.probabilities(model, frame_of(strange), np.arange(len(strange)))
    assert np.abs(said - [model.probability(vector) for vector in strange]).max() < 1e-9
    assert model.probability({**vectors[0], "sector": ["a"]}) == model.probability({**vectors[0], "sector": "unheard"})


def test_the_skewed_are_spread_and_missing_ones_say_so() -> None:
    vectors, outcomes = history(600)
    model = fit.train(frame_of(vectors), np.arange(600), np.array(outcomes), np.ones(600)).model
    kinds = {(t.feature, t.kind): t for t in model.terms}
    assert kinds["size", "number"].log
    assert ("size", "missing") in kinds
    assert {t.level for t in model.terms if t.feature == "sector" and t.kind == "category"} == {"a", "b", "c"}
    assert model.slope > 0


def test_frequent_members_of_lists_get_a_column_each() -> None:
    # S2.12 B.04
    dice = random.Random(4)
    vectors: list[dict[str, Value]] = []
    outcomes = []
    for _ in range(800):
        tools = [t for t, often in (("php", 0.4), ("react", 0.3), ("rare", 0.003), ("all", 1)) if dice.random() < often]
        tools += ["preact"] if "react" in tools else []
        vectors.append({"tools": None if dice.random() < 0.2 else tools})
        outcomes.append(float(dice.random() < (0.6 if "php" in tools else 0.2)))
    rows, y = np.arange(800), np.array(outcomes)
    model = fit.train(frame_of(vectors), rows, y, np.ones(800)).model
    found = {t.level or t.kind: t.weight for t in model.terms}
    # What everybody or hardly anybody has, and what always comes with another, teaches nothing.
    assert set(found) == {"php", "preact", "missing", "all"}
    assert found["php"] > 1 > abs(found["preact"]) * 2
    strange: list[dict[str, Value]] = [*vectors[:50], {"tools": ["php", "new"]}, {"tools": "php"}, {"tools": []}, {}]
    said = fit.probabilities(model, frame_of(strange), np.arange(len(strange)))
    assert np.abs(said - [model.probability(vector) for vector in strange]).max() < 1e-9
    for vector in strange:
        assert sum(model.contributions(vector).values()) + model.base_log_odds() == pytest.approx(
            model.log_odds(vector)
        )
    # Lists that change show as drift; the same ones do not.
    frame = frame_of([*vectors, *({"tools": ["vue"]} for _ in range(400))])
    assert drift.features(frame, rows[:400], rows[400:])["tools"] < 0.05
    assert drift.features(frame, rows, np.arange(800, 1200))["tools"] > 1


def test_few_rows_are_fitted_with_strong_shrinkage_and_no_calibration() -> None:
    vectors, outcomes = history(80)
    fitted = fit.train(frame_of(vectors), np.arange(16), np.array(outcomes), np.ones(80))
    assert (fitted.strength, fitted.model.slope, fitted.model.offset) == (fit.FALLBACK, 1.0, 0.0)
    nobody = fit.train(frame_of(vectors), np.arange(30), np.zeros(80), np.ones(80))
    assert nobody.model.terms == ()
    assert nobody.model.probability(vectors[0]) < 0.001


@pytest.mark.parametrize(
    ("said", "target", "came_to"),
    [
        ([("judgement", 1)], "qualified", True),
        ([("judgement", 1), ("judgement", 0)], "qualified", False),
        ([("judgement", 0), ("reply", 1)], "qualified", True),
        ([("reply", 1), ("outcome", 0)], "qualified", False),
        ([("contact", 1)], "qualified", False),
        ([("reply", 1)], "won", False),
        ([("outcome", 1), ("contact", 1)], "won", True),
        ([("icp", 1)], "qualified", None),
        ([], "qualified", None),
    ],
)
def test_the_strongest_evidence_counts_and_of_it_the_latest(
    said: list[tuple[str, float]], target: str, came_to: bool | None
) -> None:
    found = outcome([{**LABEL, "kind": kind, "value": value} for kind, value in said], target)
    assert (found and found.positive) == came_to if came_to is not None else found is None


def test_measures_agree_with_what_is_known_about_them() -> None:
    dice = np.random.default_rng(1)
    p = dice.uniform(0.01, 0.99, 20_000)
    y = (dice.random(20_000) < p).astype(float)
    assert measure.auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])) == 0.875
    assert measure.ece(p, y) < 0.02 < measure.ece(p**2, y)
    assert measure.psi(p, p) == 0
    assert measure.psi(p, p**2) > 0.25
    assert measure.lift_scores(np.array([0.1]), 0.1)[0] == pytest.approx(0.5)


def test_the_gate_names_everything_that_stands_in_the_way() -> None:
    dice = np.random.default_rng(2)
    p = dice.beta(1, 5, 2000)
    y = (dice.random(2000) < p).astype(float)
    base = np.full(2000, y.mean())
    better = gate.promotion(p, base, y, other_ranks=None, mature=5000, positives=700, psi=0.05)
    assert better.passed
    worse = gate.promotion(p[::-1].copy(), p, y, other_ranks=None, mature=5000, positives=700, psi=0.3)
    assert worse.passed is False
    for word in ("log loss", "Brier", "AUC", "calibration error", "PSI"):
        assert word in worse.text
    assert gate.promotion(p, base, y, other_ranks=None, mature=199, positives=40, psi=0).passed is None
    assert gate.failing([False, None, False]) is True
    assert gate.failing([False, True, False]) is False
    assert gate.failing([False]) is False


@pytest.mark.slow
def test_a_segment_that_collapses_stands_in_the_way() -> None:
    # S2.12
    dice = np.random.default_rng(3)
    base = np.full(2000, 0.2)
    x = dice.normal(size=2000)
    true = 1 / (1 + np.exp(1.6 - 1.5 * x))
    small = np.arange(2000) % 10 == 0
    y = (dice.random(2000) < np.where(small, 1 / (1 + np.exp(1.6 + 1.5 * x)), true)).astype(float)
    of = [{"country": "DE" if s else "ZA", "industry": f"of {n % 300}"} for n, s in enumerate(small)]
    found = segments.looked_at(true, base, None, y, 0.2, of)
    assert {(s.by, s.name): bool(s.collapsed) for s in found} == {("country", "DE"): True, ("country", "ZA"): False}
    verdict = gate.promotion(true, base, y, other_ranks=None, mature=5000, positives=700, psi=0, segments=found)
    assert verdict.passed is False
    assert "the segment country DE collapses (200 leads): log loss" in verdict.text
    assert "surely worse" in verdict.text
    # Alike everywhere: none collapses, in any of a hundred segments of one another's leads, whoever decides now.
    y = (dice.random(2000) < true).astype(float)
    noise = true * np.exp(0.1 * dice.normal(size=2000))
    for other in (base, noise.clip(0.01, 0.99)):
        shuffled = [
            {"country": f"c{n % 3}", "industry": f"i{n % 15}", "icp_profile": f"p{n % 10}"} for n in range(2000)
        ]
        looks = segments.looked_at(true, other, None, y, 0.2, shuffled)
        assert len(looks) == 28
        assert not [s for s in looks if s.collapsed]


def test_a_segment_whose_ranking_falls_collapses() -> None:
    # S2.12
    dice = np.random.default_rng(5)
    x = dice.normal(size=1000)
    y = (dice.random(1000) < 1 / (1 + np.exp(1.5 - 1.5 * x))).astype(float)
    blind = np.full(1000, y.mean()) + 1e-6 * dice.normal(size=1000)
    [found] = segments.looked_at(blind, blind, x, y, float(y.mean()), [{"icp_profile": "one"}] * 1000)
    assert found.collapsed is not None
    assert found.collapsed.startswith("AUC 0.5")


@dataclass
class Lead:
    """A lead decided on `age` days ago; won after `took` days, where anybody knows it by now."""

    age: float
    took: float | None
    x: float
    lead_id: UUID = field(default_factory=uuid4)
    icp_profile_id: UUID | None = None
    model_version_id: UUID | None = None
    probability: float | None = None
    rules_score: float | None = None

    @property
    def decided_at(self) -> datetime:
        return NOW - timedelta(days=self.age)

    @property
    def labels(self) -> list[dict[str, Any]]:
        said = [{"kind": "contact", "value": 1.0, "weight": 1.0}]
        if self.took is not None and self.took <= self.age:
            at = (self.decided_at + timedelta(days=self.took)).isoformat()
            said.append({"kind": "outcome", "value": 1.0, "weight": 1.0, "known_at": at})
        return said

    @property
    def vector(self) -> dict[str, Any]:
        return {"companyEmployees": self.x}


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def delayed(number: int, oldest: float, seed: int) -> list[Lead]:
    """Wins become known after 14 days in the middle, a tenth after 90 and more (Olist's lag, shortened)."""
    dice = random.Random(seed)
    made = []
    for _ in range(number):
        x = dice.gauss(0, 1)
        won = dice.random() < 1 / (1 + math.exp(2 - x))
        made.append(Lead(dice.uniform(0, oldest), dice.lognormvariate(math.log(14), 1.45) if won else None, x))
    return made


@pytest.mark.slow
def test_weighting_by_age_tells_young_leads_from_lost_ones() -> None:
    # S2.12: without it, young leads that are not won yet pass for lost ones
    truth: list[float] = []
    now_known: list[float] = []
    told: list[float] = []
    for seed in range(5):
        leads = delayed(4000, 120, seed)
        eventually = np.array([lead.took is not None and lead.took <= 120 for lead in leads], dtype=float)
        plain, _ = examples(leads, NOW, target="won", maturity=timedelta(0))
        by_age, others, arrival = weighted(leads, NOW, target="won", maturity=timedelta(days=120))
        assert arrival is not None
        assert arrival.quantile(0.5) == pytest.approx(13, abs=3), "half of them, seen by day 120"
        assert others["young"] > 100
        for which, made in ((now_known, plain), (told, by_age)):
            frame, y, w = arrays(made)
            model = fit.train(frame, np.arange(len(made)), y, w).model
            p = fit.probabilities(
                model, frame_of([{"companyEmployees": lead.x} for lead in leads]), np.arange(len(leads))
            )
            which.append(float(p.mean()))
        truth.append(float(eventually.mean()))
    off, still = abs(np.mean(now_known) / np.mean(truth) - 1), abs(np.mean(told) / np.mean(truth) - 1)
    assert off > 0.15
    assert still < 0.05
    # A row's weights add up to its own, which keeps the loss convex.
    totals: dict[UUID, float] = {}
    for e in by_age:
        totals[e.lead_id] = totals.get(e.lead_id, 0.0) + e.weight
    assert all(total == pytest.approx(1) for total in totals.values())


def test_delays_seen_on_young_leads_alone_do_not_look_too_short() -> None:
    # S2.12
    dice = np.random.default_rng(7)
    took, age = dice.exponential(20, 20_000), dice.uniform(0, 100, 20_000)
    seen = took <= age
    found = delay.arrival(list(zip(took[seen], age[seen], strict=True)))
    assert found is not None
    for days in (5, 14, 30, 60):
        assert found.known_by(days) == pytest.approx((1 - math.exp(-days / 20)) / (1 - math.exp(-5)), abs=0.02)
    naive = float((took[seen] <= 14).mean())
    assert naive > found.known_by(14) + 0.03
    assert delay.arrival([(1.0, 5.0)] * 19) is None
