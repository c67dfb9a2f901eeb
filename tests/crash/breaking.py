"""Holding a job still in one beat, so that its worker can be killed exactly there.

A beat is held from outside: a vendor that stays silent (ask), or a lock of ours that the next statement needs (load,
write). Nothing in the product knows about it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from contracts.runs import CreateRun
from contracts.settings import Settings
from db import runs, slices
from db.transaction import transaction
from tests.conftest import Connection
from tests.flows.installation import Desk, Installation, Process, until
from tests.providers.sandbox_fixture import RunningSandbox
from worker.discovery import plan

QUICK = {"WORKER_HEARTBEAT_S": "0.2", "WORKER_DEAD_AFTER_S": "1.2"}


class Stage:
    """The processes of an installation by what they do. `worker` runs jobs and nothing else; there is only one."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.control = self._control()
        self.worker = self._jobs()

    def _control(self) -> Process:
        return self.house.worker("dispatch", "maintain", **QUICK)

    def _jobs(self) -> Process:
        return self.house.worker("jobs", **QUICK)

    def replace_worker(self) -> Process:
        """Another worker beside the old one, which is given back and may be dead."""
        old, self.worker = self.worker, self._jobs()
        return old

    def kill_control(self) -> None:
        self.control.kill()

    def replace_control(self) -> None:
        self.control = self._control()


async def planned(desk: Desk, channel: str, query: str, *, page_size: int = 20) -> UUID:
    """A running discovery run of one slice whose first page waits in the paused outbox: `desk.go_on()` lets it go."""
    await desk.pause()
    run_id = await desk.start(channels=[channel], queries=[query], page_size=page_size)
    asked = CreateRun.model_validate({"channels": [channel], "queries": [query]})
    params = runs.params_of(asked, Settings.model_construct(discovery_page_size=page_size))
    async with transaction(desk.pool, desk.tenant) as tx:
        assert await runs.begin(tx, desk.tenant, run_id, params.max_runtime_seconds)
        await slices.plan(tx, desk.tenant, run_id, plan.slices(params))
    return run_id


@asynccontextmanager
async def locked(desk: Desk, statement: str, *arguments: Any) -> AsyncIterator[Connection]:
    """Hold a lock, taken by `statement`, for the length of the block."""
    parts = await asyncpg.connect(desk.url)
    try:
        async with parts.transaction():
            await parts.execute(statement, *arguments)
            yield parts
    finally:
        await parts.close()


async def stuck(desk: Desk, statement: str) -> None:
    """Wait until a process stands before a lock of ours, in a statement that contains these words."""
    await desk.until(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND position($1 IN query) > 0)",
        statement,
    )


async def asked(sandbox: RunningSandbox, vendor: str) -> None:
    """Wait until a vendor has been asked."""
    await until(lambda: sandbox.totals(vendor)["requests"] > 0, 20, f"{vendor} was never asked")
