"""The ledger: at most one live row an item, nothing billable is sent twice, every unit spent is accounted for."""

from __future__ import annotations

import pytest

from tests.machines.ground import Ground, explore, quick, thorough
from tests.machines.ledger_machine import LedgerMachine


@pytest.mark.timeout(300)
def test_a_few_books(ground: Ground) -> None:
    explore(LedgerMachine, ground, quick(10, 30))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_books(ground: Ground) -> None:
    explore(LedgerMachine, ground, thorough(120, 50))
