"""What a trial says of its kills, from the sums of both sides (the trial itself: tests/flows/test_trial.py)."""

from __future__ import annotations

from typing import Any

import pytest

from front.trial.run import compare

#: domain -> (what was asked, was an answer lost)
Ways = dict[str, tuple[list[str], bool]]


def _trial(
    paid: int, answered: int, *, unknown: int = 0, twice: bool = False, ways: Ways | None = None
) -> dict[str, Any]:
    return {
        "paid_requests": paid,
        "paid_and_answered": answered,
        "calls": {"answered": answered, "forfeited": unknown},
        "bill": {"hunter.find:1": {"billed": 2 if twice else 1, "answered": 1}},
        "ways": ways or {"one.example": (["hunter.find"], False)},
        "retried": 0,
    }


LOST = {"one.example": (["hunter.find", "pdl.enrich"], True)}
OTHERWISE = {"one.example": (["hunter.find", "pdl.enrich"], False)}


@pytest.mark.parametrize(
    ("stormy", "ok"),
    [
        (_trial(100, 100), True),
        (_trial(101, 99, unknown=2, ways=LOST), True),  # the next vendor was paid too
        (_trial(102, 101, unknown=1, ways=LOST), True),  # and the one after it
        (_trial(97, 97, unknown=2), False),  # more is missing than was lost
        (_trial(101, 101, unknown=1, ways=OTHERWISE), False),
        (_trial(100, 100, twice=True), False),
    ],
)
def test_kills_cost_what_was_lost_and_nothing_twice(stormy: dict[str, Any], ok: bool) -> None:
    # S3.05 R17
    assert compare(_trial(100, 100), stormy)["ok"] is ok


def test_a_higher_bill_is_said_even_where_law_5_explains_it() -> None:
    found = compare(_trial(100, 100), _trial(102, 101, unknown=1, ways=LOST))
    assert (found["ok"], found["no_more_than_calm"], found["within_the_unknowns"]) == (True, False, False)
