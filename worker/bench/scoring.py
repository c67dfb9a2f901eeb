"""How many leads a second one process scores: filters, weighted rules, a model, every contribution, the rationale."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from contracts.fields import Known
from contracts.models import Model, Term
from contracts.rules import Rule, Ruler
from contracts.scoring import Scorer
from worker.scoring import rationale

VECTORS = 2000
_COUNTRIES = ("ZA", "US", "DE", "GB", "SG")
_RULES = (
    {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["ZA", "US", "GB", "SG"]},
    {"type": "HARD_FILTER", "field_key": "companyEmployees", "operator": "BETWEEN", "value": [5, 5000]},
    {"field_key": "companyEmployees", "operator": "GTE", "value": 100, "weight": 0.3},
    {"field_key": "companyNaics", "operator": "NAICS_PREFIX", "value": ["5617", "3152"], "weight": 0.4},
    {"field_key": "companyTechnologies", "operator": "CONTAINS_ANY", "value": ["WordPress", "Shopify"], "weight": 0.1},
    {"field_key": "companyIndustry", "operator": "CONTAINS_ANY", "value": ["cleaning", "facilit"], "weight": 0.2},
    {"field_key": "contactEmailStatus", "operator": "EQ", "value": "valid", "weight": 0.2},
    {"field_key": "siteHasPricing", "operator": "EQ", "value": True, "weight": 0.1},
)
_LEARNED = (
    ("companyEmployees", "number", None), ("companyEmployees", "missing", None), ("companyFounded", "number", None),
    ("companyFounded", "missing", None), ("companyRevenueUsd", "number", None), ("companyRevenueUsd", "missing", None),
    *(("companyCountry", "category", c) for c in _COUNTRIES), ("companySector", "category", "56"),
    ("companySector", "category", "31"), ("companySector", "missing", None), ("contactEmailStatus", "category", "valid"),
    ("contactEmailStatus", "category", "risky"), ("siteOutcome", "category", "ok"), ("siteHasPricing", "category", "true"),
    ("contactHasName", "category", "true"), ("contactsCount", "number", None),
)  # fmt: skip


def measure(*, repeat: int, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Leads a second, the median of `repeat` turns, with rules alone and with a model of 20 terms; and by processor time."""
    scorer = Scorer(Ruler([Rule.model_validate(rule) for rule in _RULES]))
    vectors = _vectors(max(1, int(VECTORS * min(scale, 1.0))))
    rounds = max(1, round(5 * scale))
    report: dict[str, Any] = {
        "leads": len(vectors) * rounds,
        "repeat": repeat,
        "rules": len(_RULES),
        "terms": len(_LEARNED),
    }
    for name, model in (("rules", None), ("rules_and_model", _model())):
        wall, processor = zip(*[_turn(scorer, model, vectors, rounds) for _ in range(repeat)], strict=True)
        report[f"{name}_per_s"] = round(statistics.median(wall))
        report[f"{name}_per_processor_s"] = round(statistics.median(processor))
        say(
            f"{name}: {report[f'{name}_per_s']} leads/s ({report[f'{name}_per_processor_s']} a second of processor time)"
        )
    return report


def _turn(scorer: Scorer, model: Model | None, vectors: list[dict[str, Known]], rounds: int) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        for vector in vectors:
            rationale.of(scorer.score(vector, model))
    n = len(vectors) * rounds
    return n / (time.perf_counter() - began), n / max(time.process_time() - used, 1e-9)


def _model() -> Model:
    drawn = random.Random(7)  # noqa: S311
    terms = tuple(
        Term.model_validate(
            {
                "feature": feature, "kind": kind, "level": level, "center": 100.0, "scale": 1000.0,
                "weight": drawn.uniform(-0.5, 0.5), "mean": drawn.uniform(0, 0.5),
            }
        )
        for feature, kind, level in _LEARNED
    )  # fmt: skip
    return Model(intercept=-2.0, terms=terms, slope=0.9, offset=0.1, base_rate=0.1)


def _vectors(count: int) -> list[dict[str, Known]]:
    drawn = random.Random(11)  # noqa: S311
    return [_vector(drawn) for _ in range(count)]


def _vector(drawn: random.Random) -> dict[str, Known]:
    everything: dict[str, Known] = {
        "companyCountry": drawn.choice(_COUNTRIES), "companyEmployees": int(drawn.lognormvariate(4, 1.5)),
        "companyNaics": [drawn.choice(("561720", "315220", "541511"))], "companySector": drawn.choice(("56", "31", "54")),
        "companyIndustry": drawn.choice(("Facilities Services", "Software", "Industrial cleaning")),
        "companyTechnologies": drawn.sample(["WordPress", "Shopify", "React", "PHP", "MySQL"], 3),
        "companyFounded": drawn.randint(1950, 2024), "companyRevenueUsd": drawn.uniform(1e5, 1e9),
        "contactEmailStatus": drawn.choice(("valid", "risky", "invalid")), "contactHasName": drawn.random() < 0.7,
        "contactsCount": drawn.randint(0, 8), "siteOutcome": drawn.choice(("ok", "thin")), "siteHasPricing": drawn.random() < 0.3,
    }  # fmt: skip
    return {key: value for key, value in everything.items() if drawn.random() < 0.8}
