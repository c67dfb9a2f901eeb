"""A tenant that sells things: its rows written one by one at chosen ages, its jobs run through the dispatcher and the frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.accounts import BusinessJob
from contracts.runs import RunView
from contracts.settings import Settings
from db import business_jobs, queue, runs
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.dispatching import dispatcher
from worker.activities import ACTIVITIES
from worker.perform import Performer
from worker.providers.registry import Registry

#: What the four jobs write, for whoever holds their rows against what stood before.
BUSINESS = (
    "accounts", "orders", "order_lines", "skus", "samples", "sample_metrics", "triggers", "trigger_executions", "alerts",
    "companies",
)  # fmt: skip


class Shop:
    def __init__(self, conn: Connection, pool: Pool, tenant: UUID) -> None:
        self.conn, self.pool, self.tenant = conn, pool, tenant
        self.count = 0

    def _next(self) -> str:
        self.count += 1
        return f"{self.count}"

    async def customer(self, name: str, merged_into: UUID | None = None) -> UUID:
        made: UUID = await self.conn.fetchval(
            "INSERT INTO app.companies (tenant_id, name, name_core, merged_into) VALUES ($1, $2, $2, $3) RETURNING id",
            self.tenant, name, merged_into,
        )  # fmt: skip
        return made

    async def sku(self, code: str, on_hand: float | None = None, **more: Any) -> UUID:
        made: UUID = await self.conn.fetchval(
            "INSERT INTO app.skus (tenant_id, code, on_hand, active) VALUES ($1, $2, $3, $4) RETURNING id",
            self.tenant, code, on_hand, more.get("active", True),
        )  # fmt: skip
        return made

    async def order(
        self, company: UUID, days_ago: float, value: float = 100.0, lines: Sequence[tuple[UUID, float]] = ()
    ) -> UUID:
        """An order delivered at once, so many days ago; lines are (SKU, quantity) at one unit of money each."""
        made: UUID = await self.conn.fetchval(
            "INSERT INTO app.orders (tenant_id, source, ext_id, company_id, ordered_at, delivered_at, value)"
            " SELECT $1, 'tests', $2, $3, at, at, $5 FROM (SELECT app.now() - $4::float8 * interval '1 day' AS at) t RETURNING id",
            self.tenant, self._next(), company, days_ago, value,
        )  # fmt: skip
        for line, (sku, quantity) in enumerate(lines):
            await self.conn.execute(
                "INSERT INTO app.order_lines (tenant_id, order_id, line, sku_id, quantity, unit_price)"
                " VALUES ($1, $2, $3, $4, $5, 1)",
                self.tenant, made, str(line), sku, quantity,
            )  # fmt: skip
        return made

    async def sample(self, company: UUID, sku: UUID, days_ago: float, rep: str = "Ada") -> UUID:
        made: UUID = await self.conn.fetchval(
            "INSERT INTO app.samples (tenant_id, source, ext_id, company_id, sku_id, rep, given_at)"
            " VALUES ($1, 'tests', $2, $3, $4, $5, app.now() - $6::float8 * interval '1 day') RETURNING id",
            self.tenant, self._next(), company, sku, rep, days_ago,
        )  # fmt: skip
        return made

    async def types(self) -> dict[str, str]:
        rows = await self.conn.fetch(
            "SELECT c.name, a.account_type FROM app.accounts a JOIN app.companies c ON c.id = a.company_id"
            " WHERE a.tenant_id = $1",
            self.tenant,
        )  # fmt: skip
        return {row["name"]: row["account_type"] for row in rows}

    async def alerts(self, rule: str = "%") -> list[tuple[str, str]]:
        rows = await self.conn.fetch(
            "SELECT scope, severity FROM app.alerts WHERE tenant_id = $1 AND rule LIKE $2 AND state <> 'resolved' ORDER BY 1",
            self.tenant, rule,
        )  # fmt: skip
        return [(row["scope"], row["severity"]) for row in rows]

    async def rows(self) -> dict[str, Any]:
        """Every business row with its version."""
        return {
            name: await self.conn.fetchval(
                f"SELECT array_agg(t.xmin::text || t.ctid::text ORDER BY t.ctid) FROM app.{name} t"
            )
            for name in BUSINESS
        }

    async def start(self, job: BusinessJob, *, dry_run: bool = False) -> UUID:
        async with transaction(self.pool, self.tenant) as tx:
            run_id, _ = await business_jobs.start(tx, self.tenant, job, triggered_by="tests", dry_run=dry_run)
        return run_id

    async def run(self, job: BusinessJob, *, dry_run: bool = False) -> dict[str, Any]:
        """Run a job to its end; gives the run's stats with its status."""
        run = await self.show(await self.work(await self.start(job, dry_run=dry_run)))
        for _ in range(100):  # a thousand alerts of the job before may stand in front of it
            if run.status.ended:
                break
            run = await self.show(await self.work(run.id))
        return {"status": run.status.value, **(run.stats or {})}

    async def work(self, run_id: UUID) -> UUID:
        await work(self.pool)
        return run_id

    async def show(self, run_id: UUID) -> RunView:
        async with transaction(self.pool, self.tenant) as tx:
            found = await runs.show(tx, self.tenant, run_id)
        assert found is not None
        return found

    async def counters(self, run_id: UUID) -> dict[str, int]:
        found: dict[str, int] = json.loads(
            await self.conn.fetchval("SELECT counters FROM app.runs WHERE id = $1", run_id)
        )
        return found


async def work(pool: Pool, **settings: Any) -> None:
    """Hand over what waits and do the business jobs among it, one after the other."""
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "tests", 1, ["jobs"])
        held = await queue.fetch(tx, worker, ["accounts"], 20)
    performer = Performer(pool, Settings.model_construct(**settings), Registry({}, {}), ACTIVITIES, lambda: None)
    for delivery in held:
        await performer(delivery)
