"""Quality gates on labelled lists (tests/data/matching): what is found against what is true. Half of Chicago and
Fodors-Zagats were not learned from.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from contracts.duplicates import find, measure
from contracts.likeness import Record
from db import listing_files
from db.pair_models import shipped
from worker.matching import train

DATA = Path(__file__).parents[1] / "data" / "matching"


def f1(records: list[Record], entities: list[str]) -> float:
    found = {(str(a), str(b)) for a, b in (sorted(pair) for pair in find(records, shipped()))}
    by_entity: dict[str, list[int]] = {}
    for position, entity in enumerate(entities):
        by_entity.setdefault(entity, []).append(position)
    true = {(str(a), str(b)) for group in by_entity.values() for a, b in combinations(group, 2)}
    score = measure(found, true)[2]
    assert score is not None
    return score


def test_fodors_and_zagats() -> None:
    # F1 >= 0.97
    report = listing_files.dedupe(DATA / "fodors.csv", DATA / "zagats.csv", DATA / "fodors_zagats_truth.csv")
    assert report.f1 is not None
    assert report.f1 >= 0.97, report.model_dump(exclude={"pairs"})
    assert set(report.columns) >= {"name", "address", "city", "phone", "other.name"}
    assert report.ignored == ["type", "other.type"]


@pytest.mark.slow
def test_the_half_of_chicago_that_was_not_learned_from() -> None:
    # entity-disjoint split, F1 >= 0.95
    assert f1(*train.chicago(DATA, lambda true_id: not train.for_training(true_id))) >= 0.95


def test_an_invented_directory_of_other_names() -> None:
    # European addresses, houses with many firms, branches, moves
    assert f1(*train.invented(2, 1500, 2300)) >= 0.97


@pytest.mark.slow
def test_invented_people() -> None:
    # FEBRL's third set: up to five typing errors a record
    assert f1(*train.febrl(DATA, 3)) >= 0.93


@pytest.mark.slow
def test_the_shipped_model_is_what_training_makes() -> None:
    made = json.loads(train.train(DATA).model_dump_json())
    kept = json.loads(shipped().model_dump_json())
    assert made["intercept"] == pytest.approx(kept["intercept"], abs=0.05)
    assert [t["weight"] for t in made["terms"]] == pytest.approx([t["weight"] for t in kept["terms"]], abs=0.05)
