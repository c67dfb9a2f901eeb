"""The database a simulation runs in: a clock that stands still, ids that repeat, a history of what was committed.

Whatever could make two runs of one seed differ is taken out of it: time, ids, `random()`, plans made from what is known of earlier
runs. The statements, functions and tables are the product's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from db import soak
from db.pool import prepare
from db.sql import load, modules
from tests.conftest import Connection
from worker.queue.pool import SESSION

_GROUND = Path(__file__).with_name("ground.sql").read_text(encoding="utf-8")
#: What a seed may fill. Emptied files make the same plans, and the same order of rows, as new ones.
_FILLED = (
    "queue.procrastinate_jobs, app.absorbed_events, app.job_attempts, app.dead_letters, app.job_executions, app.outbox_events,"
    " app.ordering_turns, app.limits, app.outbox_history, app.audit_log, app.workers,"
    " soak.causes, soak.effects, soak.touches, sim.history"
)
_LEFT = """
SELECT concat('event ', o.id, ' ', o.type, ' for ', o.sink, ' is ', o.state, ' ', o.error_class) FROM app.outbox_events o
UNION ALL
SELECT concat('delivery ', j.id, ' in ', j.queue_name, ' is ', j.status, ' ', j.worker_id, ', job ', right(j.execution_id::text, 4))
  FROM queue.procrastinate_jobs j
UNION ALL
SELECT concat('job ', right(e.id::text, 4), ' is ', e.state, ', token ', e.token, ', crashes ', e.crashes) FROM app.job_executions e
 WHERE e.state IN ('queued', 'running', 'waiting')
"""
_REST = """
SELECT (SELECT count(*) FROM app.outbox_events) + (SELECT count(*) FROM queue.procrastinate_jobs)
     + (SELECT count(*) FROM app.job_executions e WHERE e.state IN ('queued', 'running', 'waiting'))
"""
#: A tenant runs at most $2 jobs at once and begins $3 a second.
_LIMIT = """
INSERT INTO app.limits (tenant_id, scope, name, max_running, per_s, burst, tokens, tokens_at, set_by)
VALUES ($1, 'tenant', '', $2, $3, $4::int, $4::int, app.now(), 'simulation')
"""
#: The settings of each kind of session, as the product opens it. One plan a statement: which one must not depend on earlier runs.
_PLAIN = {"search_path": "app", "timezone": "UTC", "jit": "off", "plan_cache_mode": "force_generic_plan"}
KINDS = {"plain": _PLAIN, "dispatch": {**_PLAIN, "enable_seqscan": "off"}, "queue": SESSION}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a tenant's jobs are held to: so many at once; so many a second, after `burst` of them."""

    most: int
    per_s: float
    burst: int


class World:
    """A migrated database made fit for simulations; `watch` looks at it from outside of all turns."""

    def __init__(self, url: str, watch: Connection) -> None:
        self.url, self.watch = url, watch
        self.tenants: list[UUID] = []
        #: (tenant, endpoint, in order?)
        self.endpoints: list[tuple[UUID, UUID, bool]] = []
        self.clock_ms = 0
        self._idle: dict[str, list[Any]] = {kind: [] for kind in KINDS}

    @classmethod
    async def of(cls, url: str) -> World:
        """Prepare the database at `url`, which must be migrated and empty. Its login must be a superuser."""
        watch = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        await prepare(watch)
        # The rescue judges nobody right after a start of the server.
        await watch.execute(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM pg_postmaster_start_time() - clock_timestamp()) + 1))"
        )
        await soak.make_tables(watch)
        await watch.execute(_GROUND)
        made = cls(url, watch)
        made.tenants = [
            r["id"] for r in await watch.fetch("SELECT id FROM app.tenants WHERE slug <> 'system' ORDER BY slug")
        ]
        found = await watch.fetch("SELECT tenant_id, id, ordering FROM app.webhook_endpoints ORDER BY id")
        made.endpoints = [(r["tenant_id"], r["id"], r["ordering"] == "block") for r in found]
        return made

    async def clear(self) -> None:
        """Nothing ever happened."""
        self.clock_ms = 0
        await self.watch.execute(
            f"TRUNCATE {_FILLED} RESTART IDENTITY CASCADE; SELECT setval('sim.clock', 0), setval('sim.ids', 65536, false);"
            " UPDATE app.webhook_endpoints SET failures = 0, open_until = NULL, enabled = true"
        )

    async def limit(self, tenant: UUID, limit: Limit) -> None:
        """From now on."""
        await self.watch.execute(_LIMIT, tenant, limit.most, limit.per_s, limit.burst)

    async def move_clock(self, milliseconds: int, beating: Sequence[int] = ()) -> None:
        """Time passes; the workers `beating` beat before anybody looks at them."""
        self.clock_ms += milliseconds
        await self.watch.execute("SELECT setval('sim.clock', $1)", self.clock_ms)
        if beating:
            await self.watch.execute("UPDATE app.workers SET beat_at = app.now() WHERE id = ANY($1)", list(beating))

    async def at_rest(self) -> bool:
        """Is there nothing left to do?"""
        return bool(await self.watch.fetchval(_REST) == 0)

    async def left(self) -> str:
        """What is left to do, in words."""
        return "; ".join([row[0] for row in await self.watch.fetch(_LEFT)][:12])

    async def connect(self, kind: str, name: str, luck: float) -> Any:
        """A session of this kind, for the process `name`; `luck` (-1 to 1) seeds its `random()`."""
        idle = self._idle[kind]
        if idle:
            session = idle.pop(0)
        else:
            session = await asyncpg.connect(self.url, server_settings={**KINDS[kind], "deadlock_timeout": "1h"})
            await prepare(session)
        await session.execute(f"SET application_name = '{name}'; SELECT pg_catalog.setseed({luck})")
        return session

    async def give_back(self, kind: str, session: Any) -> None:
        """The server's side of a connection that was dropped between two statements; another process gets it."""
        if session.is_in_transaction():
            await session.execute("ROLLBACK")
        self._idle[kind].append(session)

    async def waiting(self, pids: Sequence[int]) -> dict[int, list[int]]:
        """Those that stand before a lock, with whom each waits for."""
        found = await self.watch.fetch("SELECT p, pg_blocking_pids(p) AS by FROM unnest($1::int[]) AS p", list(pids))
        return {row["p"]: row["by"] for row in found if row["by"]}

    async def end(self, pids: Sequence[int]) -> None:
        """End sessions and wait until what they held is released."""
        await self.watch.execute("SELECT pg_terminate_backend(p) FROM unnest($1::int[]) AS p", list(pids))
        while await self.watch.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)", list(pids)):
            continue

    async def close(self) -> None:
        """End all sessions."""
        for session in [each for kind in self._idle.values() for each in kind]:
            session.terminate()
        self.watch.terminate()


def names() -> dict[str, str]:
    """Every statement of the product by its text: "module.name"."""
    return {text: f"{module}.{name}" for module in modules() for name, text in load(module).items()}
