"""Waiting for the end of runs, as the job doors do: a bounded time, and not for nobody (R21)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast
from uuid import UUID

from fastapi import Request

from contracts.errors import NotFound
from contracts.runs import RunView
from contracts.settings import Settings
from db import queue, runs
from db.transaction import DbRole, Pool, transaction

#: Between two looks at runs that are waited for, in seconds. No listener: a door is called a few times a day.
LOOK_S = 0.25


async def ended(request: Request, tenant: UUID, run_ids: Collection[UUID], patience_s: float) -> dict[UUID, RunView]:
    """The runs when all have ended, or as they stand when time is up, the server goes, or no worker is there who could end them.

    Raises: NotFound (`run_not_found`) when one was cleaned away meanwhile.
    """
    pool, stopping = cast(Pool, request.app.state.pool), cast(asyncio.Event, request.app.state.stopping)
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_s
    while True:
        shown = await _shown(pool, tenant, run_ids)
        left = deadline - clock()
        if all(run.status.ended for run in shown.values()) or left <= 0 or stopping.is_set():
            return shown
        if not await _somebody_works(request, pool):
            return shown
        try:
            await asyncio.wait_for(stopping.wait(), min(LOOK_S, left))
        except TimeoutError:
            continue


async def _shown(pool: Pool, tenant: UUID, run_ids: Collection[UUID]) -> dict[UUID, RunView]:
    async with transaction(pool, tenant, read_only=True) as tx:
        found = {run_id: await runs.show(tx, tenant, run_id) for run_id in run_ids}
    shown = {run_id: run for run_id, run in found.items() if run is not None}
    if len(shown) < len(found):
        raise NotFound("a run was cleaned away at once: call again", code="run_not_found")
    return shown


async def _somebody_works(request: Request, pool: Pool) -> bool:
    """A worker that has just missed a few beats, or is being replaced, is waited for."""
    settings = cast(Settings, request.app.state.settings)
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        workers, _ = await queue.alive(tx, 10 * settings.worker_dead_after_s)
    return workers > 0
