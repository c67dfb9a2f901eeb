"""A sync that somebody asks for: what it would do, what it does, and that asking twice does no harm."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from contracts.crm import SyncRequest
from contracts.errors import Conflict, NotFound
from db import crm, crm_syncs
from db.transaction import transaction
from tests.crm.house import House
from tests.db.conftest import new_tenant


async def counts(house: House) -> list[int]:
    tables = (
        "crm_links",
        "crm_pushes",
        "outbox_events",
        "outbox_history",
        "audit_log",
        "idempotency_keys",
        "vendor_calls",
    )
    return [int(await house.conn.fetchval(f"SELECT count(*) FROM app.{table}")) for table in tables]


async def test_a_dry_run_says_what_would_be_and_sends_nothing(house: House) -> None:
    # S3.17
    await house.connect()
    high, medium = await house.lead("High"), await house.lead("Medium", 0.5, domain="medium.example")
    low, unscored = (
        await house.lead("Low", 0.1, domain="low.example"),
        await house.lead("New", None, domain="new.example"),
    )
    before, asked = await counts(house), house.sandbox.totals("odoo")["requests"]
    answer = await house.sync(high, medium, low, unscored, dry_run=True)
    assert (await counts(house), house.sandbox.totals("odoo")["requests"]) == (before, asked)
    assert (answer.id, answer.counts) == (None, {"created": 5, "push": 2, "skipped": 2})
    said = {lead.company: (lead.action, lead.reason, [r.action for r in lead.records]) for lead in answer.leads}
    assert said == {
        "High": ("push", None, ["created"] * 3),
        "Medium": ("push", None, ["created"] * 2),
        "Low": ("skipped", "below_band", []),
        "New": ("skipped", "not_scored", []),
    }
    real = await house.sync(high, medium, low, unscored)
    assert real.counts == answer.counts
    assert len(house.stored()) + len(house.stored("crm.lead")) == 5
    again = await house.sync(high, medium, dry_run=True)
    assert again.counts == {"push": 2, "unchanged": 5}
    await house.set_company(high, name="Higher")
    then = await house.sync(high, medium, dry_run=True)
    assert then.counts == {"push": 2, "unchanged": 3, "updated": 2}
    changed = {r.name: r.changed for lead in then.leads for r in lead.records if r.action == "updated"}
    assert changed["Higher"] == ["name"]


async def test_without_a_connection_every_lead_says_so(house: House) -> None:
    # S3.16 S3.17
    lead = await house.lead()
    answer = await house.sync(lead)
    assert [(one.action, one.reason) for one in answer.leads] == [("skipped", "no_connection")]
    assert await house.conn.fetchval("SELECT count(*) FROM app.job_executions") == 0


async def test_force_takes_what_is_below_the_band(house: House) -> None:
    # S3.17
    await house.connect()
    lead = await house.lead(score=0.1)
    answer = await house.sync(lead, force=True)
    assert answer.counts == {"created": 2, "push": 1}
    assert len(house.stored()) == 2
    assert house.stored("crm.lead") == [], "a lead of the CRM's own begins at its score"


async def test_the_leads_of_a_run_are_pushed_and_asking_twice_does_no_harm(house: House) -> None:
    # S3.17
    await house.connect()
    leads = [await house.lead(f"Company {n}", domain=f"c{n}.example") for n in range(3)]
    run = await house.conn.fetchval(
        "INSERT INTO app.runs (tenant_id, kind, triggered_by) VALUES ($1, 'discovery', 'tests') RETURNING id",
        house.tenant,
    )
    await house.conn.execute("UPDATE app.leads SET run_id = $1 WHERE id = ANY($2)", run, leads[:2])
    body = SyncRequest(run_id=run)

    async def ask(key: str, of: SyncRequest = body) -> UUID | None:
        async with transaction(house.pool, house.tenant) as tx:
            made = await crm_syncs.sync(
                tx, house.tenant, of, house.settings, by="tests", idempotency=(key, of.model_dump(mode="json"))
            )
        await house.work()
        return made.id

    first = await ask("once")
    assert await ask("once") == first
    async with transaction(house.pool, house.tenant) as tx:
        pushes = await crm.list_pushes(tx, house.tenant, cause=f"sync:{first}")
    assert {push.lead_id: push.outcome for push in pushes} == dict.fromkeys(leads[:2], "done")
    with pytest.raises(Conflict):
        await ask("once", SyncRequest(lead_ids=leads))
    second = await ask("twice")
    assert second != first
    async with transaction(house.pool, house.tenant) as tx:
        pushes = await crm.list_pushes(tx, house.tenant, cause=f"sync:{second}")
    assert {push.outcome for push in pushes} == {"unchanged"}
    assert len(house.stored()) == 4


async def test_what_is_not_ours_looks_unknown(house: House) -> None:
    # S3.17 R18
    lead = await house.lead()
    stranger = await new_tenant(house.pool)
    async with transaction(house.pool, stranger) as tx:
        for body, code in (
            (SyncRequest(lead_ids=[lead]), "lead_not_found"),
            (SyncRequest(lead_ids=[uuid4()]), "lead_not_found"),
            (SyncRequest(run_id=uuid4()), "run_not_found"),
        ):
            with pytest.raises(NotFound) as refused:
                await crm_syncs.sync(tx, stranger, body, house.settings, by="tests")
            assert refused.value.code == code


async def test_two_leads_of_one_company_share_its_record(house: House) -> None:
    # S3.07
    await house.connect()
    first = await house.lead()
    profile = await house.conn.fetchval(
        "INSERT INTO app.icp_profiles (tenant_id, name) VALUES ($1, 'Facilities') RETURNING id", house.tenant
    )
    second = await house.conn.fetchval(
        "INSERT INTO app.leads (tenant_id, company_id, contact_id, icp_profile_id, source)"
        " SELECT tenant_id, company_id, contact_id, $2, source FROM app.leads WHERE id = $1 RETURNING id", first, profile,
    )  # fmt: skip
    await house.score(second, 0.9)
    answer = await house.sync(first, second, dry_run=True)
    assert answer.counts == {"created": 4, "push": 2, "unchanged": 2}
    await house.sync(first, second)
    await house.now_due()
    await house.work()
    assert len(house.stored()) == 2
    assert sorted(row["name"] for row in house.stored("crm.lead")) == ["Karoo Workwear", "Karoo Workwear: Facilities"]
