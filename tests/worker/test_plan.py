"""What a discovery run reads, and when it has had enough."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.providers import Channel
from contracts.runs import RunParams
from worker.discovery import plan


def params(**more: Any) -> RunParams:
    given = {"channels": ("google", "keyword"), "queries": ("a", "b", "c"), "max_companies": 10, "max_queries": 10,
             "max_runtime_seconds": 60, "page_size": 20}  # fmt: skip
    return RunParams.model_validate({**given, **more})


def test_all_channels_of_a_query_come_before_the_next_query() -> None:
    # S0.08 S0.09
    assert plan.slices(params(max_queries=2)) == [
        (Channel.GOOGLE, "a", None), (Channel.KEYWORD, "a", None), (Channel.GOOGLE, "b", None), (Channel.KEYWORD, "b", None),
    ]  # fmt: skip


def test_a_query_is_asked_once_and_counts_once() -> None:
    # S0.11
    assert [q for _, q, _ in plan.slices(params(queries=("a", "a", "b"), channels=("file",), max_queries=2))] == [
        "a",
        "b",
    ]


def test_a_cursor_says_where_to_start() -> None:
    # R23
    assert plan.slices(params(queries=("a",), channels=("register",), cursor="40")) == [(Channel.REGISTER, "a", "40")]


@pytest.mark.parametrize(
    ("created", "discovered", "expired", "limit", "reason"),
    [
        (0, 0, False, None, None),
        (9, 500, False, None, None),
        (10, 0, False, None, "max_companies"),
        (11, 0, False, None, "max_companies"),
        (0, 7, False, 8, None),
        (0, 8, False, 8, "limit"),
        (0, 0, True, None, "time_budget"),
        (10, 8, True, 8, "time_budget"),
    ],
)
def test_enough(created: int, discovered: int, expired: bool, limit: int | None, reason: str | None) -> None:
    # S0.11 R5 R23
    assert plan.enough(params(limit=limit), created=created, discovered=discovered, expired=expired) == reason
