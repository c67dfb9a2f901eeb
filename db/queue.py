"""The delivery side of the queue: workers, batch fetch and finish, rescue. `job_executions` stays the truth (law 4).

Everything here acts as the system role: the app role has no rights in schema `queue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from db.sql import load
from db.transaction import Tx

SQL = load("queue")
#: Workers listen here; the dispatcher notifies once a batch.
JOBS_CHANNEL = "headwater_jobs"
#: Dispatchers listen here; whoever emitted notifies after commit.
OUTBOX_CHANNEL = "headwater_outbox"
#: A job that waits behind others gains one point of priority in so many seconds; so many jobs do at a time, the oldest first.
AGE_STEP_S, AGED = 5.0, 1000


@dataclass(slots=True, eq=False)
class Delivery:
    """One delivery of an execution to this worker. `job` is None when the execution has moved on: only finish it.

    The fields up to `queued_at` are the columns of `fetch`, in order.
    """

    delivery_id: int
    delivery_attempt: int
    tenant_id: UUID
    execution_id: UUID
    queue: str
    task_name: str
    job: str | None
    token: int
    failures: int
    payload: dict[str, Any]
    event_id: UUID | None
    correlation_id: UUID | None
    run_id: UUID | None
    cancelled: bool
    queued_at: datetime | None
    #: Set when the job's own write transaction has committed its end, so the batch finish need not.
    settled: bool = field(default=False)
    #: Why the worker cancelled this delivery's task, set before it does.
    abort: Literal["cancel", "shutdown"] | None = field(default=None)

    @property
    def attempt(self) -> tuple[UUID, UUID, int]:
        """Tenant, execution and token: who speaks."""
        return self.tenant_id, self.execution_id, self.token


@dataclass(frozen=True, slots=True)
class Stranded:
    """A delivery of a dead worker, locked. `in_flight`: its execution was running there. `crashes`: of workers that are gone."""

    delivery_id: int
    tenant_id: UUID
    execution_id: UUID
    token: int
    crashes: int
    job: str
    payload: dict[str, Any]
    run_id: UUID | None
    correlation_id: UUID | None
    in_flight: bool


async def register(tx: Tx, host: str, pid: int, roles: Sequence[str]) -> int:
    """Register a worker process; returns its id."""
    return int(await tx.fetchval(SQL["register"], host, pid, list(roles)))


async def beat(tx: Tx, worker_id: int) -> bool:
    """Renew the heartbeat. False: the row is gone and the worker must register again."""
    return await tx.fetchval(SQL["beat"], worker_id) is not None


async def unregister(tx: Tx, worker_id: int) -> None:
    await tx.execute(SQL["unregister"], worker_id)


async def dispatched(tx: Tx, worker_id: int) -> int:
    """Record that this worker's dispatcher is alive. Returns how many are."""
    return int(await tx.fetchval(SQL["dispatched"], worker_id))


async def wake(tx: Tx, channel: str) -> None:
    """Notify listeners of `channel`. Never inside a business transaction: it serialises commits (design section 4)."""
    await tx.execute(SQL["wake"], channel)


async def fetch(tx: Tx, worker_id: int, queues: Sequence[str], limit: int) -> list[Delivery]:
    """Take up to `limit` deliveries and start their executions, in one statement."""
    rows = await tx.fetch(SQL["fetch"], list(queues), worker_id, limit)
    return [Delivery(*row) for row in rows]


async def waiting_alone(tx: Tx) -> bool:
    return bool(await tx.fetchval(SQL["waiting_alone"]))


async def finish(tx: Tx, deliveries: Sequence[Delivery]) -> tuple[int, int]:
    """Finish a batch: done marks where the job wrote nothing itself, queue rows gone. Returns (done, gone), both fenced.

    The transaction it stands in will not wait for the disk: it should be one of its own (ADR 0049).
    """
    unmarked = [d for d in deliveries if not d.settled and d.job is not None]
    unmarked.sort(key=lambda d: (d.tenant_id, d.execution_id))  # the order in which everybody locks them (law 7)
    row = await tx.fetchrow(
        SQL["finish"],
        [d.tenant_id for d in unmarked],
        [d.execution_id for d in unmarked],
        [d.token for d in unmarked],
        [d.delivery_id for d in deliveries],
        [d.delivery_attempt for d in deliveries],
    )
    return (row["done"], row["gone"]) if row else (0, 0)


async def cancel_requests(tx: Tx, running: Sequence[Delivery]) -> set[UUID]:
    """Execution ids among `running` that somebody asked to cancel."""
    rows = await tx.fetch(SQL["cancel_requests"], [d.tenant_id for d in running], [d.execution_id for d in running])
    return {r["id"] for r in rows}


async def reconcile(tx: Tx, worker_id: int, running: Sequence[int]) -> int:
    """Put back deliveries this worker holds but does not run (a fetch whose answer was lost). Returns how many."""
    return len(await tx.fetch(SQL["reconcile"], worker_id, list(running)))


async def stranded(tx: Tx, dead_after_s: float) -> list[Stranded]:
    """Lock the deliveries of workers that have not beaten for `dead_after_s` seconds."""
    rows = await tx.fetch(SQL["stranded"], dead_after_s)
    return [Stranded(**dict(r)) for r in rows]


async def end_frozen(login: Tx, after_s: float) -> int:
    """End sessions whose process has stood still in the middle of a statement for `after_s` seconds; returns how many.

    `login` is a connection outside any transaction of ours: no role of ours may end the login user's sessions.
    """
    return int(await login.fetchval(SQL["end_frozen"], after_s))


async def rescue(tx: Tx, crashed: Sequence[Stranded]) -> int:
    """Put crashed executions back under a new token; after two crashes into the `alone` queue. Returns how many."""
    rows = await tx.fetch(
        SQL["rescue"],
        [c.tenant_id for c in crashed],
        [c.execution_id for c in crashed],
        [c.delivery_id for c in crashed],
        [c.crashes for c in crashed],
    )
    return len(rows)


async def age(tx: Tx, step_s: float = AGE_STEP_S) -> int:
    """Move up what has waited for a step behind others; gives how many. Any number may ask: it is done once a step."""
    return len(await tx.fetch(SQL["age"], step_s, AGED))


async def drop_deliveries(tx: Tx, delivery_ids: Sequence[int]) -> None:
    await tx.execute(SQL["drop_deliveries"], list(delivery_ids))


async def forget_workers(tx: Tx) -> None:
    await tx.execute(SQL["forget_workers"])


async def alive(tx: Tx, within_s: float) -> tuple[int, float | None]:
    """(workers beating within `within_s` seconds, age of their newest dispatch in seconds)."""
    row = await tx.fetchrow(SQL["alive"], within_s)
    return (row["workers"], row["dispatched_s_ago"]) if row else (0, None)
