"""The suppression list: what is the same person, whom it stops, that it cannot be read, and that it is kept to in a race."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from contracts.errors import Conflict, Invalid
from contracts.suppressions import SuppressionKey, keys_of, normalised
from db import suppressions
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("email", "Jane@Acme.com ", "jane@acme.com"),
        ("email", "jane.doe+news@GoogleMail.com", "janedoe@gmail.com"),
        ("email", "jane@bücher.de", "jane@xn--bcher-kva.de"),
        ("phone", "(+65) 9123-4567", "006591234567"),
        ("phone", "+44 (0) 20 7946 0000", "+442079460000"),
        ("domain", "https://www.Acme.com/contact?x=1", "acme.com."),
        ("person", "https://uk.linkedin.com/in/Jane-Doe/", "linkedin:jane-doe"),
    ],
)
def test_two_spellings_are_one_value(type_: str, one: str, other: str) -> None:  # B.09
    assert normalised(type_, one) == normalised(type_, other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type_", "value"),
    [("email", "jane"), ("email", "a@b"), ("phone", "9123 4567"), ("phone", "+0123456789"), ("domain", "localhost")],
)
def test_what_is_no_value_is_refused_without_repeating_it(type_: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalised(type_, value)  # type: ignore[arg-type]
    assert refused.value.code == "bad_suppression_key"
    assert value not in refused.value.detail


def test_a_person_is_stopped_by_the_domain_of_the_address_and_those_above_it() -> None:
    keys = keys_of(emails=["jane@mail.acme.co.za"], phones=["nonsense"])
    assert SuppressionKey("domain", "acme.co.za") in keys
    assert {k.type for k in keys} == {"email", "domain"}


async def test_the_list_stops_whom_it_names_on_that_channel(pool: Pool, tenant: UUID) -> None:  # B.09
    other = await new_tenant(pool)
    async with transaction(pool, tenant) as tx:
        entry, new = await suppressions.add(tx, tenant, "whatsapp", "phone", "+65 9123 4567", by="t", reason="STOP")
        again, twice = await suppressions.add(tx, tenant, "whatsapp", "phone", "+6591234567", by="t")
        assert (new, twice, again.id) == (True, False, entry.id)
        await suppressions.add(tx, tenant, "any", "domain", "acme.com", by="t")
    async with transaction(pool, tenant) as tx:
        assert await suppressions.hit(tx, tenant, "whatsapp", phones=["0065 91234567"])
        assert await suppressions.hit(tx, tenant, "email", phones=["+6591234567"]) is None
        assert await suppressions.hit(tx, tenant, "email", emails=["x@shop.acme.com"])
        assert await suppressions.hit(tx, tenant, "any", emails=["x@acme.org"]) is None
    async with transaction(pool, other) as tx:
        assert await suppressions.hit(tx, other, "whatsapp", phones=["+6591234567"]) is None


async def test_entries_cannot_be_read_and_two_tenants_hash_differently(
    conn: Connection, pool: Pool, tenant: UUID
) -> None:  # B.09
    for each in (tenant, await new_tenant(pool)):
        async with transaction(pool, each) as tx:
            await suppressions.add(tx, each, "any", "email", "jane@acme.com", by="t")
    hashes = [bytes(r["key_hash"]) for r in await conn.fetch("SELECT key_hash FROM app.suppressions")]
    assert len(set(hashes)) == 2
    said = await conn.fetch("SELECT s::text FROM app.suppressions s UNION ALL SELECT a::text FROM app.audit_log a")
    assert not any("jane" in r[0] or "acme.com" in r[0] for r in said)


async def test_many_at_once_say_which_were_new(pool: Pool, tenant: UUID) -> None:
    keys = [normalised("email", f"{n}@acme.com") for n in (3, 1, 2, 1)]
    entries = [suppressions.Entry("any", k) for k in keys]
    async with transaction(pool, tenant) as tx:
        assert await suppressions.add_many(tx, tenant, entries, by="t", source="file") == [True, True, True, False]
        assert await suppressions.add_many(tx, tenant, entries[:2], by="t", source="file") == [False, False]


async def test_an_erased_person_is_told_apart_and_only_taken_off_on_purpose(pool: Pool, tenant: UUID) -> None:  # B.09
    jane, john = normalised("email", "jane@acme.com"), normalised("email", "john@acme.com")
    async with transaction(pool, tenant) as tx:
        for key in (jane, john):
            await suppressions.add(tx, tenant, "any", "email", key.value, by="t")
        assert await suppressions.erased(tx, tenant, [jane, john]) == set()
        entry, new = await suppressions.add(tx, tenant, "any", "email", jane.value, by="t", erased=True)
        assert new
        assert await suppressions.erased(tx, tenant, [jane, john]) == {jane}
        with pytest.raises(Conflict):
            await suppressions.remove(tx, tenant, entry.id, by="t")
        await suppressions.remove(tx, tenant, entry.id, by="t", erased=True)
        assert await suppressions.hit(tx, tenant, "any", emails=[jane.value]) is None


async def test_whoever_acts_on_the_list_holds_it_still(pool: Pool, tenant: UUID) -> None:
    """An entry stands before a decision that reads the list, or comes after its commit."""

    async def add() -> None:
        async with transaction(pool, tenant) as tx:
            await suppressions.add(tx, tenant, "any", "email", "jane@acme.com", by="t")

    async with transaction(pool, tenant) as tx:
        await suppressions.hold(tx, tenant)
        adding = asyncio.create_task(add())
        async with transaction(pool, tenant) as look:
            while not await look.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                await asyncio.sleep(0)
        assert not adding.done()
        assert await suppressions.hit(tx, tenant, "any", emails=["jane@acme.com"]) is None
    await adding
    async with transaction(pool, tenant) as tx:
        assert await suppressions.hit(tx, tenant, "any", emails=["jane@acme.com"])
