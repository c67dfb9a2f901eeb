"""A rehearsal holds locks across pages, so against real runs it is the one that gives way (law 7)."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from contracts.providers import Channel, FoundCompany, Page
from contracts.runs import CreateRun
from contracts.settings import Settings
from db import leads, runs
from db.queue import Delivery
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.queue.working import until
from worker.context import Context
from worker.discovery import rehearsal
from worker.providers.registry import build


def _found(name: str) -> FoundCompany:
    return FoundCompany(external_id=name, name=name, country="ZA")


async def _run(pool: Pool, tenant: UUID) -> UUID:
    params = runs.params_of(CreateRun.model_validate({"channels": ["file"], "queries": ["q"]}), Settings())
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(tx, tenant, params, mode="test", dry_run=True, triggered_by="api")
        await runs.begin(tx, tenant, run_id, 300)
    return run_id


async def test_a_rehearsal_gives_way_to_a_real_run(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # R3
    async with transaction(pool, tenant) as tx:
        await leads.create(tx, tenant, _found("Known"), icp_profile_id=None)
    run_id = await _run(pool, tenant)
    settings = Settings()
    delivery = Delivery(1, 1, tenant, uuid4(), "discovery", "discovery.dry_run", "discovery.dry_run", 1, 0, {}, None, None,
                        run_id, False, None)  # fmt: skip
    context = Context(pool, settings, build(settings), delivery, lambda: None)
    heard = rehearsal._Heard(Channel.FILE, "q", None, "file")
    heard.pages = [
        Page(companies=(_found("Known"),), next_cursor="2"),  # locks the company
        Page(companies=(_found("New"),)),  # then waits for its key
    ]

    async def waiting() -> bool:
        return bool(await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    async with transaction(pool, tenant) as real:
        await leads.create(real, tenant, _found("New"), icp_profile_id=None)
        rehearsing = asyncio.create_task(rehearsal._rehearse(context, run_id, [heard]))
        await until(waiting)
        await real.fetch("SELECT id FROM app.companies WHERE name = 'Known' FOR NO KEY UPDATE")
    seen = await rehearsing
    assert (seen.counts.discovered, seen.counts.companies_created) == (2, 0)
