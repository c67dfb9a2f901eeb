"""What must be true of events, executions and deliveries, in plain Python. It never reads the database.

A `Cause` is what a user counts: one accepted fact, which may be said many times, and must have its effect once.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from db.queue import Delivery

Kind = Literal["once", "touch", "refused", "unknown", "bad", "redelivery"]
#: How many refusals make a dead letter, crashes a quarantine, failures a dead job (the probe's policy).
REFUSALS, CRASHES, FAILURES = 5, 2, 3
SETTLED = frozenset({"done", "dead", "cancelled", "quarantined", "superseded"})


@dataclass
class Event:
    """One event; `place` is its position in the outbox, `due_s` when it may leave."""

    id: UUID
    place: int
    tenant: UUID
    kind: Kind
    key: str
    due_s: float
    created_s: float
    replay: bool = False
    execution: UUID | None = None
    state: str = "pending"
    attempts: int = 0


@dataclass
class Execution:
    """One execution. `effects` counts business rows committed with its done mark; `fatal`: attempts that count as crashes."""

    id: UUID
    tenant: UUID
    job: str
    key: str
    event: UUID
    state: str = "queued"
    token: int = 0
    failures: int = 0
    fatal: set[int] = field(default_factory=set)
    worker: int | None = None
    cancelled: bool = False
    effects: int = 0
    letters: int = 0
    absorbed: set[UUID] = field(default_factory=set)

    @property
    def crashes(self) -> int:
        return len(self.fatal)

    @property
    def coalesces(self) -> bool:
        return self.job == "probe.touch"


@dataclass
class Row:
    """A queue row: one delivery of an execution."""

    id: int
    execution: UUID
    queue: str
    status: str = "todo"
    worker: int | None = None
    attempt: int = 0


@dataclass(eq=False)
class Held:
    """A delivery in a worker's hands. `performed`: its job has run, the batch finish is outstanding."""

    delivery: Delivery
    worker: int
    performed: bool = False


@dataclass
class Model:
    """The whole world. Methods say what a step must lead to, and change it accordingly."""

    events: dict[UUID, Event] = field(default_factory=dict)
    executions: dict[UUID, Execution] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)
    paused: set[UUID] = field(default_factory=set)

    def waiting_events(self) -> list[Event]:
        """In the outbox, in the order in which they leave."""
        here = [e for e in self.events.values() if e.state in ("pending", "failed")]
        return sorted(here, key=lambda e: (e.due_s, e.place))

    def claimable(self, now: float, batch: int, buffer: int) -> list[Event]:
        """What one dispatcher takes: round-robin over tenants, as far as each has room in the queue."""
        due = [e for e in self.waiting_events() if e.due_s <= now and e.tenant not in self.paused]
        room = {t: buffer - self.standing(t) for t in {e.tenant for e in due}}
        open_ = {t: free for t, free in room.items() if free > 0}
        taken: list[Event] = []
        for tenant, free in open_.items():
            share = min(free, math.ceil(batch / len(open_)))
            taken += [e for e in due if e.tenant == tenant][:share]
        return taken

    def fetchable(self, queues: Collection[str]) -> list[Row]:
        """Deliveries that a worker may take, in their order: a paused tenant's wait as its events do."""
        todo = (r for r in self.rows.values() if r.status == "todo" and r.queue in queues)
        return sorted((r for r in todo if self.executions[r.execution].tenant not in self.paused), key=lambda r: r.id)

    def standing(self, tenant: UUID) -> int:
        """Deliveries of a tenant that wait in the queue."""
        return sum(r.status == "todo" and self.executions[r.execution].tenant == tenant for r in self.rows.values())

    def twin(self, of: Execution) -> Execution | None:
        """The queued execution that a coalescing one would meet."""
        alike = (x for x in self.executions.values() if (x.tenant, x.job, x.key) == (of.tenant, of.job, of.key))
        return next((x for x in alike if x.coalesces and x.state == "queued" and x is not of), None)

    def of_key(self, tenant: UUID, key: str) -> list[Execution]:
        return [x for x in self.executions.values() if (x.tenant, x.key) == (tenant, key)]

    def refuse(self, event: Event) -> None:
        event.attempts += 1
        event.state = "failed" if event.attempts < REFUSALS else "dead_letter"

    def start(self, row: Row, worker: int) -> Execution | None:
        """A worker takes a row: its execution starts, unless it has moved on."""
        row.status, row.worker, row.attempt = "doing", worker, row.attempt + 1
        one = self.executions[row.execution]
        if one.state != "queued":
            return None
        one.state, one.token, one.worker = "running", one.token + 1, worker
        return one

    def owns(self, held: Held) -> Execution | None:
        """The execution, if this attempt may still end it."""
        one = self.executions[held.delivery.execution_id]
        return one if one.state == "running" and one.token == held.delivery.token else None

    def came_back(self, held: Held) -> None:
        """An attempt is refused: whoever took it for dead was wrong."""
        self.executions[held.delivery.execution_id].fatal.discard(held.delivery.token)

    def finish(self, held: Held) -> None:
        """The batch finish: a done mark if the job wrote none, and the row goes; both fenced."""
        one = self.owns(held)
        if one is not None and not held.delivery.settled and held.delivery.job is not None:
            one.state = "done"
        row = self.rows.get(held.delivery.delivery_id)
        if row is not None and row.status == "doing" and row.attempt == held.delivery.delivery_attempt:
            del self.rows[row.id]
        self.held.remove(held)

    def back(self, lost: list[Row]) -> None:
        """Rows whose execution was running there go back into the queue, each execution once; twins step aside."""
        for one in sorted({r.execution for r in lost}, reverse=True):
            execution = self.executions[one]
            rows = [r for r in lost if r.execution == one]
            execution.token += 1
            if execution.coalesces and self.twin(execution) is not None:
                execution.state = "superseded"
                for row in rows:
                    del self.rows[row.id]
                continue
            execution.state = "queued"
            for row in rows:
                row.status, row.worker = "todo", None
