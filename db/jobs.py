"""Executions: the one arbiter of "once" (law 3) and its fence (law 4). Looking into them is `db.executions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from contracts.errors import Conflict
from db.outbox import redeliver_at
from db.sql import filled, load
from db.transaction import Pool, Tx, transaction

SQL = load("jobs")
Outcome = Literal["failed", "snoozed", "timeout", "crashed", "cancelled", "dead", "quarantined"]


@dataclass(frozen=True, slots=True)
class Late:
    """An attempt that was taken for dead, and came back. `first`: its crash is taken back with this; `quarantined`: its job is."""

    execution_id: UUID
    quarantined: bool
    first: bool

    @property
    def next_step(self) -> str:
        """What is left to do about it."""
        if self.quarantined:
            which = self.execution_id
            return f"this worker lives; unless others died of it (headwater jobs show {which}): headwater jobs retry {which}"
        return "none: another attempt did it, or will"


class Fenced(Exception):
    """Another attempt owns the execution, or it was cancelled: what this one wrote is rolled back."""


class completing(transaction):  # noqa: N801 - used as a function is, like `transaction`
    """A job's write as its tenant: the done mark comes first, in the message that opens it, and commits with everything else.

    Raises: Fenced on entering; else as `transaction` does.
    """

    __slots__ = ()

    def __init__(self, pool: Pool, tenant: UUID, execution_id: UUID, token: int) -> None:
        super().__init__(pool, tenant, first=filled("jobs", "complete", tenant, execution_id, token))

    async def __aenter__(self) -> Tx:
        try:
            return await super().__aenter__()
        except asyncpg.NoDataFoundError:
            raise Fenced from None


async def put_off(
    tx: Tx,
    tenant: UUID,
    execution_id: UUID,
    token: int,
    *,
    outcome: Outcome,
    counts: bool,
    delay_s: float,
    error_class: str,
    error: str,
    traceback: str | None,
    correlation_id: UUID | None,
) -> bool:
    """End this attempt and let the outbox deliver the next after `delay_s` seconds. `counts`: it spends an attempt.

    False: another attempt owns the execution; nothing was written.
    """
    row = await tx.fetchrow(SQL["put_off"], tenant, execution_id, token, int(counts), error, error_class)
    if row is None:
        return False
    when: datetime = await tx.fetchval(SQL["retry_at"], delay_s)
    await tx.execute(
        SQL["log_attempt"],
        tenant,
        execution_id,
        token,
        outcome,
        error_class,
        error,
        traceback,
        row["worker_id"],
        row["started_at"],
        when,
    )
    await redeliver_at(tx, tenant, execution_id, when, correlation_id=correlation_id)
    return True


async def end(
    tx: Tx,
    tenant: UUID,
    execution_id: UUID,
    token: int,
    *,
    state: Literal["dead", "cancelled", "quarantined"],
    error_class: str,
    error: str,
    traceback: str | None,
) -> bool:
    """Give an execution up: its attempt is logged, a dead letter stands unless it was cancelled. False: not ours."""
    row = await tx.fetchrow(SQL["end"], tenant, execution_id, token, state, error, error_class)
    if row is None:
        return False
    await tx.execute(
        SQL["log_attempt"],
        tenant,
        execution_id,
        token,
        state,
        error_class,
        error,
        traceback,
        row["worker_id"],
        row["started_at"],
        None,
    )
    if state != "cancelled":
        attempts = max(1, row["failures"] + row["crashes"])
        await tx.execute(
            SQL["bury"],
            tenant,
            row["event_id"],
            execution_id,
            row["job"],
            attempts,
            error_class,
            error,
            traceback,
            row["correlation_id"],
        )
    return True


async def where_it_stands(tx: Tx, tenant: UUID, execution_id: UUID) -> tuple[str, int, bool] | None:
    """(state, token, cancel requested), or None for an unknown execution."""
    row = await tx.fetchrow(SQL["state"], tenant, execution_id)
    return (row["state"], row["token"], row["cancelled"]) if row else None


async def came_back(tx: Tx, attempts: Sequence[tuple[UUID, UUID, int]]) -> list[Late]:
    """Note that attempts (tenant, execution, token) are refused; gives those that had been taken for dead, falsely."""
    tenants, executions, tokens = zip(*attempts, strict=True)
    return [Late(**row) for row in await tx.fetch(SQL["came_back"], tenants, executions, tokens)]


async def request_cancel(tx: Tx, tenant: UUID, execution_id: UUID) -> str | None:
    """Ask for an unfinished execution to stop. Returns its state, None when it is unknown or already over."""
    state: str | None = await tx.fetchval(SQL["request_cancel"], tenant, execution_id)
    return state


async def request_cancel_run(tx: Tx, tenant: UUID, run_id: UUID) -> None:
    """Ask for every unfinished execution of a run to stop."""
    await tx.execute(SQL["request_cancel_run"], tenant, run_id)


async def revive(
    tx: Tx, tenant: UUID, execution_id: UUID, by: str, *, when: datetime | None = None
) -> dict[str, Any] | None:
    """Deliver an execution that was given up once more, at `when` (None = now). None: it is not dead, quarantined or cancelled.

    Raises: Conflict (code `key_taken`) when another job is alive under its key, of which there may be one.
    """
    try:
        row = await tx.fetchrow(SQL["revive"], tenant, execution_id)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(
            f"another job of the same key as {execution_id} is alive: that one does the work", code="key_taken"
        ) from error
    if row is None:
        return None
    await tx.execute(SQL["resolve"], tenant, execution_id, "replayed", by)
    await redeliver_at(tx, tenant, execution_id, when, correlation_id=row["correlation_id"])
    return dict(row)
