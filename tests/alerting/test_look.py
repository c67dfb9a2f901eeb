"""The minute's look: what no run's end wakes is opened, counted seldom, resolved by itself; one worker of all looks."""

from __future__ import annotations

import asyncio
from uuid import UUID

from contracts.events import Probed
from contracts.runs import CreateRun
from contracts.schedules import ChangeSchedule
from contracts.timing import stagger
from db import alert_looks, outbox, runs
from db import schedules as db_schedules
from db.transaction import DbRole, transaction
from tests.alerting.house import House
from tests.schedules import house as schedules
from worker.scheduler import tick
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


async def due_in(house: House, schedule_id: UUID, seconds: float) -> None:
    """Move the clock to `seconds` before the schedule's next time; negative: after it."""
    left = "SELECT extract(epoch FROM next_due_at - clock_timestamp())::float8 FROM app.schedules WHERE id = $1"
    await house.shift(await house.conn.fetchval(left, schedule_id) - seconds)


async def test_a_schedule_that_nobody_fires_is_late_until_somebody_does(house: House) -> None:
    # S4.08 S4.07
    made = await schedules.make(house.pool, house.tenant, "0 6 * * *")
    paused = await schedules.make(house.pool, house.tenant, "0 6 * * *", "paused", enabled=False)
    assert paused.next_due_at is None
    await due_in(house, made.id, -890)
    await house.look()
    assert await house.open() == {}
    await due_in(house, made.id, -905)
    await house.look()
    alert = (await house.open())["schedule.late"]
    assert (alert.severity, alert.scope, alert.evidence["failures"]) == ("error", "morning", 0)
    assert 900 < alert.evidence["late_s"] < 3600
    await tick(house.pool, schedules.settings())
    await house.look()
    assert "schedule.late" not in await house.open()


async def test_a_stagger_is_no_delay(house: House) -> None:
    # S4.08
    made = await schedules.make(house.pool, house.tenant, "0 6 * * *", jitter_s=21_600)
    offset_s = stagger(made.id, 21_600).total_seconds()
    await due_in(house, made.id, -offset_s - 890)
    await house.look()
    assert await house.open() == {}
    await due_in(house, made.id, -offset_s - 905)
    await house.look()
    assert 900 < (await house.open())["schedule.late"].evidence["late_s"] < 3600


async def test_a_schedule_that_cannot_be_fired_is_late_and_its_error_stays_in_the_house(house: House) -> None:
    # S4.08 S4.07
    made = await schedules.make(house.pool, house.tenant, "0 6 * * *")
    await house.conn.execute(
        "ALTER TABLE app.runs ADD CONSTRAINT broken CHECK (occurrence_key NOT LIKE 'morning:%') NOT VALID"
    )
    for late_s in (1, 905):  # tried, put off, tried again
        await due_in(house, made.id, -late_s)
        await tick(house.pool, schedules.settings())
    await house.look()
    evidence = (await house.open())["schedule.late"].evidence
    assert (evidence["failures"], evidence["error"]) == (2, "CheckViolationError")
    assert "morning:" not in str(evidence)
    await house.conn.execute("ALTER TABLE app.runs DROP CONSTRAINT broken")
    await house.conn.execute("UPDATE app.schedules SET fire_at = app.now() WHERE id = $1", made.id)
    await tick(house.pool, schedules.settings())
    await house.look()
    assert "schedule.late" not in await house.open()


async def test_a_schedule_that_was_refused_is_told_until_it_is_corrected(house: House) -> None:
    # S4.07
    profile = await house.conn.fetchval(
        "INSERT INTO app.icp_profiles (tenant_id, name) VALUES ($1, 'gone soon') RETURNING id", house.tenant
    )
    made = await schedules.make(house.pool, house.tenant, "0 6 * * *", params={"icp_profile_id": str(profile)})
    await house.conn.execute("UPDATE app.icp_profiles SET closed_at = app.now() WHERE id = $1", profile)
    await due_in(house, made.id, -1)
    await tick(house.pool, schedules.settings())
    await house.look()
    alert = (await house.open())["schedule.failed"]
    assert (alert.severity, alert.scope, alert.evidence["code"]) == ("error", "morning", "icp_not_found")
    async with transaction(house.pool, house.tenant) as tx:
        body = ChangeSchedule.model_validate({"params": {}})
        await db_schedules.change(tx, house.tenant, made.id, body, by="tests")
    await house.look()
    assert "schedule.failed" not in await house.open()


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
