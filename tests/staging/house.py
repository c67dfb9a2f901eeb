"""Dispatcher, queue, frame and jobs in one process over the sandbox, turned by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from contracts.runs import RunView
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import queue, runs, staging
from db.transaction import DbRole, Pool, transaction
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry, build


class House:
    """`pull()` asks for a pull and does all that follows. What was put off is due at once."""

    def __init__(self, pool: Pool, sandbox: RunningSandbox) -> None:
        self.pool, self.sandbox = pool, sandbox
        self._open: list[Registry] = []

    async def close(self) -> None:
        for registry in self._open:
            await registry.close()

    async def pull(self, *datasets: str, by_pages: bool = False, deliveries: int = 10_000, **settings: Any) -> RunView:
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            run_id = await staging.start_pull(
                tx, datasets, by_pages=by_pages, triggered_by="tests", requested_by="tests"
            )
        await self.work(self.sandbox.settings(**settings), deliveries)
        return await self.show(run_id)

    async def show(self, run_id: UUID) -> RunView:
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            found = await runs.show(tx, SYSTEM_TENANT, run_id)
        assert found is not None
        return found

    async def work(self, settings: Settings, deliveries: int = 10_000) -> None:
        """Hand off and perform until nothing is left, or so many jobs were performed."""
        ports = build(settings)
        self._open.append(ports)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        for _ in range(deliveries):
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await tx.execute("UPDATE app.outbox_events SET available_at = app.now()")
            _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["staging"], 1)
            for delivery in held:
                await performer(delivery)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return
