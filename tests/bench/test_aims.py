"""Aims are judged in absolute numbers and beside stock Procrastinate of the same run."""

from __future__ import annotations

from typing import Any

from front.bench import aims
from worker.bench import pressure

#: A machine half as fast as the one where the aims were set.
REPORT: dict[str, Any] = {
    "drain": {"jobs_per_s": 11_000, "stock_jobs_per_s": 950, "ratio": 11.6, "two_to_one": 1.3},
    "dispatch": {
        "events_per_s": 17_000,
        "two_dispatchers_events_per_s": 24_000,
        "two_to_one": 1.41,
        "duplicates_cost_percent": 12.0,
    },
    "framed": {"jobs_per_s": 2_900},
    "latency_ms": {"p50": 3.0, "p99": 6.0},
    "stock_latency_ms": {"p50": 8.0, "p99": 30.0},
    "latency_at_1000_per_s_ms": {"p99": 26.0},
    "emit": {"ratio": 0.91, "by_clients_slow_disk": {"1": 0.97, "16": 0.89}},
    "create_run": {"ratio": 1.2},
    "lost": 0,
    "doubled": 0,
    "late_finishes_accepted": 0,
    "pressure": {"losses": {name: {"percent": 9.9} for name in pressure.AIMS} | {"held dispatch": {"percent": 26.0}}},
}


def _of(figure: str) -> dict[str, Any]:
    (found,) = [each for each in aims.judged(REPORT) if each["figure"] == figure]
    return found


def test_a_slower_machine_keeps_an_aim_beside_stock_that_it_misses_in_numbers() -> None:
    # C.04
    first = _of("dispatch, one dispatcher, first aim (events/s)")
    assert (first["aim_ratio_to_stock"], first["seen_ratio_to_stock"]) == (13.16, 17.89)
    assert (first["kept"], first["kept_as_ratio"]) == (False, True)
    last = _of("dispatch, one dispatcher (events/s)")
    assert (last["aim_ratio_to_stock"], last["kept_as_ratio"]) == (18.42, False)
    assert _of("framed (jobs/s)")["aim_ratio_to_stock"] == 3.16
    waited = _of("commit to handler, idle, p50 (ms)")
    assert (waited["aim_ratio_to_stock"], waited["seen_ratio_to_stock"], waited["kept_as_ratio"]) == (0.62, 0.38, True)


def test_what_stock_has_no_figure_for_is_judged_by_itself() -> None:
    assert _of("drain beside stock")["kept"]
    assert not _of("drain, two processes beside one")["kept"]
    assert not _of("the same, flush of 2 ms")["kept"]
    assert _of("lost and doubled")["kept"]
    assert _of("lost and doubled")["kept_as_ratio"] is None


def test_losses_under_pressure_are_judged_like_the_others() -> None:
    # C.04
    for name in ("finished", "backlog", "future"):
        for what in ("dispatch", "drain", "both, default buffer"):
            assert _of(f"under pressure: {name} {what}, lost (%)")["kept"]
    held = _of("under pressure: held dispatch, lost (%)")
    assert (held["aim"], held["seen"], held["kept"]) == (25, 26.0, False)


def test_the_table_says_both() -> None:
    (line,) = [row for row in aims.table(aims.judged(REPORT)) if row.startswith("| dispatch, one dispatcher, first")]
    assert (
        line == "| dispatch, one dispatcher, first aim (events/s) | >= 25,000 | 17,000 | no | 13.2 x | 17.9 x | yes |"
    )
