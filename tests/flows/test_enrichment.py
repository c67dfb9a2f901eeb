"""A lead is enriched: the site is read, vendors are asked in order, the address is verified, and all of it has a source."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.enrichment import EnrichmentList
from db import enrichments
from db.transaction import transaction
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.usefixtures("house")
JOBURG = "workwear manufacturers Johannesburg"


async def enriched(desk: Desk, count: int, **body: Any) -> list[UUID]:
    """Discover some companies and enrich their leads; returns the leads asked for."""
    run = await desk.run(channels=["google"], queries=[JOBURG], max_companies=count)
    assert run.counts.leads_created == count
    asked = await ask(desk, **body)
    await ended(desk, asked)
    return asked


async def ask(desk: Desk, *lead_ids: UUID, again: bool = False) -> list[UUID]:
    async with transaction(desk.pool, desk.tenant) as tx:
        asked = await enrichments.ask(tx, desk.tenant, lead_ids, limit=100, again=again)
    await desk.wake()
    return asked


async def ended(desk: Desk, leads: list[UUID]) -> None:
    await desk.until(
        "SELECT count(*) = $1 FROM app.leads WHERE tenant_id = {me} AND id = ANY($2) AND status IN ('enriched', 'failed')",
        len(leads),
        leads,
    )


async def story(desk: Desk, lead: UUID) -> EnrichmentList:
    async with transaction(desk.pool, desk.tenant) as tx:
        found = await enrichments.story(tx, desk.tenant, lead)
    assert found is not None
    return found


async def test_new_leads_become_enriched_ones_with_sources(desk: Desk) -> None:  # S2.02 S3.03
    leads = await enriched(desk, 6)
    assert len(leads) == 6
    stories = [await story(desk, lead) for lead in leads]
    assert [(s.items[0].status, s.items[0].error) for s in stories] == [("COMPLETED", None)] * 6
    states = await desk.rows("SELECT status, count(*)::int AS n FROM app.leads WHERE tenant_id = {me} GROUP BY 1")
    assert states == [{"status": "enriched", "n": 6}]
    facts = [fact for s in stories for fact in s.facts]
    assert {"site"} < {fact.vendor for fact in facts}, "our own crawler, and vendors"
    for fact in facts:
        assert 0 <= fact.confidence <= 1
        assert fact.observed_at
        assert fact.source_url or fact.vendor != "site"
    assert (await desk.proof()).ok
