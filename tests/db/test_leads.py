"""Hits become companies, contacts and leads, once each: `entity_keys` arbitrates (R13)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict
from contracts.providers import FoundCompany, FoundContact
from contracts.runs import Counts, CreateRun
from contracts.settings import Settings
from db import leads, runs, slices
from db.slices import Slice
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.queue.working import until
from worker.discovery import plan


def company(name: str, country: str | None = "ZA", **more: Any) -> FoundCompany:
    return FoundCompany(external_id=more.pop("external_id", f"x:{name}"), name=name, country=country, **more)


async def _slices(pool: Pool, tenant: UUID, channels: Sequence[str] = ("register",)) -> list[Slice]:
    """The open slices of a new run."""
    params = runs.params_of(
        CreateRun.model_validate({"channels": channels, "queries": ["q"]}), Settings.model_construct()
    )
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(tx, tenant, params, mode="test", dry_run=False, triggered_by="api")
        await runs.begin(tx, tenant, run_id, 60)
        ids = await slices.plan(tx, tenant, run_id, plan.slices(params))
        found = [await slices.get(tx, tenant, i) for i in ids]
    return [s for s in found if s is not None]


async def _save(pool: Pool, tenant: UUID, of: Slice, *companies: FoundCompany, room: int = 100) -> Counts:
    async with transaction(pool, tenant) as tx:
        await runs.lock(tx, tenant, of.run_id)
        return await leads.save_page(tx, tenant, of, "vendor", companies, room=room, icp_profile_id=None)


async def test_a_run_may_have_what_it_finds_enriched_at_once(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.07: off, the night chooses whom
    (of,) = await _slices(pool, tenant, ["google"])
    for name, enrich in (("Acme", False), ("Zeta", True)):
        async with transaction(pool, tenant) as tx:
            await runs.lock(tx, tenant, of.run_id)
            found = [company(name, domain=f"{name.lower()}.example")]
            await leads.save_page(tx, tenant, of, "vendor", found, room=9, icp_profile_id=None, enrich=enrich)
    said = await conn.fetch("SELECT payload::text FROM app.outbox_events WHERE type = 'LeadDiscovered' ORDER BY id")
    assert ['"enrich": true' in row["payload"] for row in said] == [False, True]


async def _companies(conn: Connection) -> list[tuple[Any, ...]]:
    rows = await conn.fetch("SELECT name, domain, registry_id, sources FROM app.companies ORDER BY name, id")
    return [tuple(r) for r in rows]


async def test_the_same_company_from_two_channels_is_one(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.09 S0.12
    register, web = await _slices(pool, tenant, ["register", "google"])
    await _save(pool, tenant, register, company("Acme Clothing (Pty) Ltd", registry_id="lei:A"))
    added = await _save(pool, tenant, web, company("ACME Clothing", domain="acme.co.za"))

    assert await _companies(conn) == [("Acme Clothing (Pty) Ltd", "acme.co.za", "lei:A", ["register", "google"])]
    assert (added.companies_created, added.companies_skipped, added.leads_created, added.leads_skipped) == (0, 1, 0, 1)
    # What the second hit brought along finds it from now on.
    third = await _save(pool, tenant, web, company("Something Else", domain="acme.co.za", external_id="3"))
    assert third.companies_created == 0
    statuses = await conn.fetch("SELECT status FROM app.source_records ORDER BY id")
    assert [s["status"] for s in statuses] == ["DISCOVERED", "DUPLICATE", "DUPLICATE"]


@pytest.mark.parametrize("name", ["A & " * 124 + "Son", "ß" * 500, "\ufdfa" * 500], ids=["and", "sharp s", "ligature"])
async def test_a_name_that_grows_when_folded_does_not_cost_the_page(
    conn: Connection, pool: Pool, tenant: UUID, name: str
) -> None:
    # R13: one odd record stands beside the others, and is known again.
    (of,) = await _slices(pool, tenant)
    odd = company(name, external_id="odd", contacts=(FoundContact(email="\u0130" * 300 + "@example.com"),))
    assert (await _save(pool, tenant, of, odd, company("Acme"))).companies_created == 2
    assert (await _save(pool, tenant, of, company(name, external_id="again"))).companies_created == 0
    assert await conn.fetchval("SELECT count(*) FROM app.companies") == 2


async def test_two_people_typing_in_one_company_make_one_lead(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.19 R13: each names another contact, so the unique key of leads does not stop them.
    profile = UUID(int=7)

    async def typed(email: str | None, icp: UUID | None) -> UUID | None:
        people = (FoundContact(email=email),) if email else ()
        async with transaction(pool, tenant) as tx:
            try:
                return await leads.create(tx, tenant, company("Acme", contacts=people), icp_profile_id=icp)
            except Conflict:
                return None

    await typed(None, None)
    async with transaction(pool, tenant) as tx:
        first = company("Acme", contacts=(FoundContact(email="a@acme.co.za"),))
        await leads.create(tx, tenant, first, icp_profile_id=profile)
        second = asyncio.create_task(typed("b@acme.co.za", profile))
        waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await until(lambda: _or_done(conn, waiting, second))
    assert await second is None
    assert await conn.fetchval("SELECT count(*) FROM app.leads WHERE icp_profile_id = $1", profile) == 1


async def _or_done(conn: Connection, question: str, task: asyncio.Task[Any]) -> bool:
    return task.done() or bool(await conn.fetchval(question))


async def test_two_registry_numbers_are_two_companies(conn: Connection, pool: Pool, tenant: UUID) -> None:
    """Whatever weaker keys say: a holding and its daughter share a web site and a name."""
    (of,) = await _slices(pool, tenant)
    added = await _save(
        pool, tenant, of,
        company("Acme Ltd", registry_id="lei:A", domain="acme.co.za"),
        company("Acme Ltd", registry_id="lei:B", domain="acme.co.za", external_id="b"),
    )  # fmt: skip
    assert (added.companies_created, added.leads_created) == (2, 2)
    again = await _save(pool, tenant, of, company("Acme Ltd", registry_id="lei:B", external_id="c"))
    assert again.companies_created == 0


async def test_a_name_counts_only_with_its_country(conn: Connection, pool: Pool, tenant: UUID) -> None:
    (of,) = await _slices(pool, tenant)
    added = await _save(pool, tenant, of, company("Acme"), company("Acme", "BW", external_id="bw"))
    assert added.companies_created == 2
    nowhere = await _save(pool, tenant, of, company("Acme", None, external_id="nowhere"))
    assert (nowhere.companies_created, nowhere.discovered) == (0, 1)
    record = await conn.fetchrow(
        "SELECT status, reason, company_id FROM app.source_records WHERE external_id = 'nowhere'"
    )
    assert record is not None
    assert tuple(record) == ("REJECTED", "no_key", None)


async def test_the_cap_leaves_what_is_over_as_rejected_records(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.11 S2.05 R23
    (of,) = await _slices(pool, tenant)
    added = await _save(pool, tenant, of, *[company(f"Firm {n}") for n in range(5)], room=2)
    assert (added.discovered, added.companies_created, added.companies_skipped) == (5, 2, 3)
    rejected = await conn.fetch("SELECT reason FROM app.source_records WHERE status = 'REJECTED'")
    assert [r["reason"] for r in rejected] == ["max_companies"] * 3
    # A cap counts companies CREATED: what is there already costs no room.
    more = await _save(pool, tenant, of, company("Firm 0", external_id="again"), company("Firm 9"), room=1)
    assert (more.companies_created, more.companies_skipped) == (1, 1)


async def test_people_are_one_by_their_address(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S0.12
    (of,) = await _slices(pool, tenant)
    ada = FoundContact(name="Ada", email="Ada@Acme.co.za")
    first = await _save(pool, tenant, of, company("Acme", contacts=(ada, FoundContact(name="nobody"))))
    second = await _save(
        pool,
        tenant,
        of,
        company("Acme", external_id="2", contacts=(ada.model_copy(update={"email": "ada@acme.CO.ZA"}),)),
    )
    assert (first.contacts_created, first.contacts_skipped) == (1, 0)
    assert (second.contacts_created, second.contacts_skipped) == (0, 1)
    row = await conn.fetchrow("SELECT p.email, l.contact_id = p.id AS linked FROM app.contacts p, app.leads l")
    assert row is not None
    assert tuple(row) == ("ada@acme.co.za", True)


async def test_every_new_lead_is_announced_with_the_record_it_came_from(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S2.07 C.03
    (of,) = await _slices(pool, tenant)
    await _save(pool, tenant, of, company("One"), company("Two"), company("One", external_id="1 again"))
    rows = await conn.fetch(
        "SELECT e.correlation_id = $1 AND (e.payload ->> 'discoveryRecordId')::uuid = r.id AND r.lead_id = l.id AS fits"
        " FROM app.outbox_events e JOIN app.leads l ON l.id = (e.payload ->> 'leadId')::uuid"
        " JOIN app.source_records r ON r.lead_id = l.id WHERE e.type = 'LeadDiscovered'",
        of.run_id,
    )
    assert [r["fits"] for r in rows] == [True, True]


async def test_runs_that_find_the_same_companies_at_once_make_each_once(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    """Different runs hold different locks: only the keys stand between them (law 7)."""
    slices = [(await _slices(pool, tenant))[0] for _ in range(8)]
    everybody = [
        company(f"Firm {n}", domain=f"firm{n}.co.za", contacts=(FoundContact(email=f"info@firm{n}.co.za"),))
        for n in range(30)
    ]
    added = await asyncio.gather(
        *[_save(pool, tenant, of, *(everybody if n % 2 else everybody[::-1])) for n, of in enumerate(slices)]
    )
    assert sum(a.companies_created for a in added) == 30
    assert sum(a.leads_created for a in added) == 30
    assert sum(a.contacts_created for a in added) == 30
    for table, count in (("companies", 30), ("leads", 30), ("contacts", 30), ("source_records", 240)):
        assert await conn.fetchval(f"SELECT count(*) FROM app.{table}") == count, table
    assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    stray = await conn.fetchval(
        "SELECT count(*) FROM app.entity_keys k WHERE kind = 'company'"
        " AND NOT EXISTS (SELECT FROM app.companies c WHERE c.id = k.entity_id)"
    )
    assert stray == 0


async def test_a_hit_with_keys_of_two_companies_belongs_to_the_stronger(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    (of,) = await _slices(pool, tenant)
    await _save(pool, tenant, of, company("Acme", registry_id="lei:A"), company("Other", domain="acme.co.za"))
    added = await _save(pool, tenant, of, company("Third", registry_id="lei:A", domain="acme.co.za"))
    assert added.companies_created == 0
    record = await conn.fetchval(
        "SELECT c.name FROM app.source_records r JOIN app.companies c ON c.id = r.company_id WHERE external_id = 'x:Third'"
    )
    assert record == "Acme"
    # The key stays with whom it was first found at; which of the two a later hit means is not decided anew.
    owner = (
        "SELECT c.name FROM app.entity_keys k JOIN app.companies c ON c.id = k.entity_id WHERE k.value = 'acme.co.za'"
    )
    assert await conn.fetchval(owner) == "Other"


async def test_a_typed_lead_that_exists_is_refused_by_name(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S2.19
    async def create(**more: Any) -> UUID:
        async with transaction(pool, tenant) as tx:
            return await leads.create(tx, tenant, company("Acme", **more), icp_profile_id=None)

    first = await create(domain="acme.co.za", contacts=(FoundContact(name="Ada", email="ada@acme.co.za"),))
    with pytest.raises(Conflict) as refused:
        await create(registry_id="lei:A")
    assert (refused.value.code, refused.value.members["lead_id"]) == ("lead_already_exists", str(first))
    assert await conn.fetchval("SELECT count(*) FROM app.leads") == 1
    assert await conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE type = 'LeadDiscovered'") == 1

    both = await asyncio.gather(
        *[_typed(pool, tenant, company("New one", domain="new.example")) for _ in range(4)], return_exceptions=True
    )
    assert sum(isinstance(b, UUID) for b in both) == 1
    assert {b.code for b in both if isinstance(b, Conflict)} == {"lead_already_exists"}


async def _typed(pool: Pool, tenant: UUID, one: FoundCompany) -> UUID:
    async with transaction(pool, tenant) as tx:
        return await leads.create(tx, tenant, one, icp_profile_id=None)


async def test_leads_are_listed_newest_first_with_their_newest_record(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:
    # S2.03
    register, web = await _slices(pool, tenant, ["register", "google"])
    await _save(pool, tenant, register, *[company(f"Firm {n}", domain=f"f{n}.co.za") for n in range(3)])
    await _save(pool, tenant, web, company("Firm 1", domain="f1.co.za", external_id="https://f1.co.za/"))
    async with transaction(pool, tenant) as tx:
        page = await leads.list_(tx, tenant, limit=2)
        rest = await leads.list_(tx, tenant, before=page[-1]["id"])
        seen = await leads.show(tx, tenant, next(r["id"] for r in (*page, *rest) if r["company_name"] == "Firm 1"))
    ids = [r["id"] for r in (*page, *rest)]
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert seen is not None
    assert seen["latest_discovery"]["source"] == "google"
    assert [r["source"] for r in seen["discovery_records"]] == ["google", "register"]
    stranger = await new_tenant(pool)
    async with transaction(pool, stranger) as tx:
        assert await leads.show(tx, tenant, ids[0]) is None
