"""The figures of a turn can be measured, and a lease spares the row what it promises."""

from __future__ import annotations

import pytest

from worker.bench.pace import measure


@pytest.mark.slow
@pytest.mark.alone
async def test_leases_spare_the_row(db_url: str) -> None:
    # S2.02
    found = await measure(db_url, 1.0)
    assert found["bucket"].writes_per_s > 3 * found["leased"].writes_per_s > 0
    assert found["leased"].turns.per_s > 0
