"""A worker that was taken for dead enriches on: what it writes unfenced changes nothing that another has made (law 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from contracts.providers import FoundCompany
from contracts.sites import SiteReport
from db import enrichments, leads, queue
from db.queue import Delivery, Stranded
from db.transaction import DbRole, Tx, transaction
from tests.enrichment.house import WORLD, House, Site
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once
from worker.perform import Performer
from worker.providers.sandbox.people import people_of

TABLES = (
    "companies",
    "contacts",
    "leads",
    "field_values",
    "enrichments",
    "waterfall_steps",
    "vendor_calls",
    "budget_counters",
)


class _Meanwhile(Site):
    """Something happens while the site is read; it says other things than the one that is read in time."""

    phone = "+27 11 555 0999"

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act

    async def crawl(self, domain: str) -> SiteReport:
        report = await super().crawl(domain)
        await self._act()
        return report


async def _asked(house: House) -> UUID:
    company = next(c for c in WORLD.companies("ZA") if people_of(WORLD, c))
    found = FoundCompany(external_id="typed", name=company.name, country="ZA", domain=company.domain)
    async with transaction(house.pool, house.tenant) as tx:
        return await leads.create(tx, house.tenant, found, icp_profile_id=None, enrich=True)


async def _taken(house: House) -> Delivery:
    """By a worker that never beats again."""
    await Dispatcher(house.pool, house.settings).dispatch_batch()
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "slow", 1, ["jobs"])
        [taken] = await queue.fetch(tx, worker, ["enrichment"], 1)
        await queue.unregister(tx, worker)
    return taken


async def _done_by_another(house: House) -> dict[str, Any]:
    async def nobody(_tx: Tx, _one: Stranded) -> None:
        raise AssertionError("it is rescued, not given up")

    assert (await rescue_once(house.pool, 0.0, nobody)).rescued == 1
    await house.work()
    return await _made(house)


async def _made(house: House) -> dict[str, Any]:
    rows: dict[str, Any] = {
        table: [r["row"] for r in await house.conn.fetch(f"SELECT t::text AS row FROM app.{table} t ORDER BY 1")]
        for table in TABLES
    }
    return {**rows, "requests": house.requests()}


async def _perform(house: House, late: Delivery, site: Site) -> None:
    await Performer(house.pool, house.settings, house.ports, ACTIVITIES, lambda: None, None, site)(late)


async def test_who_begins_after_another_has_ended_it_changes_nothing(house: House) -> None:
    lead = await _asked(house)
    late = await _taken(house)
    before = await _done_by_another(house)
    await _perform(house, late, _Meanwhile(house.work))
    assert await _made(house) == before
    async with transaction(house.pool, house.tenant) as tx:
        assert [each.status for each in await enrichments.list_(tx, house.tenant, lead)] == ["COMPLETED"]


async def test_what_it_read_of_the_site_does_not_stand_in_a_record_that_has_ended(house: House) -> None:
    await _asked(house)
    late = await _taken(house)
    before: dict[str, Any] = {}

    async def meanwhile() -> None:
        before.update(await _done_by_another(house))

    await _perform(house, late, _Meanwhile(meanwhile))
    assert before["field_values"]
    assert not any(_Meanwhile.phone in row for row in before["field_values"])
    assert await _made(house) == before
