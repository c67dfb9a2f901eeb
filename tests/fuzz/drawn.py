"""Values drawn by Hypothesis, the same ones every time, for tests that put many of them into one database."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


def drawn(values: st.SearchStrategy[T], count: int) -> list[T]:
    """`count` values or, where there are not that many different ones, fewer."""
    found: list[T] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def keep(value: T) -> None:
        found.append(value)

    keep()
    return found
