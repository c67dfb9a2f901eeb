"""Nights that meet trouble: vendors away, keys missing, no CRM, jobs given up, somebody who cancels. Every one has an end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.nights import cause_of
from db import jobs, outbox, runs
from db.transaction import DbRole, transaction
from tests.nightly.house import NightHouse
from worker.activities import ACTIVITIES
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.sites import kind
from worker.providers.sandbox.world import World

KEYS = (
    "tavily_api_key", "google_cse_api_key", "apollo_api_key", "pdl_api_key", "hunter_api_key", "clearbit_api_key", "lusha_api_key",
    "zerobounce_api_key", "openai_api_key", "companies_house_api_key", "brightdata_api_key", "langchain_model",
)  # fmt: skip


async def one_company(house: NightHouse) -> None:
    world = World(7)
    each = next(c for c in world.companies("ZA") if people_of(world, c) and kind(world, c) == "plain")
    await house.found(each.name, each.domain)


@pytest.mark.timeout(120)
@pytest.mark.slow
async def test_a_night_without_a_single_key_and_without_a_crm_is_complete_and_says_what_it_went_without(
    house: NightHouse,
) -> None:
    # S3.13 S3.05 S3.16
    house.set(**dict.fromkeys(KEYS))
    await one_company(house)
    night = await house.night()
    assert (night.status, night.error) == ("completed", None)
    assert (night.steps["crawl"].done, night.steps["scoring"].done) == (1, 1)
    assert night.steps["verification"].done == 0
    assert night.steps["crm_push"].skipped == {"no_connection": 1}


@pytest.mark.timeout(120)
@pytest.mark.slow
async def test_vendors_that_are_away_cost_a_night_contacts_and_not_its_end(house: NightHouse) -> None:
    # S3.13 S3.10
    house.set(enrichment_patience_s=0)
    for vendor in ("apollo", "pdl", "hunter", "lusha", "zerobounce", "clearbit"):
        house.sandbox.fault("500", vendor=vendor, times=None)
    await one_company(house)
    night = await house.night()
    assert night.status == "completed"
    assert night.steps["scoring"].done == 1
    assert (await house.shortlist(_day(night))).items[0].score is not None


async def test_an_enrichment_that_is_given_up_leaves_the_others_and_the_night_is_partial(
    house: NightHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.10 S3.13 R1
    for n in range(3):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    unlucky = (await house.companies(run_id))[0].lead_id
    assert unlucky is not None
    await _give_up(house, unlucky, run_id)
    await house.work()
    night = await house.shown(run_id)
    assert (night.status, night.error_code, night.open_companies) == ("partial", "slices_failed", 0)
    assert night.steps["crawl"].skipped.get("failed") == 1
    assert night.steps["scoring"].done == 3, "it is scored by what is known"
    assert [c.status for c in await house.companies(run_id)] == ["error", "done", "done"]


async def _give_up(house: NightHouse, lead: UUID, run_id: UUID) -> None:
    """A worker takes the enrichment of a lead, and gives it up as it gives up a job that fails for good."""
    from worker.context import Stopped
    from worker.dispatcher import Dispatcher
    from worker.perform import tell

    await Dispatcher(house.pool, house.settings).dispatch_batch()
    async with transaction(house.pool, house.tenant) as tx:
        row: Any = await tx.fetchrow(
            "UPDATE app.job_executions SET state = 'running', started_at = app.now() WHERE tenant_id = $1 AND key = $2"
            " RETURNING id, token, payload",
            house.tenant, f"enrichment.run:{lead}:{cause_of(run_id)}",
        )  # fmt: skip
        why = Stopped("dead", "bad_answer", "it answered garbage")
        assert await jobs.end(
            tx,
            house.tenant,
            row["id"],
            row["token"],
            state="dead",
            error_class=why.error_class,
            error=why.error,
            traceback=None,
        )
        await tell(ACTIVITIES, tx, house.tenant, "enrichment.run", row["payload"], why)


async def test_a_night_that_is_cancelled_ends_at_once_and_starts_nobody_more(house: NightHouse) -> None:
    # S3.13 R1
    house.set(sched_company_concurrency=1)
    for n in range(3):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    async with transaction(house.pool, house.tenant) as tx:
        await runs.cancel(tx, house.tenant, run_id, by="tests")
    await house.work()
    night = await house.shown(run_id)
    assert (night.status, night.open_companies) == ("cancelled", 0)
    assert [c.stage for c in await house.companies(run_id)][1:] == ["waiting", "waiting"]


async def test_a_night_out_of_time_is_partial_with_what_it_has(house: NightHouse) -> None:
    # S3.10 S3.14 R5: one of its events never arrives; no night hangs for that.
    for n in range(2):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    lost = (await house.companies(run_id))[1].lead_id
    await house.conn.execute("DELETE FROM queue.procrastinate_jobs")
    await house.conn.execute("DELETE FROM app.job_executions WHERE payload->>'leadId' = $1", str(lost))
    await house.conn.execute("UPDATE app.job_executions SET state = 'waiting' WHERE state = 'queued'")
    waiting = await house.conn.fetch("SELECT id FROM app.job_executions WHERE state = 'waiting'")
    async with transaction(house.pool, house.tenant) as tx:
        for row in waiting:
            await outbox.redeliver_at(tx, house.tenant, row["id"], None)
    await house.work()
    night = await house.shown(run_id)
    assert (night.status, night.open_companies) == ("running", 1)
    await house.later(1)
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        assert await runs.overdue(tx, 0) == [(house.tenant, run_id)]
    async with transaction(house.pool, house.tenant) as tx:
        await runs.expire(tx, house.tenant, run_id)
    night = await house.shown(run_id)
    assert (night.status, night.stop_reason, night.open_companies) == ("partial", "time_budget", 0)
    assert len((await house.shortlist(_day(night))).items) == 2


async def test_a_lead_erased_meanwhile_does_not_hang_the_night(house: NightHouse) -> None:
    # S3.13 B.09
    for n in range(2):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    gone = (await house.companies(run_id))[0].lead_id
    await house.conn.execute("DELETE FROM app.leads WHERE id = $1", gone)
    await house.work()
    night = await house.shown(run_id)
    assert (night.status, night.open_companies) == ("completed", 0)
    assert night.steps["crm_push"].skipped.get("lead_gone") == 1


async def test_a_crm_that_refuses_costs_the_push_and_not_the_score(house: NightHouse) -> None:
    # S3.13 S3.10
    await house.policy(min_band="LOW")
    await house.connect()
    await house.found("one", None)
    house.sandbox.fault("401", vendor="odoo", times=None)
    night = await house.night()
    assert (night.status, night.steps["scoring"].done, night.steps["crm_push"].done) == ("partial", 1, 0)
    (row,) = await house.companies(night.id)
    assert row.error_code == "crm_push_failed"


async def test_what_the_night_spent_is_told_under_its_run(house: NightHouse) -> None:
    # S3.12: its jobs are its own, so that they can be cancelled and counted with it.
    await house.found("one", None)
    night = await house.night()
    found = await house.conn.fetch("SELECT DISTINCT job FROM app.job_executions WHERE run_id = $1", night.id)
    assert {r["job"] for r in found} >= {"nightly.plan", "enrichment.run", "features.compute", "scoring.compute"}
    async with transaction(house.pool, house.tenant) as tx:
        (row,) = await tx.fetch("SELECT * FROM app.company_enrichment_runs WHERE run_id = $1", night.id)
        (run,) = await tx.fetch("SELECT * FROM app.enrichment_runs WHERE run_id = $1", night.id)
    assert (row["rank"], row["reason"], row["status"], row["corpus"]) == (1, "unseen", "done", None)
    assert row["snapshot"]
    assert run["step_counters"]["scoring"] == {"in": 1, "done": 1, "skipped": {}}


def _day(night: Any) -> Any:
    assert night.night is not None
    return night.night
