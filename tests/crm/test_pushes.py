"""Leads into Odoo: there once, with their newest values, and never over what people have written there."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.errors import Conflict, NotFound
from db import crm, crm_connections, jobs, merges
from db.transaction import transaction
from tests.crm.house import DOORS, House
from tests.matching.merging import merge_leads

each_door = pytest.mark.parametrize("door", DOORS)


@each_door
async def test_a_high_lead_stands_in_odoo_with_company_contact_and_lead(house: House, door: str) -> None:
    # S3.07 S3.01 R10
    await house.connect(door)
    lead = await house.lead()
    push = await house.scored(lead, 0.81)
    assert push is not None
    assert (push.outcome, set(push.records.values())) == ("done", {"created"})
    company, contact = house.stored()
    assert (company["name"], company["website"], company["country_id"][1]) == (
        "Karoo Workwear", "https://karoo.example", "South Africa",
    )  # fmt: skip
    assert (contact["name"], contact["email"], contact["parent_id"][0]) == (
        "Mei Tan", "mei@karoo.example", company["id"],
    )  # fmt: skip
    (opportunity,) = house.stored("crm.lead")
    assert (opportunity["partner_id"][0], opportunity["priority"]) == (company["id"], "2")
    assert "Score 0.81 (HIGH)" in opportunity["description"]
    link = await house.link()
    assert (link.remote_id, link.state, link.pushed_at is not None) == (company["id"], "linked", True)
    logged = {line["external_id"]: line.get("partner_id") for line in await house.audit("crm.record_created")}
    assert logged[link.external_id] == company["id"]
    assert len(logged) == 3


async def test_a_medium_lead_is_a_company_and_a_contact_only_and_a_low_one_is_nothing(house: House) -> None:
    # S3.07 R10
    await house.connect()
    await house.scored(await house.lead(), 0.5)
    assert len(house.stored()) == 2
    assert house.stored("crm.lead") == []
    low = await house.scored(await house.lead("Low", domain="low.example"), 0.2)
    assert low is not None
    assert (low.outcome, low.reason) == ("skipped", "below_band")
    await house.policy(min_band="LOW")
    now = await house.scored(await house.lead("Lower", domain="lower.example"), 0.1)
    assert now is not None
    assert now.outcome == "done"


async def test_without_a_connection_the_job_ends_done_and_says_so(house: House) -> None:
    # S3.16
    lead = await house.lead()
    push = await house.scored(lead)
    assert push is not None
    assert (push.outcome, push.reason) == ("skipped", "no_connection")
    await house.connect(enabled=False)
    off = await house.scored(lead)
    assert off is not None
    assert (off.outcome, off.reason) == ("skipped", "disabled")
    states = await house.conn.fetch("SELECT DISTINCT state FROM app.job_executions WHERE job = 'crm.push'")
    assert [r["state"] for r in states] == ["done"]
    assert house.sandbox.totals("odoo")["requests"] == 0


@each_door
async def test_what_is_unchanged_is_not_sent_again_and_a_rename_updates_the_same_record(
    house: House, door: str
) -> None:
    # S3.07
    await house.connect(door)
    lead = await house.lead()
    await house.scored(lead)
    before, asked = house.company(), house.sandbox.totals("odoo")["requests"]
    again = await house.scored(lead, 0.83)
    assert again is not None
    assert again.outcome == "unchanged"
    assert house.sandbox.totals("odoo")["requests"] == asked, "neither read nor written"
    await house.set_company(lead, name="Karoo Uniforms", domain="karoo-uniforms.example")
    renamed = await house.scored(lead)
    assert renamed is not None
    company = house.company()
    assert (company["id"], company["name"], company["website"]) == (
        before["id"], "Karoo Uniforms", "https://karoo-uniforms.example",
    )  # fmt: skip
    assert len(house.stored()) == 2
    (told,) = [line for line in await house.audit("crm.record_updated") if "company" in line["external_id"]]
    assert told["fields"] == ["name", "website"]


@each_door
async def test_killed_between_ask_and_write_nothing_is_doubled(house: House, door: str) -> None:
    # S3.07 design law 4
    await house.connect(door)
    lead = await house.lead()
    await house.scored(lead, work=False)
    # The write of the first attempt never comes: its worker is given up for dead meanwhile.
    await house.conn.execute(
        "CREATE FUNCTION public.gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '40001'; END $$;"
        "CREATE TRIGGER gone BEFORE INSERT ON app.crm_links FOR EACH STATEMENT EXECUTE FUNCTION public.gone()"
    )
    await house.work()
    assert len(house.stored()) == 2, "Odoo has them"
    assert await house.conn.fetchval("SELECT count(*) FROM app.crm_links") == 0, "we do not know it yet"
    await house.conn.execute("DROP TRIGGER gone ON app.crm_links")
    await house.now_due()
    await house.work()
    assert (await house.push(lead)).outcome in ("done", "unchanged")
    assert len(house.stored()) == 2
    assert len(house.stored("crm.lead")) == 1
    assert (await house.link()).remote_id == house.company()["id"]
    assert await house.audit("crm.conflict_found") == []


async def test_a_lost_answer_and_a_busy_server_are_tried_again(house: House) -> None:
    # S3.07
    await house.connect()
    lead = await house.lead()
    house.sandbox.fault("reset", vendor="odoo", path="/odoo/json/2/res.partner/load")
    await house.scored(lead, work=False)
    await house.work()
    await house.now_due()
    house.sandbox.fault("503", vendor="odoo")
    await house.work()
    await house.now_due()
    await house.work()
    assert (await house.push(lead)).outcome in ("done", "unchanged")
    assert len(house.stored()) == 2


async def test_a_missing_key_is_a_clear_error_and_a_retry_by_hand_mends_it(house: House) -> None:
    # S3.16 S3.07
    await house.connect()
    lead = await house.lead()
    await house.scored(lead, work=False)
    await house.work(house.sandbox.settings(odoo_api_key=None))
    push = await house.push(lead)
    assert push.outcome == "error"
    assert "ODOO_API_KEY" in (push.reason or "")
    dead = await house.conn.fetchrow("SELECT id, tenant_id, error_class FROM app.job_executions WHERE state = 'dead'")
    assert dead is not None
    assert dead["error_class"] == "vendor_absent"
    async with transaction(house.pool, house.tenant) as tx:
        await jobs.revive(tx, house.tenant, dead["id"], "tests")
    await house.work()
    assert (await house.push(lead)).outcome == "done"
    assert len(house.stored()) == 2


async def test_a_record_that_odoo_turns_down_says_why_and_does_not_lose_its_neighbours(house: House) -> None:
    # S3.07
    await house.connect()
    lead = await house.lead()
    await house.conn.execute("UPDATE app.contacts SET email = 'nonsense', name = 'Mei Tan'")
    push = await house.scored(lead)
    assert push is not None
    assert push.outcome == "error"
    assert "Mei Tan" not in (push.reason or "")
    assert [row["name"] for row in house.stored()] == ["Karoo Workwear"]
    link = await house.link("contact")
    assert (link.state, link.remote_id) == ("error", None)
    await house.conn.execute("UPDATE app.contacts SET email = 'mei@karoo.example'")
    again = await house.scored(lead)
    assert again is not None
    assert again.outcome == "done"
    assert len(house.stored()) == 2


async def test_a_database_without_the_crm_app_takes_company_and_contact_and_says_what_is_missing(house: House) -> None:
    # S3.07 S3.16
    await house.connect()
    house.odoo("ir.model.data", "uninstall", "crm.lead")
    lead = await house.lead()
    push = await house.scored(lead)
    assert push is not None
    assert (push.outcome, sorted(push.records.values())) == ("error", ["created", "created", "error"])
    assert "install its app" in (push.reason or "")
    assert [link.state for link in (await house.link(), await house.link("contact"))] == ["linked", "linked"]
    assert (await house.link("lead")).state == "error"
    async with transaction(house.pool, house.tenant) as tx:
        await crm_connections.request_test(tx, house.tenant, by="tests")
    await house.work()
    async with transaction(house.pool, house.tenant) as tx:
        tried = (await crm_connections.get(tx, house.tenant)).test_result
    assert tried is not None
    assert (tried.ok, tried.can_create) == (False, {"res.partner": True, "crm.lead": False})
    assert "may not create crm.lead" in (tried.error or "")


async def test_a_tenant_that_moves_to_another_odoo_begins_anew_there(house: House) -> None:
    # S3.16 S3.07
    await house.connect("json2")
    lead = await house.lead()
    await house.scored(lead)
    first = (await house.link()).remote_id
    await house.connect("jsonrpc")
    assert (await house.sync(lead, dry_run=True)).counts == {"created": 3, "push": 1}
    push = await house.scored(lead)
    assert push is not None
    assert set(push.records.values()) == {"created"}
    assert len(house.stored()) == 2
    assert (await house.link()).remote_id == house.company()["id"]
    assert first is not None


async def test_somebody_new_at_a_company_that_was_deleted_there_waits_for_a_decision(house: House) -> None:
    # S3.07: conflicts
    await house.connect()
    lead = await house.lead()
    await house.scored(lead, 0.5)
    house.odoo("res.partner", "unlink", [row["id"] for row in house.stored()])
    await house.conn.execute("UPDATE app.leads SET contact_id = NULL")
    await house.conn.execute("DELETE FROM app.contacts")
    await house.conn.execute(
        "INSERT INTO app.contacts (tenant_id, company_id, name) SELECT tenant_id, company_id, 'Sipho Dube' FROM app.leads"
    )
    push = await house.scored(lead, 0.5)
    assert push is not None
    assert (push.outcome, push.reason) == ("conflict", "deleted")
    assert sorted(push.records.values()) == ["conflict", "waits"]
    await house.resolve((await house.link()).id, "ours")
    assert sorted(row["name"] for row in house.stored()) == ["Karoo Workwear", "Sipho Dube"]


async def test_a_user_who_may_not_read_names_pushes_all_the_same(house: House) -> None:
    # S3.07: newer servers keep names from ordinary users
    await house.connect()
    house.settings = house.sandbox.settings(odoo_api_key="ordinary-key-123")
    lead = await house.lead()
    await house.scored(lead)
    assert len(house.stored()) == 2
    house.write("res.partner", house.company()["id"], phone="+27 99 999 9999")
    await house.set_company(lead, phone="+27 31 000 0002", city="Maun")
    push = await house.scored(lead)
    assert push is not None
    assert (push.outcome, push.reason) == ("conflict", "changed")
    assert (house.company()["phone"], house.company()["city"]) == ("+27 99 999 9999", "Maun")


# --- people change things there ---------------------------------------------------------------------------------------------------


@each_door
async def test_what_a_person_has_changed_is_shown_and_not_written_over(house: House, door: str) -> None:
    # S3.07: conflicts
    await house.connect(door)
    lead = await house.lead()
    await house.scored(lead)
    company = house.company()
    house.write("res.partner", company["id"], phone="+27 99 999 9999")
    await house.set_company(lead, phone="+27 31 000 0002", city="Cape Town")
    push = await house.scored(lead)
    assert push is not None
    assert (push.outcome, push.reason) == ("conflict", "changed")
    after = house.company()
    assert (after["phone"], after["city"]) == ("+27 99 999 9999", "Cape Town"), "what nobody touched is filled"
    link = await house.link()
    assert (link.state, link.problem) == ("conflict", "changed")
    assert link.differs == {
        "phone": {"ours": "+27 31 000 0002", "theirs": "+27 99 999 9999", "before": "+27 31 000 0001"}
    }
    await house.resolve(link.id, "ours")
    assert house.company()["phone"] == "+27 31 000 0002"
    assert (await house.link()).state == "linked"
    async with transaction(house.pool, house.tenant) as tx:
        with pytest.raises(Conflict):
            await crm.resolve(tx, house.tenant, link.id, "ours", by="tests")
        with pytest.raises(NotFound):
            await crm.resolve(tx, house.tenant, UUID(int=7), "ours", by="tests")


async def test_theirs_stays_theirs_until_we_know_something_new(house: House) -> None:
    # S3.07: conflicts
    await house.connect()
    lead = await house.lead()
    await house.scored(lead)
    house.write("res.partner", house.company()["id"], phone="+27 99 999 9999")
    await house.sync(lead)
    link = await house.link()
    assert link.problem == "changed"
    await house.resolve(link.id, "theirs")
    assert (await house.link()).state == "linked"
    await house.set_company(lead, city="Gqeberha")
    await house.sync(lead)
    now = house.company()
    assert (now["phone"], now["city"]) == ("+27 99 999 9999", "Gqeberha")
    await house.set_company(lead, phone="+27 31 000 0003")
    await house.sync(lead)
    assert house.company()["phone"] == "+27 99 999 9999"
    assert (await house.link()).differs["phone"]["ours"] == "+27 31 000 0003"


@pytest.mark.parametrize(("policy", "phone"), [("ours", "+27 31 000 0002"), ("theirs", "+27 99 999 9999")])
async def test_a_policy_decides_without_a_person(house: House, policy: str, phone: str) -> None:
    await house.connect()
    await house.policy(conflicts=policy)
    lead = await house.lead()
    await house.scored(lead)
    house.write("res.partner", house.company()["id"], phone="+27 99 999 9999")
    await house.set_company(lead, phone="+27 31 000 0002")
    await house.scored(lead)
    assert house.company()["phone"] == phone
    assert (await house.link()).state == "linked"
    assert len(await house.audit("crm.theirs_kept")) == (policy == "theirs")


async def test_a_deleted_record_is_not_made_again_behind_a_persons_back(house: House) -> None:
    # S3.07: conflicts
    await house.connect()
    lead = await house.lead()
    await house.scored(lead, 0.5)
    house.odoo("res.partner", "unlink", [row["id"] for row in house.stored()])
    await house.set_company(lead, city="Maun")
    await house.scored(lead, 0.5)
    assert house.stored() == []
    link = await house.link()
    assert (link.state, link.problem) == ("conflict", "deleted")
    await house.resolve(link.id, "theirs")
    await house.sync(lead)
    assert house.stored() == [], "left alone from now on"
    await house.conn.execute("UPDATE app.crm_links SET state = 'conflict' WHERE external_id LIKE '%company%'")
    await house.resolve(link.id, "ours")
    assert [row["name"] for row in house.stored()] == ["Karoo Workwear"]


async def test_an_archived_record_is_left_and_shown(house: House) -> None:
    await house.connect()
    lead = await house.lead()
    await house.scored(lead)
    number = house.company()["id"]
    house.write("res.partner", number, active=False)
    await house.set_company(lead, city="Maun")
    await house.scored(lead)
    link = await house.link()
    assert (link.state, link.problem, house.company()["active"]) == ("conflict", "archived", False)
    await house.resolve(link.id, "ours")
    assert (house.company()["active"], house.company()["city"]) == (True, "Maun")


async def test_a_record_that_people_merged_into_another_is_followed_only_when_told(house: House) -> None:
    # S3.07: the external id points elsewhere
    await house.connect()
    lead = await house.lead()
    await house.scored(lead, 0.5)
    first = house.company()["id"]
    [other] = house.odoo("res.partner", "create", [{"name": "Karoo Group", "is_company": True}])
    name = (await house.link()).external_id
    _repoint(house, name, other)
    await house.set_company(lead, city="Maun")
    await house.scored(lead, 0.5)
    link = await house.link()
    assert (link.problem, link.differs["id"]) == ("moved", {"ours": first, "theirs": other, "before": first})
    await house.resolve(link.id, "theirs")
    assert (await house.link()).remote_id == other
    (group,) = [row for row in house.stored() if row["id"] == other]
    assert (group["name"], group["city"]) == ("Karoo Group", "Maun"), "theirs stays, what was empty is filled"


def _repoint(house: House, name: str, number: int) -> None:
    """What Odoo's own merge of partners does with their names."""
    house.odoo("ir.model.data", "repoint", name, number)


@each_door
async def test_a_company_merged_into_another_is_put_away_and_taken_out_again(house: House, door: str) -> None:
    # S3.07: merge actions are logged
    await house.connect(door)
    winner, loser = await house.lead("Karoo"), await house.lead("Karoo Workwear CC", domain="karoo-cc.example")
    await house.scored(winner, 0.5)
    await house.scored(loser, 0.5)
    ids = {
        lead: await house.conn.fetchval("SELECT company_id FROM app.leads WHERE id = $1", lead)
        for lead in (winner, loser)
    }
    await house.conn.execute("UPDATE app.companies SET merged_into = $2 WHERE id = $1", ids[loser], ids[winner])
    await house.scored(loser, 0.5)
    standing = {row["name"]: row["active"] for row in house.stored(archived=True) if row["is_company"]}
    assert standing == {"Karoo": True, "Karoo Workwear CC": False}
    (told,) = await house.audit("crm.record_put_away")
    assert told["merged_into"] == str(ids[winner])
    await house.scored(winner, 0.5)
    assert len(await house.audit("crm.record_put_away")) == 1
    await house.conn.execute("UPDATE app.companies SET merged_into = NULL WHERE id = $1", ids[loser])
    await house.scored(loser, 0.5)
    standing = {row["name"]: row["active"] for row in house.stored(archived=True) if row["is_company"]}
    assert standing == {"Karoo": True, "Karoo Workwear CC": True}


async def test_a_merged_company_that_people_worked_on_is_shown_first(house: House) -> None:
    await house.connect()
    winner, loser = await house.lead("Karoo"), await house.lead("Karoo Workwear CC", domain="karoo-cc.example")
    await house.scored(winner, 0.5)
    await house.scored(loser, 0.5)
    rows = {row["name"]: row["id"] for row in house.stored()}
    house.write("res.partner", rows["Karoo Workwear CC"], phone="+27 99 999 9999")
    await house.conn.execute(
        "UPDATE app.companies SET merged_into = (SELECT id FROM app.companies WHERE name = 'Karoo') WHERE name <> 'Karoo'"
    )
    push = await house.scored(winner, 0.5)
    assert push is not None
    assert (push.outcome, push.reason) == ("conflict", "merged")
    assert all(row["active"] for row in house.stored(archived=True))


async def test_a_merged_lead_is_not_pushed_and_its_record_is_put_away_with_the_other_one(house: House) -> None:
    # S3.07 R13
    await house.connect()
    one, other = await house.lead("Karoo"), await house.lead("Karoo Workwear CC", domain="karoo-cc.example")
    for lead in (one, other):
        await house.scored(lead, 0.8)
    assert len(house.stored("crm.lead")) == 2
    stands, gone, match = await merge_leads(house.pool, house.tenant, one, other)
    push = await house.scored(gone, 0.9)
    assert push is not None
    assert (push.outcome, push.reason) == ("skipped", "lead_merged")
    [planned] = (await house.sync(gone, dry_run=True, force=True)).leads
    assert (planned.action, planned.reason) == ("skipped", "lead_merged")
    await house.scored(stands, 0.81)
    assert sorted(row["active"] for row in house.stored("crm.lead", archived=True)) == [False, True]
    assert {t["external_id"].split("_")[0] for t in await house.audit("crm.record_put_away")} == {
        "headwater.company", "headwater.lead",
    }  # fmt: skip
    async with transaction(house.pool, house.tenant) as tx:
        await merges.undo(tx, house.tenant, match, by="ada")
    await house.scored(gone, 0.85)
    assert [row["active"] for row in house.stored("crm.lead", archived=True)] == [True, True]
