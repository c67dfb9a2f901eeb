"""An installation in one process: the real dispatcher, queue, frame and jobs over the sandbox, turned by hand on a chosen day."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from contracts.opportunities import OpportunityRow, OpportunityRun
from contracts.profiles import CreateProfile, Profile
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import opportunities, profiles, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry, build
from worker.providers.sandbox.sam import _posted
from worker.providers.sandbox.world import World

WORLD = World(7)


class House:
    """`work()` does everything that is due; `settings` may be changed before a run."""

    def __init__(self, conn: Connection, pool: Pool, sandbox: RunningSandbox) -> None:
        self.conn, self.pool, self.sandbox = conn, pool, sandbox
        self.settings = sandbox.settings(sam_daily_calls=1000)
        self._open: list[Registry] = []

    async def close(self) -> None:
        for registry in self._open:
            await registry.close()

    async def is_day(self, day: str) -> None:
        """Set the database's clock to noon of that day (UTC)."""
        shift = f"timestamptz '{day} 12:00Z' - now()"
        seconds = await self.conn.fetchval(f"SELECT extract(epoch FROM {shift})::bigint")
        # app.now() and not the shift in it: plans hold on to the value of an immutable function.
        await self.conn.execute(
            "CREATE OR REPLACE FUNCTION app.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
            f" AS $$ SELECT statement_timestamp() + interval '{seconds} seconds' $$"
        )

    async def tenant(self, *codes: str, **wishes: Any) -> UUID:
        """A new tenant with a profile for these codes."""
        made = await new_tenant(self.pool)
        await self.profile(made, *codes, **wishes)
        return made

    async def profile(self, tenant: UUID, *codes: str, name: str = "first", **wishes: Any) -> Profile:
        body = CreateProfile(name=name, naics_codes=list(codes), **wishes)
        async with transaction(self.pool, tenant) as tx:
            return await profiles.create(tx, tenant, body, by="tests")

    async def run(self) -> OpportunityRun:
        """Ask for a run, do all that follows, and show what it came to."""
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            run_id, _ = await opportunities.request_run(tx, triggered_by="tests")
        await self.work()
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            shown = await opportunities.run(tx, run_id)
        assert shown is not None
        return shown

    async def work(self, settings: Settings | None = None, *, most: int | None = None) -> None:
        """Hand off and perform until nothing is due any more, or `most` jobs have been performed."""
        settings = settings or self.settings
        ports = build(settings)
        self._open.append(ports)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        performed = 0
        while performed != most:
            _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["opportunities"], 1)
            for delivery in held:
                await performer(delivery)
            performed += len(held)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return

    async def notices(self, tenant: UUID, **filters: Any) -> list[OpportunityRow]:
        """What a tenant may see, behind its wall."""
        async with transaction(self.pool, tenant) as tx:
            return await opportunities.list_(tx, tenant, limit=5000, **filters)

    async def cursor(self, code: str) -> date | None:
        async with transaction(self.pool, SYSTEM_TENANT) as tx:
            found = (await opportunities.cursors(tx, SYSTEM_TENANT, "sam", [code])).get(code)
        return found.watermark if found else None

    @property
    def calls(self) -> int:
        """Requests that the vendor has heard so far."""
        return int(self.sandbox.totals("sam")["requests"])


def posted(code: str, first: str, last: str) -> dict[str, dict[str, Any]]:
    """The world's notices of a six-digit code between two days, as they stand on the last, by id."""
    found = _posted(WORLD, code, date.fromisoformat(first), date.fromisoformat(last))
    return {notice["noticeId"]: notice for notice in found}
