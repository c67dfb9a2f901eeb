"""Whom a night chooses, in which order, how many, and that there is one a day."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from contracts.errors import Conflict, Invalid, NotFound
from contracts.settings import Settings
from db import nights, policies, runs, suppressions, tenants
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.flows.business import BOOKKEEPING
from tests.nightly.house import NightHouse


async def looked(house: NightHouse, name: str, days: float) -> None:
    """A company's lead was enriched so many days ago, with somebody to write to."""
    await house.conn.execute(
        "WITH c AS (SELECT id FROM app.companies WHERE tenant_id = $1 AND name = $2), k AS ("
        " INSERT INTO app.contacts (tenant_id, company_id, email) SELECT $1, id, id || '@x.example' FROM c RETURNING id),"
        " s AS (SELECT app.uuidv7() AS id), l AS ("
        " INSERT INTO app.leads (tenant_id, company_id, contact_id, source, status, snapshot_id)"
        " SELECT $1, c.id, k.id, 'register', 'enriched', s.id FROM c, k, s RETURNING id)"
        " INSERT INTO app.enrichments (tenant_id, lead_id, cause, state, started_at, finished_at)"
        " SELECT $1, l.id, '1', 'COMPLETED', at, at FROM l, (SELECT app.now() - $3::float8 * interval '1 day' AS at) t",
        house.tenant, name, days,
    )  # fmt: skip


async def policy(house: NightHouse, name: str, value: Any) -> None:
    async with transaction(house.pool, house.tenant) as tx:
        await policies.put(tx, house.tenant, name, value, by="tests")


async def order(house: NightHouse, run_id: UUID) -> list[tuple[str | None, str]]:
    return [(c.name, c.reason) for c in await house.companies(run_id) if c.stage != "passed_over"]


async def test_unseen_before_stale_before_recent_and_everybody_else_has_a_reason(house: NightHouse) -> None:
    # S3.02 S3.14 S3.19 R19 B.05
    for name, days in (("recent", 1), ("older", 5), ("stale", 40), ("staler", 60)):
        await house.found(name, None)
        await looked(house, name, days)
    await house.found("first", None)
    await house.found("second", None)
    await house.found("hushed", "hushed.example")
    async with transaction(house.pool, house.tenant) as tx:
        await suppressions.add(tx, house.tenant, "any", "domain", "hushed.example", by="tests")
    await policy(house, nights.CAP, 5)
    run_id, new = await house.ask()
    assert new
    await house.work(only=["nightly"])
    assert await order(house, run_id) == [
        ("first", "unseen"), ("second", "unseen"), ("staler", "stale"), ("stale", "stale"), ("older", "recent"),
    ]  # fmt: skip
    said = {c.name: (c.reason, c.detail) for c in await house.companies(run_id) if c.stage == "passed_over"}
    assert said["recent"][0] == "over_cap"
    assert "> cap 5" in (said["recent"][1] or "")
    assert said["hushed"][0] == "suppressed"
    night = await house.shown(run_id)
    assert night.manifest is not None
    assert (night.manifest.cap, night.manifest.cap_source) == (5, "policy")
    assert night.manifest.caps["company_concurrency"] == 8
    targets = night.steps["select_targets"]
    assert (targets.taken, targets.done, targets.skipped) == (7, 5, {"over_cap": 1, "suppressed": 1})


async def test_a_company_that_the_rules_turn_down_is_passed_over_with_the_rule(house: NightHouse) -> None:
    # S3.02 R19
    await house.profile(target_countries=["ZA"])
    await house.found("near", None, "ZA")
    await house.found("far", None, "NL")
    night = await house.night()
    (far,) = [c for c in await house.companies(night.id) if c.name == "far"]
    assert (far.reason, far.place, bool(far.detail)) == ("rejected", None, True)
    assert await order(house, night.id) == [("near", "unseen")]


async def test_there_is_one_night_a_day_and_a_second_request_is_handed_the_first(house: NightHouse) -> None:
    # S3.09
    run_id, new = await house.ask()
    again, second = await house.ask()
    assert (new, second, again) == (True, False, run_id)
    dry, third = await house.ask(dry_run=True)
    assert third
    assert dry != run_id
    await house.later(1)
    _, tomorrow = await house.ask()
    assert tomorrow


async def test_the_night_has_the_date_of_its_tenants_zone(house: NightHouse) -> None:
    # S3.09
    run_id, _ = await house.ask()
    singapore = await house.conn.fetchval("SELECT (app.now() AT TIME ZONE 'Asia/Singapore')::date")
    assert (await house.shown(run_id)).night == singapore
    await policy(house, nights.ZONE, "Pacific/Kiritimati")
    _, _new = await house.ask()
    kiritimati = await house.conn.fetchval("SELECT (app.now() AT TIME ZONE 'Pacific/Kiritimati')::date")
    found = await house.conn.fetch("SELECT occurrence_key FROM app.runs WHERE tenant_id = $1", house.tenant)
    assert {r["occurrence_key"] for r in found} == {f"nightly:{singapore}", f"nightly:{kiritimati}"}


async def test_only_so_many_companies_are_worked_on_at_once(house: NightHouse) -> None:
    # S3.08
    house.set(sched_company_concurrency=2)
    for n in range(5):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    stages = [c.stage for c in await house.companies(run_id)]
    assert stages == ["enriching"] * 2 + ["waiting"] * 3
    await house.work()
    night = await house.shown(run_id)
    assert (night.status, night.open_companies, night.steps["scoring"].done) == ("completed", 0, 5)


async def test_only_so_many_tenants_have_their_night_at_once(house: NightHouse, pool: Pool) -> None:
    # S3.08 S3.09
    house.set(sched_tenant_concurrency=1)
    other = NightHouse(house.conn, pool, house.sandbox, await new_tenant(pool))
    other.set(sched_tenant_concurrency=1)
    await house.found("one", None)
    await other.found("two", None)
    first, _ = await house.ask()
    await house.work(only=["nightly"])
    second, _ = await other.ask()
    await other.work(only=["nightly"])
    assert (await house.shown(first)).status == "running"
    assert (await other.shown(second)).status == "pending", "it waits for its turn"
    await house.work()
    await house.now_due()
    await other.work()
    assert [(await house.shown(first)).status, (await other.shown(second)).status] == ["completed", "completed"]


async def test_how_many_nights_run_is_all_a_tenant_learns_of_the_others(conn: Connection, pool: Pool) -> None:
    # R18: the leak test of app.night_may_begin and app.nights_waiting
    mine, others = await new_tenant(pool), await new_tenant(pool)
    await conn.execute(
        "INSERT INTO app.runs (tenant_id, kind, triggered_by, status, started_at)"
        " VALUES ($1, 'nightly', 'tests', 'running', app.now())",
        others,
    )
    async with transaction(pool, mine) as tx:
        assert await tx.fetchval("SELECT app.night_may_begin(1)") is False
        assert await tx.fetchval("SELECT app.night_may_begin(2)") is True
        assert await tx.fetchval("SELECT app.nights_waiting()") == 0, "one runs, none waits"
        assert await tx.fetch("SELECT id FROM app.runs WHERE kind = 'nightly'") == []


async def test_a_dry_run_says_what_the_night_would_do_and_changes_nothing(house: NightHouse) -> None:
    # R3 S3.11 B.06
    await house.profile()
    for n in range(3):
        await house.found(f"c{n}", None)
    await house.staged("LION UNIFORMS PTE. LTD.")
    before = await business(house.conn)
    dry = await house.night(dry_run=True, limit=2)
    assert await business(house.conn) == before
    assert (dry.status, dry.dry_run, dry.manifest) == ("completed", True, None)
    assert dry.forecast is not None
    assert (dry.forecast.companies, dry.forecast.to_enrich, dry.forecast.basis) == (2, 2, "assumed")
    assert dry.forecast.cost_usd > 0
    assert dry.forecast.finishes_at > dry.created_at
    real = await house.night(limit=2)
    for step in ("refresh_companies", "refresh_candidates", "select_targets"):
        assert dry.steps[step] == real.steps[step], step
        assert real.steps[step].done
    assert dry.passed_over == {"over_cap": 2}


async def business(conn: Connection) -> dict[str, Any]:
    """(rows, their versions and places) of every table that is not bookkeeping."""
    names = await conn.fetch(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> ALL($1)", [*BOOKKEEPING, "breakers", "vendor_operations"],
    )  # fmt: skip
    return {
        n["name"]: tuple(await conn.fetchrow(
            f"SELECT count(*), md5(string_agg(t.xmin::text || t.ctid::text, ',' ORDER BY t.ctid)) FROM {n['name']} t"
        ) or ()) for n in names
    }  # fmt: skip


async def test_what_a_night_leaves_undone_is_done_from_its_manifest(house: NightHouse) -> None:
    # S3.02 S3.10 S3.11
    house.set(sched_company_concurrency=1)
    for n in range(3):
        await house.found(f"c{n}", None)
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    with pytest.raises(Conflict, match="running"):
        await house.ask(from_manifest=run_id)
    await house.conn.execute("UPDATE app.outbox_events SET available_at = app.now() + interval '1 hour'")
    # The night is cut short after its first company.
    async with transaction(house.pool, house.tenant) as tx:
        await tx.execute(
            "UPDATE app.night_companies SET stage = 'ended', finished_at = app.now() WHERE tenant_id = $1 AND place = 1",
            house.tenant,
        )
        await tx.execute(
            "UPDATE app.run_slices SET state = 'done', closed_at = app.now() WHERE tenant_id = $1 AND ordinal = 0",
            house.tenant,
        )
        await tx.execute("UPDATE app.runs SET open_slices = 2 WHERE tenant_id = $1 AND id = $2", house.tenant, run_id)
        await runs.cancel(tx, house.tenant, run_id, by="tests")
    await house.found("newcomer", None)
    before = await house.shown(run_id)
    resumed = await house.night(from_manifest=run_id)
    assert (before.status, resumed.status) == ("cancelled", "completed")
    assert before.manifest is not None
    assert resumed.manifest is not None
    assert resumed.manifest.company_ids == before.manifest.company_ids
    assert (resumed.manifest.cap_source, resumed.manifest.from_run_id) == ("manifest", run_id)
    assert [c.name for c in await house.companies(resumed.id) if c.status == "done"] == ["c1", "c2"]
    assert resumed.steps["select_targets"].skipped == {"done_before": 1}
    again, new = await house.ask(from_manifest=run_id)
    assert (again, new) == (resumed.id, False)
    assert resumed.night is not None
    assert len((await house.shortlist(resumed.night)).items) == 3
    with pytest.raises(NotFound):
        await house.ask(from_manifest=uuid4())


async def test_steps_can_be_left_out(house: NightHouse) -> None:
    # S3.09
    await house.found("one", None)
    night = await house.night(skip=("refresh_companies", "crawl", "verification", "scoring"))
    left = [step for step, c in night.steps.items() if c.skipped.get("asked")]
    assert left == ["refresh_companies", "crawl", "verification", "scoring"]
    assert night.status == "completed"
    with pytest.raises(Invalid, match="can be skipped"):
        await house.ask(skip=("select_targets",))


async def test_whose_nights_run(house: NightHouse, pool: Pool) -> None:
    # S3.08 S3.09
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        for slug in ("oak", "elm", "ash", "shut"):
            await tenants.create(tx, slug, by="tests")
        await tenants.set_status(tx, "shut", "paused", by="tests")

        async def slugs(**settings: Any) -> set[str]:
            found = await nights.included(tx, house.sandbox.settings(**settings))
            return {t.slug for t in found} & {"oak", "elm", "ash", "shut", "system"}

        assert await slugs() == {"oak", "elm", "ash"}
        assert await slugs(sched_tenant_include="oak, elm") == {"oak", "elm"}
        assert await slugs(sched_tenant_include="oak,elm", sched_tenant_exclude="elm") == {"oak"}


def test_the_cap_has_two_names_and_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    # R11 S3.08 S3.19
    for name in ("SCHED_DAILY_CAP_PER_TENANT", "SHORTLIST_DAILY_CAP"):
        monkeypatch.delenv(name, raising=False)
    assert Settings().daily_cap == (20, "default")
    monkeypatch.setenv("SHORTLIST_DAILY_CAP", "30")
    assert Settings().daily_cap == (30, "environment")
    monkeypatch.setenv("SCHED_DAILY_CAP_PER_TENANT", "30")
    assert Settings().daily_cap == (30, "environment")
    monkeypatch.setenv("SCHED_DAILY_CAP_PER_TENANT", "31")
    with pytest.raises(ValidationError, match="two names of one value"):
        Settings()
    assert (
        Settings.model_fields["sched_tenant_concurrency"].default,
        Settings.model_fields["sched_company_concurrency"].default,
    ) == (3, 8)


async def test_a_night_with_nobody_to_work_on_is_complete(house: NightHouse) -> None:
    # S3.13
    night = await house.night()
    assert (night.status, night.manifest and night.manifest.company_ids) == ("completed", [])
    assert night.night is not None
    assert (await house.shortlist(night.night)).items == []
    with pytest.raises(NotFound):
        await house.shortlist(date(2001, 1, 1))
