"""Runs: each ends exactly once with counts that add up, whatever happens to its pages; nothing is paid for twice."""

from __future__ import annotations

import pytest

from tests.machines.ground import Ground, explore, quick, thorough
from tests.machines.run_machine import RunMachine


@pytest.mark.timeout(300)
def test_a_few_runs(ground: Ground) -> None:
    # B.01 S2.05
    explore(RunMachine, ground, quick(5, 40))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_runs(ground: Ground) -> None:
    # B.01 S2.05
    explore(RunMachine, ground, thorough(60, 50))
