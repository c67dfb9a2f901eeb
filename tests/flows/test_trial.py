"""Enrichment under kills: nobody is billed twice, and limits hold (the small brother of `headwater trial`)."""

from __future__ import annotations

import pytest

from front.trial.run import Asked, compare, run


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.alone
async def test_killed_workers_pay_for_nothing_twice() -> None:  # S3.05 S3.10 S3.13 R17
    calm = await run(Asked(companies=40, workers=6, concurrency=12), print)
    stormy = await run(Asked(companies=40, workers=6, concurrency=12, kills=25, every_s=0.7), print)
    found = compare(calm, stormy)
    assert stormy["kills"] >= 10, "the storm was over before it began"
    assert found["billed_twice"] == 0, found
    # A forfeited answer passes to the next vendor, so the totals may differ; `headwater trial` reports them.
    for each in (calm, stormy):
        fullest = each["over_limit"]
        assert fullest
        assert all(window["most"] <= window["limit"] for window in fullest.values()), fullest
