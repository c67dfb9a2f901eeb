"""The capacity model says what docs/benchmarks.md measured and what docs/scaling.md tells."""

from __future__ import annotations

import re

import pytest

from front.bench.capacity import COSTS, Cost, cores, most, most_together, of_job
from tests.test_docs import ROOT

#: Row of the table of rates -> the name of its cost here.
ROWS = {"dispatch": "dispatch", "framed": "framed", "drain 50": "drain", "emit 16": "emit", "create run": "request"}


def _measured() -> dict[str, tuple[float, Cost]]:
    """Of each row: how many a second, and what one cost."""
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^\| ([a-z0-9 ]+) \| ([\d,]+) \| [\d,]+ - [\d,]+ \| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE
    )
    read = [(name, *(float(each.replace(",", "")) for each in figures)) for name, *figures in found]
    return {name: (rate, Cost(client, server)) for name, rate, client, server in read}


def test_the_costs_are_of_the_size_that_the_benches_measure() -> None:
    # C.04: a machine's speed changes from day to day, so half and twice are the same size
    measured = _measured()
    for row, name in ROWS.items():
        _, cost = measured[row]
        assert 0.5 < COSTS[name].client_us / cost.client_us < 2, row
        assert 0.5 < COSTS[name].server_us / cost.server_us < 2, row


def test_the_model_promises_no_more_than_was_measured() -> None:
    rate, cost = _measured()["framed"]
    assert 0.7 * rate < most_together(2, cost) <= rate


def test_the_scarcer_side_decides_and_cores_are_its_inverse() -> None:
    job = of_job(work_us=3_700)
    client, server = cores(200, job)
    assert most(client, server, job) == pytest.approx(200)
    assert most(client, server * 10, job) == pytest.approx(200)
    assert most(client / 2, server, job) == pytest.approx(100)


def test_the_worked_example_of_the_document_is_right() -> None:
    page = " ".join((ROOT / "docs/scaling.md").read_text(encoding="utf-8").split())
    client, server = cores(200, of_job(work_us=3_700))
    assert f"{client:.1f} cores of workers and {server:.2f} of Postgres" in page
    assert f"{most(1_000, 8, of_job()):,.0f} jobs a second" in page
    front, behind = cores(500, COSTS["request"])
    assert f"{front:.1f} cores of API and {behind:.1f} of Postgres" in page
