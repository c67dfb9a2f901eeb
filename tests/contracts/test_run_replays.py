"""What of a score counts as a difference."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from contracts.run_replays import ScoredLead, score_difference
from contracts.scoring import Scored

WAS = ScoredLead(UUID(int=1), "Karoo Workwear", None, {}, score=0.7, band="HIGH", rejected=False)
NOW = Scored(verdict="PASSED", score=0.7, band="HIGH", fit=None, coverage=1.0)


def test_only_what_is_another_one_is_named() -> None:
    # B.03
    assert score_difference(WAS, NOW) is None
    assert score_difference(WAS, replace(NOW, score=0.7 + 1e-10)) is None
    banded = score_difference(WAS, replace(NOW, band="MEDIUM"))
    assert banded is not None
    assert banded.fields == {"band": {"from": "HIGH", "to": "MEDIUM"}}
    assert (banded.kind, banded.change, banded.entity_id, banded.subject) == (
        "score", "changed", WAS.lead_id, {"name": "Karoo Workwear"},
    )  # fmt: skip
    moved = score_difference(WAS, replace(NOW, verdict="REJECTED", score=0.2, band="LOW"))
    assert moved is not None
    assert moved.fields == {
        "score": {"from": 0.7, "to": 0.2},
        "band": {"from": "HIGH", "to": "LOW"},
        "rejected": {"from": False, "to": True},
    }
