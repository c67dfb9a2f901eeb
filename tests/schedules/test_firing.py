"""Occurrences: each is settled once, by whoever comes first, whatever the clock and the settings do."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.schedules import CatchUp, ChangeSchedule
from contracts.tenants import SYSTEM_TENANT
from db import schedule_fires, schedules, tenants
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.schedules.house import fires, make, set_clock, settings
from worker.scheduler import tick

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SIX = MIDNIGHT + timedelta(hours=6)


async def test_a_due_schedule_starts_its_run_and_event_in_one_commit(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S0.13 R7 C.03
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "0 6 * * *", params={"max_companies": 7})
    assert made.next_due_at == SIX
    assert await tick(pool, settings()) == []

    await set_clock(conn, SIX + timedelta(seconds=1))
    (fired,) = await tick(pool, settings())
    assert (fired.settled, fired.started) == (1, 1)
    assert await tick(pool, settings()) == []
    run = await conn.fetchrow("SELECT * FROM app.runs WHERE tenant_id = $1", tenant)
    assert run is not None
    assert (run["kind"], run["status"], run["mode"], run["triggered_by"]) == ("discovery", "pending", "daily", "cron")
    assert run["occurrence_key"] == "morning:2026-03-02T06:00:00Z"
    assert json.loads(run["params"])["max_companies"] == 7
    events = await conn.fetch("SELECT type, aggregate_id FROM app.outbox_events WHERE tenant_id = $1", tenant)
    assert [tuple(e) for e in events] == [("RunRequested", run["id"])]
    assert await fires(conn, made.id) == [(SIX, "started", None)]
    async with transaction(pool, tenant) as tx:
        shown = await schedules.show(tx, tenant, made.id)
    assert (shown.last_due_at, shown.last_run_id, shown.next_due_at) == (SIX, run["id"], SIX + timedelta(days=1))


async def test_many_schedulers_at_once_start_each_occurrence_once(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.18 S0.19
    await set_clock(conn, MIDNIGHT)
    for n in range(12):
        await make(pool, tenant, "0 6 * * *", f"s{n}")
    await set_clock(conn, SIX)
    said = await asyncio.gather(*[tick(pool, settings()) for _ in range(6)])
    assert sum(each.started for fired in said for each in fired) == 12
    assert await conn.fetchval("SELECT count(DISTINCT occurrence_key) FROM app.runs") == 12
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 12
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events") == 12


@pytest.mark.parametrize(
    ("catch_up", "started", "skipped"),
    [("all", [0, 1, 2, 3], []), ("once", [3], [0, 1, 2]), ("skip", [3], [0, 1, 2])],
)
async def test_what_was_missed_is_caught_up_with_as_wanted(
    conn: Connection, pool: Pool, tenant: UUID, catch_up: CatchUp, started: list[int], skipped: list[int]
) -> None:
    """Three days without a scheduler; it comes back a minute after the fourth occurrence."""
    # S0.18
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "0 6 * * *", catch_up=catch_up)
    await set_clock(conn, SIX + timedelta(days=3, minutes=1))
    await tick(pool, settings())
    found = await fires(conn, made.id)
    assert [due for due, outcome, _ in found if outcome == "started"] == [SIX + timedelta(days=n) for n in started]
    assert [due for due, outcome, _ in found if outcome == "skipped"] == [SIX + timedelta(days=n) for n in skipped]
    assert all(reason and reason.startswith("missed") for _, outcome, reason in found if outcome == "skipped")
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == len(started)


async def test_missed_for_long_and_wanted_only_on_time_nothing_starts(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "0 6 * * *", catch_up="skip")
    await set_clock(conn, SIX + timedelta(hours=2))
    await tick(pool, settings())
    assert [outcome for _, outcome, _ in await fires(conn, made.id)] == ["skipped"]
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 0


async def test_a_backlog_of_any_length_is_settled(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "*/5 * * * *", catch_up="once")
    await set_clock(conn, MIDNIGHT + timedelta(days=2, seconds=1))
    await tick(pool, settings())
    found = await fires(conn, made.id)
    assert len(found) == 2 * 24 * 12
    assert [outcome for _, outcome, _ in found].count("started") == 1
    assert found[-1][:2] == (MIDNIGHT + timedelta(days=2), "started")


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_jumps_an_hour_misses_and_doubles_nothing(
    conn: Connection, pool: Pool, tenant: UUID, hours: int
) -> None:
    # S0.18
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "*/10 * * * *", catch_up="all")
    for minutes in range(10, 130, 10):
        await set_clock(conn, MIDNIGHT + timedelta(minutes=minutes, seconds=1))
        await tick(pool, settings())
    await set_clock(conn, MIDNIGHT + timedelta(minutes=120 + 60 * hours, seconds=2))
    await tick(pool, settings())
    async with transaction(pool, tenant) as tx:  # a change at the wrong time makes it fall due no second time
        for cron in ("*/20 * * * *", "*/10 * * * *"):
            await schedules.change(tx, tenant, made.id, ChangeSchedule.model_validate({"cron": cron}), by="tests")
    for minutes in range(120, 260, 10):
        await set_clock(conn, MIDNIGHT + timedelta(minutes=minutes, seconds=3))
        await tick(pool, settings())
    found = await fires(conn, made.id)
    assert [due for due, _, _ in found] == [MIDNIGHT + timedelta(minutes=m) for m in range(10, 260, 10)]
    assert {outcome for _, outcome, _ in found} == {"started"}
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 25


async def test_what_the_settings_close_is_skipped_with_the_reason(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R25 S0.03 S0.18 S3.08
    await set_clock(conn, MIDNIGHT)
    daily = await make(pool, tenant, "0 6 * * *")
    night = await make(pool, tenant, "0 6 * * *", "night", kind="nightly")
    await set_clock(conn, SIX)
    await tick(pool, settings(discovery_runner_enabled=False, sched_enabled=False))
    assert await fires(conn, daily.id) == [(SIX, "skipped", "DISCOVERY_RUNNER_ENABLED is not true")]
    assert await fires(conn, night.id) == [(SIX, "skipped", "SCHED_ENABLED is false")]
    assert await conn.fetchval("SELECT count(*) FROM app.runs") == 0
    # SCHED_ENABLED gates nights only.
    await set_clock(conn, SIX + timedelta(days=1))
    await tick(pool, settings(sched_enabled=False))
    assert [outcome for _, outcome, _ in await fires(conn, daily.id)] == ["skipped", "started"]


@pytest.mark.parametrize("status", ["paused", "closed"])
async def test_tenants_that_are_not_active_start_nothing(
    conn: Connection, pool: Pool, tenant: UUID, status: str
) -> None:
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "0 6 * * *")
    await conn.execute("UPDATE app.tenants SET status = $2 WHERE id = $1", tenant, status)
    await set_clock(conn, SIX)
    await tick(pool, settings())
    assert await fires(conn, made.id) == [(SIX, "skipped", f"the tenant is {status}")]
    await conn.execute("UPDATE app.tenants SET status = 'active' WHERE id = $1", tenant)
    await set_clock(conn, SIX + timedelta(days=1))
    await tick(pool, settings())
    assert [outcome for _, outcome, _ in await fires(conn, made.id)] == ["skipped", "started"]


async def test_paused_nothing_falls_due_and_nothing_is_made_up_for(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await set_clock(conn, MIDNIGHT)
    made = await make(pool, tenant, "0 6 * * *", catch_up="all")
    async with transaction(pool, tenant) as tx:
        assert (await schedules.pause(tx, tenant, made.id, by="tests")).next_due_at is None
    await set_clock(conn, SIX + timedelta(days=2))
    assert await tick(pool, settings()) == []
    async with transaction(pool, tenant) as tx:
        assert (await schedules.resume(tx, tenant, made.id, by="tests")).next_due_at == SIX + timedelta(days=3)
    assert await fires(conn, made.id) == []


async def test_a_schedule_that_is_refused_says_why_and_holds_up_no_other(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    await set_clock(conn, MIDNIGHT)
    profile = await conn.fetchval(
        "INSERT INTO app.icp_profiles (tenant_id, name) VALUES ($1, 'gone soon') RETURNING id", tenant
    )
    refused = await make(pool, tenant, "0 6 * * *", "refused", params={"icp_profile_id": str(profile)})
    await conn.execute("UPDATE app.icp_profiles SET closed_at = app.now() WHERE id = $1", profile)
    good = await make(pool, tenant, "0 6 * * *", "good")
    await set_clock(conn, SIX)
    await tick(pool, settings())
    ((_, outcome, reason),) = await fires(conn, refused.id)
    assert outcome == "failed"
    assert reason is not None
    assert reason.startswith("icp_not_found")
    assert [outcome for _, outcome, _ in await fires(conn, good.id)] == ["started"]


async def test_a_schedule_that_breaks_is_put_off_and_tried_again(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await set_clock(conn, MIDNIGHT)
    broken = await make(pool, tenant, "0 6 * * *", "broken")
    good = await make(pool, tenant, "0 6 * * *", "good")
    await conn.execute(
        "ALTER TABLE app.runs ADD CONSTRAINT broken CHECK (occurrence_key NOT LIKE 'broken:%') NOT VALID"
    )
    await set_clock(conn, SIX)
    await tick(pool, settings())
    assert await fires(conn, broken.id) == []
    assert [outcome for _, outcome, _ in await fires(conn, good.id)] == ["started"]
    async with transaction(pool, tenant) as tx:
        shown = await schedules.show(tx, tenant, broken.id)
    assert shown.next_due_at == SIX
    assert shown.last_error is not None
    assert "broken" in shown.last_error
    await conn.execute("ALTER TABLE app.runs DROP CONSTRAINT broken")
    await set_clock(conn, SIX + timedelta(minutes=1))
    await tick(pool, settings())
    assert await fires(conn, broken.id) == [(SIX, "started", None)]


async def test_stagger_spreads_schedules_and_keeps_their_times(conn: Connection, pool: Pool, tenant: UUID) -> None:
    await set_clock(conn, MIDNIGHT)
    made = [await make(pool, tenant, "0 6 * * *", f"s{n}", jitter_s=3600) for n in range(20)]
    offsets = [(each.fires_at or SIX) - SIX for each in made]
    assert all(timedelta() <= each <= timedelta(hours=1) for each in offsets)
    assert len(set(offsets)) > 15
    await set_clock(conn, SIX + timedelta(minutes=30))
    await tick(pool, settings())
    for each, offset in zip(made, offsets, strict=True):
        found = await fires(conn, each.id)
        assert found == ([(SIX, "started", None)] if offset <= timedelta(minutes=30) else [])


async def test_every_tenant_has_the_standing_schedules_and_keeps_what_it_made_of_them(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S0.13 R7 R25
    await set_clock(conn, MIDNIGHT)
    made = await schedule_fires.ensure_standing(pool, settings())
    assert made > 0
    assert await schedule_fires.ensure_standing(pool, settings()) == 0
    async with transaction(pool, tenant) as tx:
        mine = {each.name: each for each in (await schedules.list_(tx, tenant)).items}
        daily = mine["daily-discovery"]
        assert (daily.kind, daily.cron, daily.zone, daily.next_due_at) == ("discovery", "0 6 * * *", "Etc/UTC", SIX)
        assert {each.kind for each in mine.values()} >= {"discovery", "rollup", "models", "matching"}
        await schedules.remove(tx, tenant, mine["match-scan"].id, by="tests")
        changed = await schedules.change(tx, tenant, daily.id, ChangeSchedule(cron="0 7 * * *"), by="tests")
        assert not changed.managed
    assert await schedule_fires.ensure_standing(pool, settings(), follow=True) == 0
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        another = (await tenants.create(tx, "another", by="tests")).id
        house = {each.kind for each in (await schedules.list_(tx, SYSTEM_TENANT)).items}
    assert house == {"opportunities", "cleanup"}
    assert await schedule_fires.ensure_standing(pool, settings()) == len(mine)
    async with transaction(pool, another) as tx:
        assert len((await schedules.list_(tx, another)).items) == len(mine)
    async with transaction(pool, tenant) as tx:
        kept = {each.name: each.cron for each in (await schedules.list_(tx, tenant)).items}
    assert kept == {name: each.cron for name, each in mine.items() if name != "match-scan"} | {
        "daily-discovery": "0 7 * * *"
    }


async def test_each_kind_starts_what_it_is_for(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.19 S2.11
    await set_clock(conn, MIDNIGHT)
    await make(pool, tenant, "0 6 * * *", "figures", kind="rollup", params={"days": 35})
    await make(pool, tenant, "0 6 * * *", "models", kind="models")
    await make(pool, tenant, "0 6 * * *", "matches", kind="matching")
    await make(pool, SYSTEM_TENANT, "0 6 * * *", "cleaning", kind="cleanup")
    await make(pool, SYSTEM_TENANT, "0 6 * * *", "tenders", kind="opportunities")
    await set_clock(conn, SIX)
    await tick(pool, settings(sam_api_key="a key"))
    rows = await conn.fetch(
        "SELECT s.name, f.outcome, f.reason, r.kind, r.params->'days' AS days FROM app.schedule_fires f"
        " JOIN app.schedules s ON s.id = f.schedule_id LEFT JOIN app.runs r ON r.id = f.run_id ORDER BY s.name"
    )
    assert [(r["name"], r["outcome"], r["kind"]) for r in rows] == [
        ("cleaning", "started", None),
        ("figures", "started", "rollup"),
        ("matches", "started", None),
        ("models", "started", None),
        ("tenders", "started", "opportunities"),
    ], [dict(r) for r in rows]
    assert "2026-03-02" in str(rows[1]["days"])
    assert "2026-01-27" in str(rows[1]["days"])
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE type = 'MatchingRequested'") == 1
