"""A night whose planning is interrupted goes on from its checkpoint: its counts and its limits are those of the whole night."""

from __future__ import annotations

import pytest

from contracts.rule_sets import CreateRuleSet
from db import executions, reports, rule_sets
from db.transaction import transaction
from tests.nightly.house import NightHouse
from worker.nightly import jobs

NAMES = [f"LION {n} PTE. LTD." for n in range(5)]


@pytest.mark.timeout(120)
async def test_an_interrupted_refresh_goes_on_and_counts_every_page_once(
    house: NightHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.02
    monkeypatch.setattr(jobs, "PAGE", 2)
    await house.staged(*NAMES, primary_ssic="14102", primary_ssic_description="UNIFORMS")
    profile = await house.profile()
    rules = CreateRuleSet.model_validate(
        {"rules": [{"field_key": "companyCountry", "operator": "IN", "value": ["SG"]}], "stage": "ACTIVE"}
    )
    async with transaction(house.pool, house.tenant) as tx:
        await rule_sets.create(tx, house.tenant, profile, rules, by="tests")
    # The second page fails as a server fails that runs out of memory: the attempt ends, and is tried again.
    await house.conn.execute(
        "CREATE FUNCTION app.fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE out_of_memory; END $$;"
        "CREATE TRIGGER fails BEFORE INSERT ON app.companies FOR EACH ROW WHEN (NEW.name LIKE 'LION 3%')"
        " EXECUTE FUNCTION app.fails()"
    )
    run_id, _ = await house.ask()
    await house.work(only=["nightly"])
    job = await house.conn.fetchval("SELECT id FROM app.job_executions WHERE job = 'nightly.plan'")
    async with transaction(house.pool, house.tenant, read_only=True) as tx:
        at_work = await reports.of_run(tx, house.tenant, run_id)
        shown = await executions.show_execution(tx, [house.tenant], job)
    assert shown.state == "waiting"
    assert shown.progress is not None
    assert shown.progress.checkpoint is not None
    assert shown.progress.checkpoint["companies"] == {"read": 2, "made": 2, "renewed": 0, "taken": 2}
    assert [j.message for j in at_work] == ["2 rows of the register read, 2 companies made"]
    await house.conn.execute("DROP TRIGGER fails ON app.companies")
    await house.conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await house.work(only=["nightly"])
    night = await house.shown(run_id)
    assert (night.steps["refresh_companies"].taken, night.steps["refresh_companies"].done) == (5, 5)
    assert await house.conn.fetchval("SELECT count(*) FROM app.companies WHERE name LIKE 'LION%'") == 5
