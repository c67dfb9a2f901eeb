"""A tenant with runs that ended as a test says, and whoever works off what follows from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from contracts.alerts import AlertChannel, AlertDetail, AlertView, CreateAlertChannel
from contracts.events import RunFinished
from contracts.settings import Settings
from db import alert_channels, alerts, outbox, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.pace import Pacer
from worker.perform import Performer
from worker.providers.registry import build
from worker.watch import look_once

SIGNING_KEY = SecretStr("a master key of the tests, long enough for anybody")
_RUN = """
INSERT INTO app.runs (tenant_id, kind, status, dry_run, triggered_by, params, discovered_count, error_count, counters, created_at,
                      started_at, finished_at, error_code)
SELECT $1::uuid, $2::text, $3::text, $4::boolean, 'tests', $5::jsonb, $6::int, $7::int, $8::jsonb, e.at,
       e.at - $9::float8 * interval '1 second', e.at, CASE WHEN $3 = 'failed' THEN 'error' END
  FROM (SELECT app.now() - $10::float8 * interval '1 second' AS at) e RETURNING id
"""


@dataclass
class House:
    """`ended` writes a run that ended; `tell_end` lets its end be noticed; `work` performs all that is due."""

    pool: Pool
    conn: Connection
    tenant: UUID
    slug: str
    settings: Settings
    #: Shared with whoever else asks the same vendors; None: nobody is waited for.
    pacer: Pacer | None = None

    async def ended(
        self,
        status: str = "completed",
        *,
        took_s: float = 10.0,
        items: int = 50,
        errors: int = 0,
        ago_s: float = 0.0,
        kind: str = "discovery",
        job: str | None = None,
        dry: bool = False,
    ) -> UUID:
        counters = {} if kind == "discovery" else {"processed": items, "errors": errors}
        made: UUID = await self.conn.fetchval(
            _RUN, self.tenant, kind, status, dry, json.dumps({"job": job} if job else {}), items if kind == "discovery" else 0,
            errors if kind == "discovery" else 0, json.dumps(counters), took_s, ago_s,
        )  # fmt: skip
        return made

    async def usual(self, n: int = 10, **how: Any) -> None:
        """`n` completed runs of the last hours, the newest an hour ago, of about ten seconds and fifty items."""
        took, items = how.pop("took_s", 10.0), how.pop("items", 50)
        for place in range(n):
            wobble = 1 + 0.05 * (place % 5 - 2)
            await self.ended(took_s=took * wobble, items=round(items * wobble), ago_s=3600.0 * (n - place), **how)

    async def tell_end(self, run_id: UUID, status: Any = "completed") -> list[str]:
        async with transaction(self.pool, self.tenant) as tx:
            await outbox.emit(tx, self.tenant, RunFinished(run_id=run_id, status=status))
        return await self.work()

    async def ends(self, status: str = "completed", **how: Any) -> UUID:
        """A run that ends now, and what follows."""
        made = await self.ended(status, **how)
        await self.tell_end(made, status)
        return made

    async def work(self, settings: Settings | None = None) -> list[str]:
        """Hand off and perform until nothing is due any more. Gives the jobs that ran."""
        settings = settings or self.settings
        ports = build(settings)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None, self.pacer)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        ran: list[str] = []
        try:
            while True:
                _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
                async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                    held = await queue.fetch(tx, worker, ["alerts"], 1)
                for delivery in held:
                    ran.append(delivery.job or "")
                    await performer(delivery)
                    async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                        await queue.finish(tx, [delivery])
                if not claimed and not held:
                    return ran
        finally:
            await ports.close()

    async def later(self) -> list[str]:
        """Backoff is over: what waits is due."""
        await self.conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
        return await self.work()

    async def persist(self) -> None:
        """Try until nothing is tried again."""
        while await self.later():
            pass

    async def look(self) -> tuple[int, int] | None:
        """The periodic look, as if a minute had passed, and what follows from it."""
        changed = await look_once(self.pool, 0.0)
        await self.work()
        return changed

    async def channel(self, name: str = "night", **how: Any) -> AlertChannel:
        body = CreateAlertChannel.model_validate({"name": name, **how})
        async with transaction(self.pool, self.tenant) as tx:
            return await alert_channels.create(tx, self.tenant, body, self.settings, by="tests")

    async def open(self) -> dict[str, AlertView]:
        """Alerts that are not over, by rule."""
        async with transaction(self.pool, self.tenant) as tx:
            return {a.rule: a for a in await alerts.standing(tx, [self.tenant])}

    async def detail(self, alert_id: UUID) -> AlertDetail:
        async with transaction(self.pool, self.tenant) as tx:
            return await alerts.show(tx, [self.tenant], alert_id)

    async def shift(self, seconds: float) -> None:
        """Move the database's clock. STABLE: plans made before must notice that it moved again."""
        await self.conn.execute(
            "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE"
            f" AS $$ SELECT interval '{seconds} seconds' $$"
        )
