"""Executions and queue rows made the way the product makes them: emit, claim, hand off."""

from __future__ import annotations

from uuid import UUID, uuid4

from contracts.events import Probed, parse
from db import outbox
from db.transaction import DbRole, Pool, transaction
from worker.pipeline import jobs_for

TENANT = UUID("00000000-0000-7000-8000-0000000000aa")


async def seed_jobs(pool: Pool, count: int, *, tenant: UUID = TENANT, key: str = "", batch: int = 500) -> list[UUID]:
    """Queue `count` probe jobs of `tenant`; gives their probe ids. A `key` makes them the coalescing kind."""
    probes = [uuid4() for _ in range(count)]
    for start in range(0, count, batch):
        facts = [Probed(probe_id=probe, key=key) for probe in probes[start : start + batch]]
        async with transaction(pool, tenant) as tx:
            await outbox.emit_many(tx, tenant, facts)
        await hand_off(pool, len(facts))
    return probes


async def hand_off(pool: Pool, batch: int = 500) -> int:
    """Turn due events into jobs; gives how many are new."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        claimed = await outbox.claim(tx, batch=batch, tenant_buffer=1_000_000)
        return await outbox.hand_off(
            tx, [(event, jobs_for(parse(event.type, event.version, event.payload))) for event in claimed]
        )


async def states(pool: Pool, tenant: UUID = TENANT) -> dict[str, int]:
    """How many executions of the tenant stand in each state."""
    async with transaction(pool, tenant) as tx:
        rows = await tx.fetch("SELECT state, count(*)::int FROM app.job_executions GROUP BY 1")
    return {row[0]: row[1] for row in rows}
