"""The four jobs as runs: idempotent, isolated by record and by tenant, rehearsed, logged in the documents' words."""

from __future__ import annotations

import asyncio
from typing import Any, get_args
from uuid import UUID

import pytest
import structlog

from contracts.accounts import DAILY_JOBS, DOCUMENTED_JOBS, BusinessJob, documented_name, job_named
from contracts.errors import Invalid
from contracts.runs import RunStatus
from db import business_jobs, executions
from db.transaction import transaction
from tests.accounts.shop import Shop, work
from tests.accounts.test_triggers import add
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher

ALL: tuple[BusinessJob, ...] = get_args(BusinessJob)


async def trade(shop: Shop) -> dict[str, UUID]:
    """Something for each job to change."""
    company, tea = await shop.customer("c"), await shop.sku("tea", 3)
    await shop.sample(company, tea, 60)
    await shop.order(company, 50, lines=[(tea, 90)])
    await add(shop, "no_order_for", {"days": 45})
    await add(shop, "stock_below", {"days": 5}, action="webhook")
    return {"company": company, "tea": tea}


async def test_all_jobs_run_and_a_second_round_changes_nothing(shop: Shop) -> None:
    # S4.09: the integration script over all jobs; S4.08: idempotent
    await trade(shop)
    first = {job: await shop.run(job) for job in ALL}
    assert {job: (s["status"], s["errorCount"]) for job, s in first.items()} == dict.fromkeys(ALL, ("completed", 0))
    assert all(s["processed"] and s["changed"] for s in first.values()), first
    before = await shop.rows()
    second = {job: await shop.run(job) for job in ALL}
    assert [s["changed"] for s in second.values()] == [0, 0, 0, 0]
    assert [s["processed"] for s in second.values()] == [s["processed"] for s in first.values()]
    assert await shop.rows() == before


async def test_a_retried_job_takes_its_run_to_the_end(shop: Shop) -> None:
    # S2.14 S4.08: given up and retried by an operator, it is done and its run says so
    await trade(shop)
    run_id = await shop.start("accounts.update_types")
    await dispatcher(shop.pool).dispatch_batch()
    job: UUID = await shop.conn.fetchval("SELECT id FROM app.job_executions WHERE run_id = $1", run_id)
    async with transaction(shop.pool, shop.tenant) as tx:
        await executions.cancel_execution(tx, [shop.tenant], job, "olga")
    assert (await shop.show(await shop.work(run_id))).status is RunStatus.CANCELLED
    async with transaction(shop.pool, shop.tenant) as tx:
        await executions.retry_execution(tx, [shop.tenant], job, "olga")
    assert (await shop.show(await shop.work(run_id))).status is RunStatus.COMPLETED
    assert await shop.types()


async def test_a_dry_run_writes_no_business_row_and_counts_what_the_real_one_then_does(shop: Shop) -> None:
    # R3 S4.02 S4.09
    await trade(shop)
    for job in ALL:
        before = await shop.rows()
        facts = await shop.conn.fetchval("SELECT count(*) FROM app.outbox WHERE type = 'TriggerFired'")
        would = await shop.run(job, dry_run=True)
        assert await shop.rows() == before, job
        assert await shop.conn.fetchval("SELECT count(*) FROM app.outbox WHERE type = 'TriggerFired'") == facts
        does = await shop.run(job)
        same = (
            "status",
            "processed",
            "changed",
            "errorCount",
            "types",
            "changes",
            "fired",
            "firedBy",
            "low",
            "converted",
        )
        assert {k: would.get(k) for k in same} == {k: does.get(k) for k in same}, job
        assert would["changed"] > 0, job


async def test_one_bad_record_is_named_and_the_rest_goes_on(shop: Shop) -> None:
    # S4.02 S4.05 S4.09: orders whose sum no number can hold
    for n in range(9):
        await shop.order(await shop.customer(f"good {n}"), 5)
    bad = await shop.customer("bad")
    for _ in range(2):
        await shop.order(bad, 5, value=1.7e308)
    run_id = await shop.start("accounts.update_types")
    with structlog.testing.capture_logs() as logs:
        await shop.work(run_id)
    run = await shop.show(run_id)
    assert (run.status, run.counts.errors, run.error_code) == (RunStatus.PARTIAL, 1, "records_failed")
    assert run.stats is not None
    assert (run.stats["processed"], run.stats["typesChanged"]) == (10, 9)
    assert [(e["id"], e["type"]) for e in run.stats["errors"]] == [(str(bad), "record")]
    assert await shop.counters(run_id) == {"processed": 10, "changed": 9, "errors": 1}
    assert [entry["event"] for entry in logs if "Error processing" in entry["event"]] == [
        f"[update-account-types] Error processing {bad}: value out of range: overflow"
    ]
    assert len(await shop.types()) == 9


async def test_a_bad_sku_and_a_broken_trigger_stop_no_other(shop: Shop) -> None:
    # S4.02
    await trade(shop)
    bad, other = await shop.sku("bad", 5), await shop.customer("other")
    for _ in range(2):
        await shop.order(other, 5, lines=[(bad, 1.7e308)])
    stats = await shop.run("accounts.burn_rates")
    assert (stats["status"], stats["errorCount"], stats["errors"][0]["id"]) == ("partial", 1, str(bad))
    assert await shop.conn.fetchval("SELECT burn_rate FROM app.skus WHERE code = 'tea'") > 0
    await shop.run("accounts.update_types")
    broken = await shop.conn.fetchval("UPDATE app.triggers SET params = '{}' WHERE rule = 'stock_below' RETURNING id")
    stats = await shop.run("accounts.triggers")
    assert (stats["status"], stats["errors"][0]["id"], stats["firedBy"]) == (
        "partial",
        str(broken),
        {"no_order_for": 1},
    )


async def test_when_every_record_is_bad_the_run_failed(shop: Shop) -> None:
    # S4.02 R1
    bad = await shop.customer("bad")
    for _ in range(2):
        await shop.order(bad, 5, value=1.7e308)
    assert (await shop.run("accounts.update_types"))["status"] == "failed"


@pytest.mark.parametrize("job", ALL)
async def test_the_log_speaks_the_documents_words(shop: Shop, job: BusinessJob) -> None:
    # S4.05
    await trade(shop)
    run_id = await shop.start(job)
    with structlog.testing.capture_logs() as logs:
        await shop.work(run_id)
    name = documented_name(job)
    said = [entry for entry in logs if entry["event"].startswith(f"[{name}]")]
    assert said[0]["event"] == f"[{name}] Starting job execution"
    assert said[1]["event"] == f"[{name}] Processing {said[1]['count']} records"
    assert said[-1]["event"].startswith(f"[{name}] Complete: ")
    assert {(entry["runId"], entry["tenantId"]) for entry in said} == {(str(run_id), str(shop.tenant))}


async def test_a_job_that_cannot_go_on_fails_its_run_and_says_why(shop: Shop) -> None:
    # S4.02 S4.05: re-raised, retried, then told to the run
    await trade(shop)
    await shop.conn.execute("ALTER TABLE app.accounts RENAME COLUMN value_12m TO gone")
    run_id = await shop.start("accounts.update_types")
    with structlog.testing.capture_logs() as logs:
        await shop.work(run_id)
    run = await shop.show(run_id)
    assert (run.status, run.stats is not None) == (RunStatus.FAILED, True)
    assert any(entry["event"].startswith("[update-account-types] Fatal error: ") for entry in logs)


async def test_two_runs_at_once_take_turns_and_nothing_happens_twice(shop: Shop) -> None:
    # S4.08: race conditions handled by locks
    await trade(shop)
    await shop.run("accounts.update_types")
    await shop.run("accounts.burn_rates")
    ids = [await shop.start("accounts.triggers") for _ in range(2)]
    await asyncio.gather(work(shop.pool), work(shop.pool))
    shown = [await shop.show(run_id) for run_id in ids]
    assert [run.status for run in shown] == [RunStatus.COMPLETED] * 2
    assert sorted((run.stats or {})["fired"] for run in shown) == [0, 2]
    assert await shop.conn.fetchval("SELECT count(*) FROM app.trigger_executions") == 2


async def test_a_tenants_jobs_see_and_change_only_its_own(shop: Shop) -> None:
    # S4.08 R18
    await trade(shop)
    other = Shop(shop.conn, shop.pool, await new_tenant(shop.pool))
    before = await shop.rows()
    stats = {job: await other.run(job) for job in ALL}
    assert {s["processed"] for s in stats.values()} == {0}
    assert await shop.rows() == before


async def test_one_occurrence_is_one_run(shop: Shop) -> None:
    found: list[Any] = []
    for _ in range(2):
        async with transaction(shop.pool, shop.tenant) as tx:
            found.append(
                await business_jobs.start(
                    tx,
                    shop.tenant,
                    "accounts.burn_rates",
                    triggered_by="schedule",
                    occurrence_key="stock:2026-01-05T02:00:00Z",
                )
            )
    assert found == [(found[0][0], True), (found[0][0], False)]


def test_the_documents_names_are_known() -> None:
    # S4.12
    for name, job in DOCUMENTED_JOBS.items():
        assert job_named(name) == job == job_named(job)
    assert [documented_name(job) for job in DAILY_JOBS] == [
        "update-account-types",
        "sample-metrics",
        "calculate-burn-rates",
    ]
    with pytest.raises(Invalid, match="process-triggers"):
        job_named("make-coffee")
