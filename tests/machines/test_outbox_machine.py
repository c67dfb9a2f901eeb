"""The outbox and its jobs under everything that can happen: nothing is lost, nothing happens twice, nobody moves another's rows."""

from __future__ import annotations

import pytest

from tests.machines.ground import Ground, explore, quick, thorough
from tests.machines.outbox_machine import REFUSE, OutboxMachine


@pytest.mark.timeout(300)
def test_a_few_lives(ground: Ground) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    ground.rows(REFUSE)
    explore(OutboxMachine, ground, quick(10, 40))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_lives(ground: Ground) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    ground.rows(REFUSE)
    explore(OutboxMachine, ground, thorough(100, 50))
