"""Files into the database: exact counts, every bad row named, nothing twice, nobody erased brought back."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict, Invalid
from contracts.imports import ImportDone, ImportKind, RowError
from db import imports, suppressions
from db.imports import Asked
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant

CUSTOMERS = """Company Name;Website;Country;Town;Fax
Karoo Workwear (Pty) Ltd;https://www.karoo.co.za/about;South Africa;Johannesburg;1
KAROO WORKWEAR;karoo.co.za;ZA;;
Zebra Pte Ltd;;SG;Singapore;
;nameless.com;US;;
Narnia Ltd;;Narnia;;
Odd Ltd;not a domain;US;;

Social Ltd;https://facebook.com/social;DE;;
Nowhere;;;;
"""


async def bring(
    pool: Pool, tenant: UUID, content: str | bytes, kind: ImportKind = "companies", *, again: bool = False, **asked: Any
) -> ImportDone:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return await imports.load_file(pool, tenant, file, Asked(kind, "t.csv", "tests", **asked), again=again)


def counts(done: ImportDone) -> tuple[int, int, int, int, int]:
    return done.rows, done.created, done.merged, done.skipped, done.bad


async def reasons(pool: Pool, tenant: UUID, done: ImportDone) -> list[RowError]:
    async with transaction(pool, tenant) as tx:
        return [e for _, e in await imports.errors(tx, tenant, done.id, limit=1000)]


async def business(conn: Connection) -> list[Any]:
    names = ("companies", "contacts", "leads", "entity_keys", "suppressions", "outbox_events")
    return [
        await conn.fetchval(f"SELECT array_agg(t.xmin::text || t.ctid::text ORDER BY t.ctid) FROM app.{n} t")
        for n in names
    ]


async def test_every_row_is_created_merged_skipped_or_named(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # S2.14
    done = await bring(pool, tenant, CUSTOMERS)
    assert counts(done) == (9, 3, 1, 1, 4)
    assert (done.state, done.companies_created, done.ignored) == ("done", 3, ["Fax"])
    assert done.columns == {"name": "Company Name", "domain": "Website", "country": "Country", "city": "Town"}
    assert [(e.row, e.column, e.code) for e in await reasons(pool, tenant, done)] == [
        (5, "Company Name", "missing"), (6, "Country", "bad_country"), (7, "Website", "bad_domain"), (10, None, "no_key"),
    ]  # fmt: skip
    rows = await conn.fetch("SELECT name, domain, country, city, sources FROM app.companies ORDER BY name")
    assert [tuple(r.values()) for r in rows] == [
        ("Karoo Workwear (Pty) Ltd", "karoo.co.za", "ZA", "Johannesburg", ["import"]),
        ("Social Ltd", None, "DE", None, ["import"]),
        ("Zebra Pte Ltd", None, "SG", "Singapore", ["import"]),
    ]
    # Somebody has to compare them with the others.
    assert await conn.fetchval("SELECT count(*) FROM app.outbox WHERE type = 'MatchingRequested'") == 1


async def test_the_same_file_again_brings_nothing_twice(pool: Pool, tenant: UUID, conn: Connection) -> None:
    first = await bring(pool, tenant, CUSTOMERS)
    before = await business(conn)
    again = await bring(pool, tenant, CUSTOMERS)
    assert (again.id, again.again, counts(again)) == (first.id, True, counts(first))
    assert await business(conn) == before
    # A changed file is another one: what stands is filled where it was empty.
    fuller = CUSTOMERS.replace("Zebra Pte Ltd;;SG", "Zebra Pte Ltd;zebra.sg;SG")
    assert counts(await bring(pool, tenant, fuller)) == (9, 0, 4, 1, 4)
    assert await conn.fetchval("SELECT domain FROM app.companies WHERE name = 'Zebra Pte Ltd'") == "zebra.sg"
    once_more = await bring(pool, tenant, CUSTOMERS, again=True)
    assert (once_more.id, counts(once_more)) == (first.id, (9, 0, 4, 1, 4))


async def test_after_a_crash_the_same_file_goes_on_where_it_stopped(pool: Pool, tenant: UUID, conn: Connection) -> None:
    class Died(Exception):
        pass

    def die(_: Any, rows: int) -> None:
        if rows >= 2 * imports.BATCH:
            raise Died

    many = "name,country\n" + "".join(f"Firm {n},ZA\n" for n in range(3 * imports.BATCH + 7))
    with pytest.raises(Died):
        await imports.load_file(pool, tenant, io.BytesIO(many.encode()), Asked("companies", "t", "tests"), progress=die)
    assert await conn.fetchval("SELECT count(*) FROM app.companies") == 2 * imports.BATCH
    done = await bring(pool, tenant, many)
    assert counts(done) == (3 * imports.BATCH + 7, 3 * imports.BATCH + 7, 0, 0, 0)
    assert await conn.fetchval("SELECT count(*) FROM app.companies") == done.created


async def test_two_at_once_bring_each_company_once(pool: Pool, tenant: UUID, conn: Connection) -> None:
    many = "name,country\n" + "".join(f"Firm {n},ZA\n" for n in range(1200))
    backwards = "name,country\n" + "".join(f"Firm {n},ZA\n" for n in reversed(range(1200)))
    done = await asyncio.gather(bring(pool, tenant, many), bring(pool, tenant, backwards))
    assert sum(d.created for d in done) == 1200 == await conn.fetchval("SELECT count(*) FROM app.companies")
    same = await asyncio.gather(*[bring(pool, tenant, many + "X,ZA\n") for _ in range(2)], return_exceptions=True)
    assert all(isinstance(s, ImportDone) or (isinstance(s, Conflict) and s.code == "import_elsewhere") for s in same)
    assert await conn.fetchval("SELECT count(*) FROM app.companies") == 1201


async def test_a_dry_run_counts_what_the_real_one_does_and_writes_nothing(
    pool: Pool, tenant: UUID, conn: Connection
) -> None:
    many = CUSTOMERS + "".join(f"Firm {n % 700};;ZA;;\n" for n in range(1500))
    before = await business(conn)
    dry = await bring(pool, tenant, many, dry_run=True)
    assert await business(conn) == before
    real = await bring(pool, tenant, many)
    assert (counts(dry), dry.companies_created) == (counts(real), real.companies_created)
    assert (real.created, dry.dry_run, real.again) == (703, True, False)
    assert [e.model_dump() for e in dry.first_errors] == [e.model_dump() for e in real.first_errors]


async def test_leads_come_with_their_people_and_wait_for_a_night(pool: Pool, tenant: UUID, conn: Connection) -> None:
    content = (
        "Firma,E-Mail,First Name,Surname,Job Title,Country\n"
        "Karoo,Thandi@Karoo.co.za,Thandi,Nkosi,Buyer,ZA\n"
        "Karoo,pieter@karoo.co.za,Pieter,Botha,,ZA\n"
        "Zebra,nobody,,,,SG\n"
    )
    with pytest.raises(Invalid, match="map name=THEIRS"):
        await bring(pool, tenant, content, "leads")
    done = await bring(pool, tenant, content, "leads", mapping={"name": "Firma"})
    assert (counts(done), done.companies_created, done.contacts_created) == ((3, 1, 1, 0, 1), 1, 2)
    assert [(e.column, e.code) for e in done.first_errors] == [("E-Mail", "bad_email")]
    people = await conn.fetch("SELECT name, email, title FROM app.contacts ORDER BY email")
    assert [tuple(p.values()) for p in people] == [
        ("Pieter Botha", "pieter@karoo.co.za", None), ("Thandi Nkosi", "thandi@karoo.co.za", "Buyer"),
    ]  # fmt: skip
    events = await conn.fetch("SELECT payload FROM app.outbox_events WHERE type = 'LeadDiscovered'")
    assert len(events) == 1
    assert '"enrich": true' not in events[0]["payload"]


async def test_somebody_who_was_erased_stays_away(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # B.09
    async with transaction(pool, tenant) as tx:
        await suppressions.add(tx, tenant, "any", "email", "gone@karoo.co.za", by="tests", erased=True)
    done = await bring(pool, tenant, "name,country,email\nKaroo,ZA,Gone@karoo.co.za\nZebra,SG,z@zebra.sg\n", "leads")
    assert (counts(done), done.contacts_created) == ((2, 2, 0, 0, 0), 1)
    assert [(e.row, e.code, e.fatal) for e in done.first_errors] == [(2, "person_erased", False)]
    assert await conn.fetchval("SELECT count(*) FROM app.contacts WHERE email = 'gone@karoo.co.za'") == 0


async def test_suppressions_come_in_as_hashes(pool: Pool, tenant: UUID, conn: Connection) -> None:
    # B.09
    content = (
        "email,mobile,channel,reason\na@x.com,+27 11 555 0001,any,asked\nA@X.com,,,\nb@x.com,,fax,\n,12,,\n,,,nobody\n"
    )
    dry = await bring(pool, tenant, content, "suppressions", dry_run=True)
    done = await bring(pool, tenant, content, "suppressions")
    assert counts(dry) == counts(done) == (5, 1, 1, 0, 3)
    assert [(e.row, e.code) for e in done.first_errors] == [
        (4, "bad_channel"), (5, "bad_suppression_key"), (6, "missing"),
    ]  # fmt: skip
    async with transaction(pool, tenant) as tx:
        assert await suppressions.hit(tx, tenant, "whatsapp", phones=["+27115550001"]) is not None
    everything = await conn.fetchval("SELECT string_agg(t::text, '') FROM app.suppressions t")
    assert "x.com" not in everything


async def test_rows_that_cannot_be_kept_are_named_and_the_rest_goes_on(pool: Pool, tenant: UUID) -> None:
    # S2.14: NUL, values without end, too many cells, an open quote
    content = "name,country\nA\x00B,ZA\n" + "x" * 501 + ',ZA\nGood,ZA\nC,ZA,extra\n"Open,ZA\nAlso good,ZA\n'
    done = await bring(pool, tenant, content)
    assert counts(done) == (6, 2, 0, 0, 4)
    assert [(e.row, e.code) for e in done.first_errors] == [
        (2, "nul"), (3, "too_long"), (5, "too_many_cells"), (6, "unreadable"),
    ]  # fmt: skip
    assert all("501" not in e.message or "500 fit" in e.message for e in done.first_errors)


async def test_a_file_without_our_columns_is_refused_and_says_how_to_name_them(pool: Pool, tenant: UUID) -> None:
    for content, mapping, words in (
        ("a,b\n1,2\n", {}, "its first line has 'a', 'b'"),
        ("name,country\n", {"name": "Firm"}, "no column 'Firm'"),
        ("name,country\n", {"nome": "name"}, "no field of companies"),
    ):
        with pytest.raises(Invalid, match=words):
            await bring(pool, tenant, content, mapping=mapping)


async def test_tenants_do_not_see_each_others_imports(pool: Pool, tenant: UUID) -> None:
    done = await bring(pool, tenant, CUSTOMERS)
    other = await new_tenant(pool)
    async with transaction(pool, other) as tx:
        assert await imports.list_(tx, other) == []
    assert not (await bring(pool, other, CUSTOMERS)).again
    async with transaction(pool, tenant) as tx:
        assert [i.id for i in await imports.list_(tx, tenant)] == [done.id]
