"""How a run ends (R1, R5) and its statistics (S0.02, S0.14)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.outcomes import outcome, stats
from contracts.runs import Counts, RunParams, RunStatus, SliceView

PARAMS = RunParams.model_validate(
    {"channels": ("google", "keyword"), "queries": ("a",), "max_companies": 5, "max_queries": 1, "max_runtime_seconds": 60,
     "page_size": 20}
)  # fmt: skip


def part(channel: str = "google", state: str = "done", **more: Any) -> SliceView:
    given: dict[str, Any] = {
        "id": UUID(int=1), "ordinal": 0, "channel": channel, "query": "a", "state": state, "page": 1, "found": 0,
        "companies_created": 0, "companies_skipped": 0, "would_cost": 0, "stop_reason": None, "error_code": None, "error": None,
    }  # fmt: skip
    return SliceView.model_validate({**given, **more})


BROKEN = {"state": "error", "error_code": "vendor_down", "error": "away"}
LATE = {"state": "error", "stop_reason": "time_budget"}
SOME, NONE = Counts(discovered=3), Counts()


@pytest.mark.parametrize(
    ("counts", "slices", "cancelled", "status", "code", "reason"),
    [
        (SOME, [part()], False, "completed", None, None),
        (NONE, [part()], False, "completed", None, None),  # S2.14: empty results are valid
        (NONE, [], False, "completed", None, None),
        (SOME, [part(stop_reason="max_companies")], False, "completed", None, "max_companies"),
        (SOME, [part(**BROKEN), part("keyword")], False, "partial", "slices_failed", None),  # S1.02
        (NONE, [part(**BROKEN), part("keyword")], False, "partial", "slices_failed", None),
        (NONE, [part(**BROKEN), part("keyword", **BROKEN)], False, "failed", "vendor_down", None),
        (SOME, [part(**BROKEN), part("keyword", **BROKEN)], False, "partial", "slices_failed", None),
        (SOME, [part(state="dead", error="killed three workers")], False, "partial", "slices_failed", None),
        (NONE, [part(**LATE)], False, "failed", "timeout", "time_budget"),  # R5
        (SOME, [part(**LATE)], False, "partial", "timeout", "time_budget"),
        (SOME, [part(**LATE), part("keyword", **BROKEN)], False, "partial", "timeout", "time_budget"),
        (SOME, [part(**BROKEN)], True, "cancelled", None, "cancelled"),
    ],
)
def test_how_a_run_ends(
    counts: Counts, slices: list[SliceView], cancelled: bool, status: str, code: str | None, reason: str | None
) -> None:
    # R1 R5 S0.14 S1.02
    ended = outcome(counts, slices, cancelled=cancelled)
    assert (ended.status, ended.error_code, ended.stop_reason) == (RunStatus(status), code, reason)
    assert (ended.error is None) == (code is None)


def test_an_error_names_every_channel_that_failed_once() -> None:
    # S0.09
    slices = [part(**BROKEN), part(**BROKEN), part("keyword", **{**BROKEN, "error": "refused"}), part("register")]
    error = outcome(SOME, slices, cancelled=False).error
    assert error is not None
    assert error.startswith("3 of 4 slices failed")
    assert error.count("google: away") == 1
    assert "keyword: refused" in error


def test_endless_errors_stay_within_their_column() -> None:
    slices = [part(**{**BROKEN, "error": f"{n} " + "x" * 3000}) for n in range(5)]
    assert len(outcome(SOME, slices, cancelled=False).error or "") <= 4000


def test_statistics() -> None:
    # S0.02 S0.14
    slices = [part(found=3, would_cost=1), part("keyword", **BROKEN, found=1)]
    made = stats(
        PARAMS, Counts(discovered=4, companies_created=2), slices, outcome(SOME, slices, cancelled=False), 1.2345
    )
    assert made["channelResults"] == {"google": 3, "keyword": 1}
    assert made["errors"] == [{"type": "vendor_down", "message": "away", "channel": "keyword"}]
    assert (made["totalDiscovered"], made["companiesCreated"], made["durationMs"], made["wouldCost"]) == (4, 2, 1234, 1)
    assert made["config"]["channels"] == ["google", "keyword"]


def test_both_forms_of_a_timeout_carry_its_error() -> None:
    # R5
    for counts in (SOME, NONE):
        ended = outcome(counts, [part(**LATE)], cancelled=False)
        assert "timeout" in [e["type"] for e in stats(PARAMS, counts, [part(**LATE)], ended, 1)["errors"]]


def test_a_channel_that_found_nothing_is_still_counted() -> None:
    assert stats(PARAMS, NONE, [], outcome(NONE, [], cancelled=False), 0)["channelResults"] == {
        "google": 0,
        "keyword": 0,
    }
