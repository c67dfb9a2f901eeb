"""What jobs say of themselves: progress, checkpoints, results. Only the attempt that owns an execution may speak for it (law 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.job_reports import Progress, RunningJob, Small
from db.jobs import Fenced
from db.sql import load
from db.transaction import Tx

SQL = load("reports")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who speaks: the execution, and the token it was started under."""

    tenant: UUID
    execution_id: UUID
    token: int


@dataclass(frozen=True, slots=True)
class Said:
    """What an attempt says. None: as it was. `percent`: 0 to 100."""

    percent: float | None = None
    message: str | None = None
    checkpoint: Small | None = None


async def fence(tx: Tx, who: Attempt) -> None:
    """Hold the execution for the rest of the transaction. Raises: Fenced when it is another's by now, over, or cancelled."""
    if await tx.fetchval(SQL["fence"], who.tenant, who.execution_id, who.token) is None:
        raise Fenced


async def note(tx: Tx, who: Attempt, said: Said) -> None:
    """Write it in a transaction that is fenced: by `fence`, or by the done mark."""
    await tx.execute(SQL["note"], who.tenant, who.execution_id, who.token, said.percent, said.message, said.checkpoint)


async def report(tx: Tx, who: Attempt, said: Said) -> bool:
    """Write it. False: the execution is not this attempt's any more, and nothing was written."""
    got = await tx.fetchval(
        SQL["report"], who.tenant, who.execution_id, who.token, said.percent, said.message, said.checkpoint
    )
    return got is not None


async def answer(tx: Tx, who: Attempt, result: Small) -> None:
    """Keep the job's result, in its write transaction."""
    await tx.execute(SQL["answer"], who.tenant, who.execution_id, who.token, result)


async def checkpoint(tx: Tx, tenant: UUID, execution_id: UUID) -> Small | None:
    """Where an earlier attempt got to; None: this one begins at the beginning."""
    found: Small | None = await tx.fetchval(SQL["checkpoint"], tenant, execution_id)
    return found


async def of_run(tx: Tx, tenant: UUID, run_id: UUID, *, limit: int = 5) -> list[RunningJob]:
    """Jobs of a run under way that have told how far they are."""
    return [RunningJob.model_validate(dict(r)) for r in await tx.fetch(SQL["of_run"], tenant, run_id, limit)]


async def of(tx: Tx, tenant: UUID, execution_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Execution -> {"progress": ..., "result": ...} of those that have said something."""
    said: dict[UUID, dict[str, Any]] = {}
    for row in await tx.fetch(SQL["of"], tenant, list(execution_ids)):
        fields = dict(row)
        result = fields.pop("result")
        said[fields.pop("execution_id")] = {"progress": Progress.model_validate(fields), "result": result}
    return said
