"""The ledger around real adapters: pages whose size is money, and answers that are still being made."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.errors import VendorBusy
from contracts.findings import PersonQuery
from contracts.providers import Channel, Page
from db import ledger
from db.migrate import FOLDER
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_people, world
from tests.worker.asking import attempt
from worker import ask
from worker.providers import registry
from worker.providers.sandbox.brightdata import SLOW

QUERY = "corporate clothing suppliers South Africa"


async def test_a_page_reserves_and_costs_what_it_holds(
    sandbox: RunningSandbox, conn: Connection, pool: Pool, tenant: UUID
) -> None:  # S2.02, S3.05
    built = registry.build(sandbox.settings())
    for channel in (Channel.PDL, Channel.LINKEDIN):
        search = built.company_search(channel)
        _, _, asked = await ask.page(await attempt(pool, tenant), search, QUERY, None, 5)
        _, _, once_more = await ask.page(await attempt(pool, tenant), search, QUERY, None, 5)
        assert (asked, once_more) == (True, False)
    rows = await conn.fetch("SELECT units_reserved, units_spent FROM app.vendor_calls")
    assert [tuple(row) for row in rows] == [(5, 5), (5, 5)]
    assert sandbox.totals("pdl") == {"requests": 2, "credits": 10.0, "repeated": 0}
    await built.close()


async def test_records_on_a_page_are_forgotten_after_their_time_and_its_hits_stay(
    sandbox: RunningSandbox, conn: Connection, pool: Pool, tenant: UUID
) -> None:
    async def forget() -> int:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await ledger.drop_raw(tx)

    built = registry.build(sandbox.settings())
    page, _, _ = await ask.page(await attempt(pool, tenant), built.company_search(Channel.PDL), QUERY, None, 5)
    await built.close()
    assert all(hit.raw for hit in page.companies)
    assert await forget() == 0
    # A page from before anybody noted when.
    await conn.execute("UPDATE app.vendor_items SET raw_expires_at = NULL")
    await conn.execute((FOLDER / "0052_places_and_records.sql").read_text().split(";\n")[1])
    assert await forget() == 0
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE"
        " AS $$ SELECT interval '61 days' $$"
    )
    assert [await forget() for _ in range(2)] == [1, 0]
    kept = await conn.fetchval("SELECT response FROM app.vendor_items")
    assert '"raw"' not in kept
    bare = tuple(hit.model_copy(update={"raw": {}}) for hit in page.companies)
    assert Page.model_validate_json(kept) == page.model_copy(update={"companies": bare})


async def test_what_was_pending_when_a_process_died_is_read_and_not_bought_again(
    sandbox: RunningSandbox, conn: Connection, pool: Pool, tenant: UUID
) -> None:  # S3.05
    known = [p.linkedin for p in known_people("brightdata", 0.8)]
    query = PersonQuery(linkedin_url=next(url for url in known if world().luck("brightdata-slow", url) < SLOW))

    async def asked_by_a_new_process() -> list[Any]:
        built = registry.build(sandbox.settings())
        try:
            return await ask.items(await attempt(pool, tenant), built.operation("brightdata.profile"), [query])
        finally:
            await built.close()

    with pytest.raises(VendorBusy) as caught:
        await asked_by_a_new_process()
    assert caught.value.code == "pending"
    (reply,) = await asked_by_a_new_process()
    assert (reply.outcome, reply.units) == ("found", 1)
    (again,) = await asked_by_a_new_process()
    assert again.value == reply.value
    asked = {line["operation"]: line["count"] for line in sandbox.requests()}
    assert asked["profile"] == 1
    assert sandbox.totals("brightdata")["credits"] == 1
    assert await conn.fetchval("SELECT sum(units_spent) FROM app.vendor_calls") == 1
