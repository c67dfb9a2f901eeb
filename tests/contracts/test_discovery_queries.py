"""Queries out of ICP profiles: the same ones every time, the most wanted first."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.discovery_queries import LONGEST, generate, key_of
from contracts.errors import Invalid


@dataclass(frozen=True)
class Wanted:
    target_industries: tuple[str, ...] = ()
    target_countries: tuple[str, ...] = ()


def test_industries_meet_countries_the_first_of_both_first() -> None:
    # S0.19
    profile = Wanted(("workwear manufacturers", "cleaning", "hotels"), ("ZA", "SG"))
    assert generate(profile, 4) == (
        "workwear manufacturers South Africa",
        "workwear manufacturers Singapore",
        "cleaning companies South Africa",
        "cleaning companies Singapore",
    )


def test_a_profile_without_countries_looks_everywhere_and_one_without_industries_cannot() -> None:
    # S0.19
    assert generate(Wanted(("Uniform suppliers",)), 10) == ("Uniform suppliers",)
    with pytest.raises(Invalid) as refused:
        generate(Wanted((" ",), ("ZA",)), 10)
    assert refused.value.code == "no_industries"


@given(
    st.lists(st.text(max_size=320), max_size=6),
    st.lists(st.sampled_from(["ZA", "SG", "za", "XX", "GB"]), max_size=6),
    st.integers(1, 20),
)
def test_queries_are_few_different_and_always_the_same(industries: list[str], countries: list[str], limit: int) -> None:
    # S0.19
    profile = Wanted(tuple(industries), tuple(countries))
    if not any(text.split() for text in industries):
        return
    made = generate(profile, limit)
    assert made == generate(profile, limit)
    assert len(made) <= limit
    assert len({key_of(text) for text in made}) == len(made)
    assert all(0 < len(text) <= LONGEST for text in made)
    assert generate(profile, 100)[: len(made)] == made
