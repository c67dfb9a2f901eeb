"""Where a lead stands: its status follows its last enrichment, and nothing that later stages do is written into it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from contracts.jobs import EnrichLead
from contracts.leads import LeadRow
from contracts.providers import FoundCompany
from db import enrichments, executions, leads, scores
from db.transaction import transaction
from tests.enrichment.house import House
from worker.context import Stopped
from worker.dispatcher import Dispatcher
from worker.enrichment import jobs


async def status(house: House, lead: UUID) -> str:
    found: str = await house.conn.fetchval("SELECT status FROM app.leads WHERE id = $1", lead)
    return found


async def states(house: House, lead: UUID) -> list[str]:
    rows = await house.conn.fetch("SELECT state FROM app.enrichments WHERE lead_id = $1 ORDER BY id", lead)
    return [r["state"] for r in rows]


async def shown(house: House, lead: UUID) -> dict[str, Any]:
    async with transaction(house.pool, house.tenant) as tx:
        [row] = await leads.list_(tx, house.tenant, lead_id=lead)
    LeadRow.model_validate(row)
    return row


async def typed(house: House) -> UUID:
    company = FoundCompany(external_id="t", name="Nobody Knows It", country="ZA", domain="nobody-knows-it.example")
    async with transaction(house.pool, house.tenant) as tx:
        return await leads.create(tx, house.tenant, company, icp_profile_id=None)


async def test_a_lead_is_new_then_processing_then_enriched_or_failed(house: House) -> None:
    # S2.05 R15
    lead = await typed(house)
    assert (await status(house, lead), await states(house, lead)) == ("new", [])
    async with transaction(house.pool, house.tenant) as tx:
        assert await enrichments.ask(tx, house.tenant, [lead], limit=1, again=False) == [lead]
    assert await status(house, lead) == "processing"
    async with transaction(house.pool, house.tenant) as tx:
        assert (await enrichments.begin(tx, house.tenant, lead, "1")).state == "PENDING"
    await house.work()
    assert (await status(house, lead), await states(house, lead)) == ("enriched", ["COMPLETED"])

    async with transaction(house.pool, house.tenant) as tx:
        given_up = Stopped("dead", "vendor_down", "nobody answers")
        await jobs.stopped(tx, house.tenant, EnrichLead(lead_id=lead, cause="2"), given_up)
    assert (await status(house, lead), await states(house, lead)) == ("failed", ["COMPLETED", "FAILED"])
    assert (await shown(house, lead))["latest_enrichment"]["status"] == "FAILED"

    async with transaction(house.pool, house.tenant) as tx:
        await enrichments.ask(tx, house.tenant, [lead], limit=1, again=True)
    await house.work()
    assert (await status(house, lead), (await states(house, lead))[-1]) == ("enriched", "COMPLETED")


async def test_a_retried_enrichment_is_done_after_all(house: House) -> None:
    # S2.05 S2.14: `headwater jobs retry` takes back what the end of the job had written.
    lead = await typed(house)
    async with transaction(house.pool, house.tenant) as tx:
        await enrichments.ask(tx, house.tenant, [lead], limit=1, again=False)
    await Dispatcher(house.pool, house.settings).dispatch_batch()
    job: UUID = await house.conn.fetchval("SELECT id FROM app.job_executions WHERE job = 'enrichment.run'")
    async with transaction(house.pool, house.tenant) as tx:
        await executions.cancel_execution(tx, [house.tenant], job, "olga")
    await house.work()
    assert (await status(house, lead), await states(house, lead)) == ("failed", ["FAILED"])
    async with transaction(house.pool, house.tenant) as tx:
        await executions.retry_execution(tx, [house.tenant], job, "olga")
    assert (await status(house, lead), await states(house, lead)) == ("processing", ["PENDING"])
    await house.work()
    assert (await status(house, lead), await states(house, lead)) == ("enriched", ["COMPLETED"])


async def test_later_stages_write_their_states_into_rows_of_their_own(house: House) -> None:
    # R15 S2.03
    [lead] = await house.enriched(1)
    before = await shown(house, lead)
    assert (before["status"], before["latest_enrichment"]["status"]) == ("enriched", "COMPLETED")
    first = before["latest_score"]
    assert first is not None
    await house.conn.execute("UPDATE app.companies SET employees = coalesce(employees, 0) + 7000")
    async with transaction(house.pool, house.tenant) as tx:
        await scores.ask(tx, house.tenant, [lead], limit=1, again=True)
    await house.work()
    after = await shown(house, lead)
    assert after["status"] == "enriched", "a score is no state of the lead"
    assert after["latest_score"].snapshot_id != first.snapshot_id, "the newest one is shown"
    with pytest.raises(asyncpg.CheckViolationError):
        await house.conn.execute("UPDATE app.leads SET status = 'scored' WHERE id = $1", lead)


async def test_each_lead_shows_its_latest_discovery_enrichment_and_score(house: House) -> None:
    # S2.03
    chosen = await house.enriched(2)
    async with transaction(house.pool, house.tenant) as tx:
        await enrichments.ask(tx, house.tenant, chosen, limit=2, again=True)
    await house.work()
    async with transaction(house.pool, house.tenant) as tx:
        rows = await leads.list_(tx, house.tenant)
        newest = await tx.fetch("SELECT lead_id, max(id::text) AS id FROM app.enrichments GROUP BY 1")
        deciding = await tx.fetch("SELECT lead_id, id FROM app.score_predictions WHERE decides")
    assert {r["id"] for r in rows} == set(chosen)
    assert {r["id"]: str(r["latest_enrichment"]["id"]) for r in rows} == {r["lead_id"]: r["id"] for r in newest}
    assert {r["id"]: r["latest_score"].id for r in rows} == {r["lead_id"]: r["id"] for r in deciding}
