"""A lead is enriched: the site is read, vendors are asked in order, the address is verified, and all of it has a source."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.enrichment import EnrichmentList
from contracts.providers import FoundCompany
from db import enrichments, leads, waterfalls
from db.transaction import transaction
from tests.flows.installation import Desk
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.sites import kind
from worker.providers.sandbox.world import World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]
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


async def test_new_leads_become_enriched_ones_with_sources(desk: Desk) -> None:  # S2.02 S2.07 S3.03 S3.05
    chosen = await enriched(desk, 5)
    assert len(chosen) == 5
    stories = [await story(desk, lead) for lead in chosen]
    assert [(s.items[0].status, s.items[0].error) for s in stories] == [("COMPLETED", None)] * 5
    states = await desk.rows("SELECT status, count(*)::int AS n FROM app.leads WHERE tenant_id = {me} GROUP BY 1")
    assert states == [{"status": "enriched", "n": 5}]
    facts = [fact for s in stories for fact in s.facts]
    assert {"site"} < {fact.vendor for fact in facts}, "our own crawler, and vendors"
    for fact in facts:
        assert 0 <= fact.confidence <= 1
        assert fact.observed_at
        assert fact.source_url or fact.vendor != "site"
    contacts = await desk.rows(
        "SELECT p.email, p.email_status FROM app.leads l JOIN app.contacts p ON p.id = l.contact_id"
        " WHERE l.tenant_id = {me} AND l.id = ANY($1)",
        chosen,
    )
    assert sum(c["email_status"] == "valid" for c in contacts) >= 2
    said = [fact for fact in facts if fact.field == "email_standing"]
    assert {fact.vendor for fact in said} <= {"zerobounce", "hunter"}
    assert all(fact.verified and fact.terms == "licensed" for fact in said)
    assert (await desk.proof()).ok


async def test_enriching_again_pays_for_nothing(desk: Desk, sandbox: RunningSandbox) -> None:  # S3.05 S3.10
    [lead] = await enriched(desk, 1)
    paid = {v: sandbox.totals(v)["credits"] for v in ("hunter", "zerobounce", "apollo", "lusha", "pdl")}
    assert sum(paid.values()) > 0
    assert await ask(desk, lead) == [], "it was done before"
    assert await ask(desk, lead, again=True) == [lead]
    await ended(desk, [lead])
    again = (await story(desk, lead)).items
    assert [(e.cause, e.status) for e in again] == [("2", "COMPLETED"), ("1", "COMPLETED")]
    assert again[0].cost_usd == 0
    assert {v: sandbox.totals(v)["credits"] for v in paid} == paid


async def test_a_thin_site_is_searched_for_and_read_by_the_model(desk: Desk, sandbox: RunningSandbox) -> None:  # S3.04
    world = World(7)
    shell = next(c for c in world.companies("ZA") if kind(world, c) == "shell" and people_of(world, c))
    company = FoundCompany(external_id="typed", name=shell.name, country="ZA", domain=shell.domain)
    async with transaction(desk.pool, desk.tenant) as tx:
        lead = await leads.create(tx, desk.tenant, company, icp_profile_id=None)
        order = await waterfalls.propose(tx, desk.tenant, "company", ["llm.complete", "hunter.company"], "tests")
        assert order is not None
        await waterfalls.promote(tx, desk.tenant, order, {}, "tests")
    await ended(desk, await ask(desk, lead))
    done = (await story(desk, lead)).items[0]
    assert (done.status, done.payload["site"]["outcome"]) == ("COMPLETED", "thin")
    assert sandbox.totals("tavily")["requests"] == 1, "what a search engine has read of it stands in"
    [model] = [s for s in done.steps if s.operation == "llm.complete"]
    assert (model.place, model.outcome) == (0, "accepted"), model.reason
    assert 0 < model.units <= 8_000, "tokens"


async def test_a_search_whose_vendor_is_only_busy_is_waited_for(desk: Desk, sandbox: RunningSandbox) -> None:  # S3.04
    world = World(7)
    shells = [c for c in world.companies("ZA") if kind(world, c) == "shell" and people_of(world, c)]
    company = FoundCompany(external_id="typed", name=shells[1].name, country="ZA", domain=shells[1].domain)
    async with transaction(desk.pool, desk.tenant) as tx:
        lead = await leads.create(tx, desk.tenant, company, icp_profile_id=None)
    sandbox.fault("429", vendor="tavily", times=1, retry_after_s=1)
    await ended(desk, await ask(desk, lead))
    done = (await story(desk, lead)).items[0]
    assert "web search: done" in done.payload["notes"]
    assert sandbox.totals("tavily")["credits"] == 1


async def test_a_vendor_that_is_out_of_credits_is_passed_by(desk: Desk, sandbox: RunningSandbox) -> None:  # S3.05 S3.13
    # The last test here: its breaker stays open.
    sandbox.fault("429", vendor="hunter", times=None)  # Hunter's way to say that no credits are left
    chosen = await enriched(desk, 2)
    stories = [(await story(desk, lead)).items[0] for lead in chosen]
    assert all(s.status == "COMPLETED" for s in stories)
    steps = [step for s in stories for step in s.steps]
    refused = [s for s in steps if s.operation.startswith("hunter.") and s.outcome != "skipped"]
    assert {s.outcome for s in refused} == {"error"}
    assert any(s.outcome == "accepted" and not s.operation.startswith("hunter.") for s in steps)
