"""The minute's look: what no run's end wakes is opened, counted seldom, resolved by itself; one worker of all looks."""

from __future__ import annotations

import asyncio

from contracts.events import Probed
from contracts.runs import CreateRun
from db import alert_looks, outbox, runs
from db.transaction import DbRole, transaction
from tests.alerting.house import House
from worker.watch import look_once


async def test_a_run_that_does_not_begin_is_late_after_fifteen_minutes(house: House) -> None:
    # S4.08: detected within the hour
    params = runs.params_of(CreateRun(), house.settings)
    async with transaction(house.pool, house.tenant) as tx:
        run_id, _ = await runs.start(tx, house.tenant, params, mode="daily", dry_run=False, triggered_by="cron")
    await house.conn.execute("DELETE FROM app.outbox_events")  # nobody will ever begin it
    await house.shift(890)
    await house.look()
    assert await house.open() == {}
    await house.shift(905)
    await house.look()
    alert = (await house.open())["run.late"]
    assert (alert.severity, alert.scope, alert.evidence["n"]) == ("error", "discovery", 1)
    assert alert.evidence["runs"] == [str(run_id)]
    assert alert.evidence["oldest_s"] < 3600
    async with transaction(house.pool, house.tenant) as tx:
        await runs.begin(tx, house.tenant, run_id, 60)
    await house.look()
    assert "run.late" not in await house.open()


async def test_a_run_that_does_not_end_is_seen_while_it_goes_on(house: House) -> None:
    # S4.07 S4.08
    await house.usual(5)
    params = runs.params_of(CreateRun(), house.settings)
    async with transaction(house.pool, house.tenant) as tx:
        run_id, _ = await runs.start(tx, house.tenant, params, mode="daily", dry_run=False, triggered_by="cron")
        await runs.begin(tx, house.tenant, run_id, 3600)
    await house.shift(40)
    await house.look()
    alert = (await house.open())["run.running_long"]
    assert (alert.evidence["run"], alert.evidence["n"]) == (str(run_id), 5)
    assert alert.evidence["duration_s"] > 3 * alert.evidence["median_s"]
    async with transaction(house.pool, house.tenant) as tx:
        await runs.end(tx, house.tenant, run_id)
    await house.look()
    assert "run.running_long" not in await house.open()


async def test_a_budget_is_told_at_eighty_percent_and_again_when_it_is_spent(house: House) -> None:
    # S4.07
    await house.conn.execute(
        "INSERT INTO app.budget_counters (tenant_id, scope, vendor, unit, period, bucket, limit_units, spent)"
        " VALUES ($1, 'tenant', 'hunter', 'credit', 'day', to_char(app.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 100, 79)",
        house.tenant,
    )
    await house.look()
    assert await house.open() == {}
    await house.conn.execute("UPDATE app.budget_counters SET spent = 80")
    await house.look()
    alert = (await house.open())["budget.nearly_spent"]
    assert (alert.scope, alert.evidence["spent"], alert.evidence["limit"]) == ("tenant:hunter:credit:day", 80, 100)
    await house.conn.execute("UPDATE app.budget_counters SET spent = 100")
    await house.look()
    assert {"budget.nearly_spent", "budget.spent"} <= set(await house.open())
    await house.shift(86_400)  # another day, another budget
    await house.look()
    assert await house.open() == {}


async def test_dead_letters_and_a_standing_outbox(house: House) -> None:
    # S4.07
    await house.conn.execute(
        "INSERT INTO app.dead_letters (tenant_id, kind, event_id, event, name, attempts, created_at)"
        " VALUES ($1, 'event', app.uuidv7(), '{}', 'Probed', 5, app.now())",
        house.tenant,
    )
    async with transaction(house.pool, house.tenant) as tx:
        await outbox.emit(tx, house.tenant, Probed(probe_id=house.tenant))
    await house.shift(301)
    await look_once(house.pool, 0.0)
    found = await house.open()
    assert found["dead_letters.open"].evidence["names"] == ["Probed"]
    assert (found["outbox.age"].severity, found["outbox.age"].evidence["threshold_s"]) == ("critical", 300)
    await house.conn.execute("UPDATE app.dead_letters SET resolved_at = app.now(), resolution = 'dismissed'")
    await house.work()
    await house.look()
    assert await house.open() == {}


async def test_what_is_paused_stands_still_on_purpose(house: House) -> None:
    async with transaction(house.pool, house.tenant) as tx:
        await outbox.emit(tx, house.tenant, Probed(probe_id=house.tenant))
    await house.conn.execute("INSERT INTO app.pauses (tenant_id, paused_by) VALUES ($1, 'tests')", house.tenant)
    await house.shift(3600)
    await look_once(house.pool, 0.0)
    assert await house.open() == {}


async def test_one_of_many_workers_looks_and_what_goes_on_is_counted_seldom(house: House) -> None:
    # S4.07
    await house.conn.execute(
        "INSERT INTO app.dead_letters (tenant_id, kind, event_id, event, name, attempts, created_at)"
        " VALUES ($1, 'event', app.uuidv7(), '{}', 'Probed', 5, app.now())",
        house.tenant,
    )
    looks = await asyncio.gather(*(look_once(house.pool) for _ in range(5)))
    assert [look for look in looks if look is not None] == [(1, 0)]
    assert await look_once(house.pool) is None
    await house.work()
    await house.shift(61)
    assert await look_once(house.pool) == (0, 0)
    assert (await house.open())["dead_letters.open"].count == 1
    await house.shift(700)
    assert await look_once(house.pool) == (0, 0)
    assert (await house.open())["dead_letters.open"].count == 2
    await house.shift(-3600)
    assert await look_once(house.pool) is not None, "a clock that was set back stops no look"


async def test_a_look_reads_each_thing_once_whatever_the_tenants(house: House) -> None:
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        assert await alert_looks.conditions(tx) == []
