"""Erasing a person: nothing in any column of any table names them, and no import, discovery or enrichment brings them back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from contracts import messages_in
from contracts.enrichment import Learned
from contracts.enrichment import Person as LearnedPerson
from contracts.errors import Conflict, NotFound
from contracts.findings import EmailQuery, EmailVerdict
from contracts.privacy import Erased, Who
from contracts.providers import FoundCompany, FoundContact, Reply
from contracts.sites import SiteReport
from db import enrichments, leads, message_events, privacy, runs, suppressions
from db.access import audit
from db.erasures import PersonErased
from db.transaction import transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.db.test_leads import _slices as open_slices
from tests.messaging.house import PHONE, House
from tests.worker.asking import Checker, attempt, checker
from worker import ask

EMAIL, NAME, PROFILE = "thandi@karoo.co.za", "Thandi Nkosi", "https://www.linkedin.com/in/thandi-nkosi"
THANDI = Who(email=EMAIL)
NAMED = re.compile(
    r"thandi@karoo|thandi\s+nkosi|nkosi,\s*thandi|82[\s().-]*123[\s().-]*4567|in/thandi-nkosi", re.IGNORECASE
)


async def everywhere(conn: Connection, tenant: UUID) -> dict[str, list[str]]:
    """Every row of every table of a tenant that names her, in whatever column, by the catalog alone."""
    tables = await conn.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace IN ('app'::regnamespace, 'queue'::regnamespace) AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND a.attname = 'tenant_id'"
    )
    found = {}
    for table in tables:
        rows = await conn.fetch(f"SELECT t::text AS whole FROM {table['name']} t WHERE tenant_id = $1", tenant)
        named = [row["whole"] for row in rows if NAMED.search(row["whole"])]
        if named:
            found[table["name"]] = named
    jobs = await conn.fetch("SELECT j::text AS whole FROM queue.procrastinate_jobs j")
    assert not [row for row in jobs if NAMED.search(row["whole"])]
    return found


async def lived_in(house: House) -> UUID:
    """A lead that went all the way, and her traces wherever they can be. Gives her contact's id."""
    await house.decide(vendor="whatsapp")
    lead = await house.lead()
    await house.may_write(lead)
    await house.drafted(lead)
    await house.approve(lead)
    await house.work()
    contact: UUID = await house.conn.fetchval("SELECT contact_id FROM app.leads WHERE id = $1", lead)
    said = json.dumps([{"person": {"name": NAME, "email": EMAIL}}, f"call {NAME} on 082 123 4567"])
    async with transaction(house.pool, house.tenant) as tx:
        reply = messages_in.IncomingMessage(vendor="whatsapp", message_id="1", sender=PHONE, text=f"This is {NAME}")
        await message_events.receive(tx, house.tenant, messages_in.Received(messages=(reply,)))
        await audit(tx, house.tenant, "ada", "lead.noted", "lead", str(lead), {"note": f"met {NAME}, {EMAIL}"})
        begun = await enrichments.begin(tx, house.tenant, lead, "1")
        of = await enrichments.subject(tx, house.tenant, lead)
        assert of is not None
        person = LearnedPerson(name=NAME, email=EMAIL, phone="082 123 4567", linkedin_url=PROFILE, title="Owner")
        await enrichments.finish(
            tx, house.tenant, of, begun, "1", Learned(people=(person,), site={"outcome": "ok", "team": [NAME]})
        )
    await house.conn.execute(
        "UPDATE app.contacts SET linkedin_url = $1, title = 'Owner' WHERE id = $2", PROFILE, contact
    )
    await house.conn.execute(
        "UPDATE app.companies SET description = $1 WHERE tenant_id = $2", f"Founded by {NAME}.", house.tenant
    )
    for statement in TRACES:
        await house.conn.execute(statement, house.tenant, said)
    checked = await attempt(house.pool, house.tenant)
    await ask.items(checked, checker(), [EmailQuery(email=EMAIL), EmailQuery(email="info@karoo.co.za")])
    return contact


T, J = "$2::text", "($2::text)::jsonb"
HASH = f"sha256(convert_to({T}, 'UTF8'))"
#: Where else she may stand: ($1 tenant, $2 a JSON list that names her).
TRACES = (
    "INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, sink,"
    " priority, attempts, routes, last_error, created_at, sent_at)"
    " VALUES ($1, 1, gen_random_uuid(), 'lead', gen_random_uuid(), 'Old', 1,"
    f" jsonb_build_object('said', {J}), '{{}}', 'queue', 0, 0, 1, {J}->>1, app.now(), app.now())",
    "INSERT INTO app.dead_letters (tenant_id, kind, event_id, name, event, attempts, error, traceback, created_at)"
    f" VALUES ($1, 'event', gen_random_uuid(), 'Old', jsonb_build_object('id', 1, 'payload', {J}), 1, {J}->>1, {T}, app.now())",
    "INSERT INTO app.field_values (tenant_id, kind, entity_id, field, value, value_hash, vendor, operation, terms, confidence,"
    f" observed_at) SELECT $1, 'contact', p.id, 'phone', to_jsonb('+27821234567'::text), {HASH}, 'lusha', 'person', 'licensed', 1,"
    " app.now() FROM app.contacts p WHERE p.tenant_id = $1",
    "INSERT INTO app.crawl_sites (tenant_id, domain, outcome, corpus, description, requests, seconds, crawled_at)"
    f" VALUES ($1, 'karoo.co.za', 'ok', {T}, {T}, 1, 1, app.now())",
    "INSERT INTO app.crawl_pages (tenant_id, site_id, url, url_hash, kind, outcome, signals, fetched_at) SELECT $1, s.id,"
    f" 'https://karoo.co.za/team', sha256('t'), 'team', 'ok', {J}, app.now() FROM app.crawl_sites s WHERE s.tenant_id = $1",
    f"INSERT INTO app.discovery_queries (tenant_id, text, text_key, source, created_by) VALUES ($1, {T}, {T}, 'typed', 'ada')",
    "INSERT INTO app.crm_links (tenant_id, system, model, local_id, external_id, remote_id, last_hash, last_values, state)"
    f" SELECT $1, 'odoo', 'res.partner', p.id, 'headwater.contact_1', 7, {HASH}, {J}, 'linked'"
    " FROM app.contacts p WHERE p.tenant_id = $1",
    "INSERT INTO app.alerts (tenant_id, rule, scope, severity, evidence)"
    f" VALUES ($1, 'r', 's', 'info', jsonb_build_object('e', {J}))",
    f"UPDATE app.score_predictions SET rationale = {T}, reasons = {J} WHERE tenant_id = $1",
    f"UPDATE app.feature_snapshots SET vector = jsonb_build_object('title', 'Owner', 'who', {J}) WHERE tenant_id = $1",
    f"UPDATE app.job_executions SET error = {T} WHERE tenant_id = $1",
)


async def test_after_an_erasure_nothing_names_the_person_anywhere(house: House) -> None:  # B.09
    await lived_in(house)
    bystander = await house.lead("Limpopo Uniforms", phone="+27831111111", who="Sipho Dlamini")
    before = await everywhere(house.conn, house.tenant)
    assert len(before) >= 18, sorted(before)
    spent = await house.conn.fetchval(
        "SELECT sum(units_spent) FROM app.vendor_calls WHERE tenant_id = $1", house.tenant
    )

    counted = await privacy.erase(house.pool, house.tenant, THANDI, by="ops", dry_run=True)
    assert await everywhere(house.conn, house.tenant) == before, "a dry run changes nothing"
    made = await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    assert made.rows == counted.rows
    assert (made.left, made.elsewhere) == ({}, {"crm_records": 1, "messages_sent": 1})
    assert await everywhere(house.conn, house.tenant) == {}
    assert {t.removeprefix("app.") for t in before} <= {*made.rows, "suppressions"}

    assert (
        await house.conn.fetchval("SELECT sum(units_spent) FROM app.vendor_calls WHERE tenant_id = $1", house.tenant)
        == spent
    )
    others = await house.conn.fetchval(
        "SELECT count(*) FROM app.vendor_items WHERE request::text LIKE '%info@karoo.co.za%'"
    )
    assert others == 1, "what is about others stays"
    assert (await house.conn.fetchval("SELECT contact_id FROM app.leads WHERE id = $1", bystander)) is not None
    hashes = await house.conn.fetch(
        "SELECT key_type FROM app.suppressions WHERE tenant_id = $1 AND erased ORDER BY 1", house.tenant
    )
    assert [r["key_type"] for r in hashes] == ["email", "person", "phone"]
    again = await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    assert (again.rows, again.left) == ({}, {})
    async with transaction(house.pool, house.tenant) as tx:
        assert await suppressions.hit(tx, house.tenant, "whatsapp", phones=["+27 82 123 4567"])


async def test_another_tenants_rows_about_the_same_person_are_not_touched(house: House) -> None:  # B.09
    await lived_in(house)
    other = House(house.conn, house.pool, await new_tenant(house.pool), house.sandbox)
    await other.lead()
    before = await everywhere(house.conn, other.tenant)
    await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    assert await everywhere(house.conn, other.tenant) == before


async def test_a_namesake_at_another_company_keeps_what_is_theirs(house: House) -> None:  # B.09
    await lived_in(house)
    other = await house.lead("Limpopo Uniforms", phone="+27831111111")
    await house.drafted(other)
    made = await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    assert made.left == {}
    kept = await house.conn.fetchrow(
        "SELECT p.name, p.email, p.phone, m.body FROM app.messages m JOIN app.contacts p ON p.id = m.contact_id"
        " WHERE m.lead_id = $1",
        other,
    )
    assert kept is not None
    assert (kept["name"], kept["email"], kept["phone"]) == (NAME, "thandi@limpopo.co.za", "+27831111111")
    assert kept["body"].startswith("Hello Thandi")


@pytest.mark.parametrize("by", ["phone", "contact"])
async def test_a_person_is_found_by_number_and_by_id_too(house: House, by: str) -> None:  # B.09
    contact = await lived_in(house)
    who = Who(phone="082 123 4567") if by == "phone" else Who(contact_id=contact)
    await privacy.erase(house.pool, house.tenant, who, by="ops")
    assert await everywhere(house.conn, house.tenant) == {}


async def test_a_number_that_colleagues_share_names_nobody(house: House) -> None:  # B.09
    """A switchboard: the colleague keeps it, and is not kept away later."""
    contact = await house.conn.fetchval("SELECT contact_id FROM app.leads WHERE id = $1", await house.lead())
    colleague = await house.lead("Karootwo", who="Sipho Dlamini")
    made = await privacy.erase(house.pool, house.tenant, Who(contact_id=contact), by="ops")
    assert (made.left, made.suppressions) == ({}, 1)
    kept = "SELECT p.phone FROM app.contacts p JOIN app.leads l ON l.contact_id = p.id WHERE l.id = $1"
    assert await house.conn.fetchval(kept, colleague) == PHONE


async def test_an_export_is_all_there_is_and_of_nobody_else(house: House) -> None:  # B.09
    await lived_in(house)
    await house.lead("Limpopo Uniforms", phone="+27831111111", who="Sipho Dlamini")
    made = await privacy.export(house.pool, house.tenant, THANDI, by="ops")
    assert made.person.names == [NAME]
    assert set(made.person.emails) == {EMAIL}
    there = {t.removeprefix("app.") for t in await everywhere(house.conn, house.tenant)}
    assert there <= set(made.counts), there - set(made.counts)
    said = made.model_dump_json()
    assert "limpopo" not in said.lower()
    assert "info@karoo.co.za" not in said
    assert {m["state"] for m in made.tables["messages"]} == {"sent"}
    audited = await house.conn.fetchval("SELECT detail::text FROM app.audit_log WHERE action = 'person.exported'")
    assert not NAMED.search(audited)


async def test_whoever_was_erased_stays_away(house: House) -> None:  # B.09
    await lived_in(house)
    await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    for way in (_typed_in, _discovered, _enriched, _crawled, _asked, _told):
        await way(house)
        assert await everywhere(house.conn, house.tenant) == {}, way.__name__


async def _typed_in(house: House) -> None:
    person = FoundContact(name=NAME, email="Thandi@Karoo.co.za")
    company = FoundCompany(
        external_id="t", name="Karoo Two", country="ZA", domain="two.co.za", contacts=(person,), raw={"owner": [EMAIL]}
    )
    async with transaction(house.pool, house.tenant) as tx:
        lead = await leads.create(tx, house.tenant, company, icp_profile_id=None)
    assert await house.conn.fetchval("SELECT contact_id FROM app.leads WHERE id = $1", lead) is None


async def _discovered(house: House) -> None:
    people = (FoundContact(name=NAME, email=EMAIL), FoundContact(name="Sipho Dlamini", email="sipho@three.co.za"))
    hit = FoundCompany(
        external_id="3", name="Three", country="ZA", contacts=people, raw={"staff": [{"name": NAME, "mail": EMAIL}]}
    )
    [of] = await open_slices(house.pool, house.tenant)
    async with transaction(house.pool, house.tenant) as tx:
        await runs.lock(tx, house.tenant, of.run_id)
        counts = await leads.save_page(tx, house.tenant, of, "vendor", [hit], room=9, icp_profile_id=None)
    assert counts.contacts_created == 1
    reason = await house.conn.fetchval("SELECT reason FROM app.source_records WHERE run_id = $1", of.run_id)
    assert reason == "erased"


async def _enriched(house: House) -> None:
    lead = await house.conn.fetchval("SELECT id FROM app.leads WHERE tenant_id = $1 LIMIT 1", house.tenant)
    async with transaction(house.pool, house.tenant) as tx:
        begun = await enrichments.begin(tx, house.tenant, lead, "2")
        of = await enrichments.subject(tx, house.tenant, lead)
        assert of is not None
        people = (
            LearnedPerson(name=NAME, email=EMAIL),
            LearnedPerson(name=NAME, phone=PHONE, email="x.y@gmail.com"),
            LearnedPerson(name="Sipho Dlamini", email="sipho@karoo.co.za"),
        )
        await enrichments.finish(tx, house.tenant, of, begun, "2", Learned(people=people, site={"mails": [EMAIL]}))
    assert await house.conn.fetchval("SELECT count(*) FROM app.contacts WHERE email = 'sipho@karoo.co.za'") == 1


async def _crawled(house: House) -> None:
    about = {"url": "https://karoo.co.za/", "confidence": 1, "how": "mailto", "at": "2027-01-01T00:00:00Z"}
    report = SiteReport.model_validate(
        {
            "domain": "karoo.co.za", "outcome": "ok", "started_at": "2027-01-01T00:00:00Z", "corpus": f"Mail {EMAIL}",
            "sightings": [{"kind": "email", "value": EMAIL, **about}, {"kind": "email", "value": "info@karoo.co.za", **about}],
        }
    )  # fmt: skip
    lead = await house.conn.fetchval("SELECT id FROM app.leads WHERE tenant_id = $1 LIMIT 1", house.tenant)
    async with transaction(house.pool, house.tenant) as tx:
        begun = await enrichments.begin(tx, house.tenant, lead, "3")
        of = await enrichments.subject(tx, house.tenant, lead)
        assert of is not None
        await enrichments.keep_site(tx, house.tenant, of, begun, report, with_corpus=True)
    kept = await house.conn.fetchval("SELECT payload::text FROM app.enrichments WHERE id = $1", begun.id)
    assert "info@karoo.co.za" in kept


async def _asked(house: House) -> None:
    with pytest.raises(PersonErased):
        await ask.items(await attempt(house.pool, house.tenant), checker(), [EmailQuery(email=EMAIL)])


@dataclass
class _Teller(Checker):
    """Speaks of her when it is asked about others."""

    def _reply(self, email: str) -> Reply[EmailVerdict]:
        said = super()._reply(email)
        return said.model_copy(update={"raw": {"colleagues": [{"name": NAME, "email": EMAIL}], "of": email}})


async def _told(house: House) -> None:
    await ask.items(await attempt(house.pool, house.tenant), _Teller(), [EmailQuery(email="boss@karoo.co.za")])
    kept = await house.conn.fetchval("SELECT raw::text FROM app.vendor_items WHERE request::text LIKE '%boss@karoo%'")
    assert json.loads(kept) == {"colleagues": [], "of": "boss@karoo.co.za"}


async def test_a_job_that_works_on_the_person_is_waited_for(house: House) -> None:  # B.09
    await lived_in(house)
    await house.conn.execute(
        "UPDATE app.job_executions SET state = 'running' WHERE tenant_id = $1 AND job = 'message.generate'",
        house.tenant,
    )
    with pytest.raises(Conflict) as refused:
        await privacy.erase(house.pool, house.tenant, THANDI, by="ops")
    assert refused.value.code == "person_under_way"


async def test_somebody_unknown_is_kept_away_as_well(house: House) -> None:  # B.09
    made: Erased = await privacy.erase(house.pool, house.tenant, Who(email="nobody@nowhere.co.za"), by="ops")
    assert (made.rows, made.suppressions) == ({}, 1)
    with pytest.raises(NotFound):
        await privacy.erase(house.pool, house.tenant, Who(contact_id=uuid4()), by="ops")
