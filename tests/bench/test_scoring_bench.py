"""The measurement of scoring measures: what it reports is for `headwater bench --only scoring` to say."""

from __future__ import annotations

from worker.bench import scoring


def test_it_reports_rates_with_and_without_a_model() -> None:
    said: list[str] = []
    report = scoring.measure(repeat=1, scale=0.05, say=said.append)
    assert report["leads"] == 100
    assert all(report[f"{name}_per_s"] > 0 for name in ("rules", "rules_and_model"))
    assert len(said) == 2
