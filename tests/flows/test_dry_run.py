"""Dry runs: what they count is what the real run will count, and they neither write nor pay (R3)."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.runs import RunStatus
from tests.flows.business import business
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]
JOBURG = "workwear manufacturers Johannesburg"
SUPPLIERS = "corporate clothing suppliers South Africa"


async def test_a_dry_run_counts_what_the_real_run_will_count_and_touches_nothing(desk: Desk) -> None:
    # R3 S0.08 S0.17 S0.18
    asked: dict[str, Any] = {"channels": ["register", "file"], "queries": [JOBURG, SUPPLIERS], "max_companies": 500}
    await desk.run(channels=["register"], queries=["uniform suppliers Botswana"])
    before = await business(desk)
    dry = await desk.run(**asked, dry_run=True)
    assert await business(desk) == before

    real = await desk.run(**asked)
    bare = {"errors", "api_calls"}
    assert dry.counts.model_dump(exclude=bare) == real.counts.model_dump(exclude=bare)
    assert dry.counts.companies_created > 50
    assert (dry.status, dry.dry_run, real.status) == (RunStatus.COMPLETED, True, RunStatus.COMPLETED)
    assert dry.stats is not None
    assert real.stats is not None
    changing = ("durationMs",)
    assert {k: v for k, v in dry.stats.items() if k not in changing} == {
        k: v for k, v in real.stats.items() if k not in changing
    }
    assert (await desk.check(dry.id)).ok
    # Rehearsing it again, with all of it known, says that nothing would be created.
    assert (await desk.run(**asked, dry_run=True)).counts.companies_created == 0


async def test_a_dry_run_never_pays_and_says_what_the_real_run_would(desk: Desk, sandbox: RunningSandbox) -> None:
    # R3: paid calls are answered from stored answers only.
    queries = [JOBURG, SUPPLIERS]
    dry = await desk.run(channels=["google", "keyword"], queries=queries, dry_run=True)
    assert sandbox.totals("tavily") == {"requests": 0, "credits": 0, "repeated": 0}
    assert dry.stats is not None
    assert dry.stats["wouldCost"] == 4
    assert (dry.status, dry.counts.discovered) == (RunStatus.COMPLETED, 0)

    real = await desk.run(channels=["google", "keyword"], queries=queries)
    assert sandbox.totals("tavily")["credits"] == dry.stats["wouldCost"]
    again = await desk.run(channels=["google", "keyword"], queries=queries, dry_run=True)
    assert again.stats is not None
    assert again.stats["wouldCost"] == 0
    assert (again.counts.discovered, again.counts.companies_created) == (real.counts.discovered, 0)
    assert sandbox.totals("tavily")["requests"] == 4
