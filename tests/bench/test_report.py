"""The report of `headwater bench` has the keys that scripts rely on. The figures themselves are for `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from worker.bench import pressure


@pytest.mark.slow
@pytest.mark.alone
def test_the_report_has_its_keys_and_lost_nothing() -> None:
    # B.01 C.04
    command = [sys.executable, "-m", "headwater", "bench", "--json", "--repeat", "1", "--scale", "0.02"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert {"jobs_per_s", "stock_jobs_per_s"} <= set(report["drain"])
    assert report["drain"]["jobs_per_s"] > 0
    assert report["dispatch"]["events_per_s"] > 0
    assert report["framed"]["jobs_per_s"] > 0
    assert report["drain"]["floor_jobs_per_s"] > report["drain"]["stock_jobs_per_s"], (
        "bare batches beat one claim a job"
    )
    assert report["framed"]["stock_jobs_per_s"] > 0
    assert report["dispatch"]["stock_defers_per_s"] > 0
    assert 0 < report["stock_latency_ms"]["p50"] <= report["stock_latency_ms"]["p99"]
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"] <= report["latency_ms"]["p99"]
    assert report["emit"]["ratio"] > 0
    assert set(report["emit"]["by_clients"]) == set(report["emit"]["by_clients_slow_disk"]) == {"1", "16", "64"}
    assert report["create_run"]["ratio"] > 0
    assert report["latency_at_1000_per_s_ms"]["p99"] > 0
    for name, figure in report["figures"].items():
        assert figure["spread"][0] <= figure["per_s"] <= figure["spread"][1], name
        assert figure["worker_cpu_ms_per_1000"] > 0, name
    assert (report["lost"], report["doubled"], report["late_finishes_accepted"]) == (0, 0, 0)
    assert report["late_finishes"] > 0
    judged = {each["figure"] for each in report["aims"]}
    assert {f"under pressure: {name}, lost (%)" for name in pressure.AIMS} <= judged
    assert {"ours", "stock"} <= set(report["pressure"]["beside"]["peers"])
