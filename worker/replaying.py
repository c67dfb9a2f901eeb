"""Replays of any kind: everything is applied in one transaction and looked at, which is rolled back unless it is to stay (B.03).

To show a difference that transaction is rolled back; to apply it, it commits with the done mark. One in which nothing differs is
rolled back too: applied twice changes nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import structlog

from contracts.jobs import Payload, ReplayRun
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from db import runs
from db.transaction import CONTENTION, Tx, transaction
from worker.context import Context, RunOver, Stopped

log = structlog.get_logger("worker")
#: How long a replay may take, in seconds: its job's own timeout comes first.
BUDGET_S = 1800.0

Found = TypeVar("Found")


class RolledBack(Exception):
    """Ends the transaction without a trace."""


async def play(
    ctx: Context,
    args: ReplayRun,
    again: Callable[[Tx], Awaitable[Found]],
    *,
    differs: Callable[[Found], bool],
    end: Callable[[Tx, Found], Awaitable[None]],
) -> Found:
    """Do it `again`, and `end` the replay's run with what was found. Gives way to real runs, and starts over then.

    Raises: RunOver when the replay is not running any more.
    """
    while True:
        try:
            return await (_applied(ctx, args, again, differs, end) if args.apply else _shown(ctx, args, again, end))
        except CONTENTION as error:
            log.info("replay_gave_way", runId=str(args.run_id), error=str(error))
        await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311


async def _shown(
    ctx: Context,
    args: ReplayRun,
    again: Callable[[Tx], Awaitable[Found]],
    end: Callable[[Tx, Found], Awaitable[None]],
) -> Found:
    seen: list[Found] = []
    try:
        async with transaction(ctx.pool, ctx.tenant) as tx:
            seen.append(await again(tx))
            raise RolledBack
    except RolledBack:
        await _ended(ctx, args.run_id, seen[0], end)
        return seen[0]


async def _applied(
    ctx: Context,
    args: ReplayRun,
    again: Callable[[Tx], Awaitable[Found]],
    differs: Callable[[Found], bool],
    end: Callable[[Tx, Found], Awaitable[None]],
) -> Found:
    seen: list[Found] = []
    try:
        async with ctx.write() as tx:
            seen.append(await again(tx))
            if not differs(seen[0]):
                raise RolledBack
            await end(tx, seen[0])
    except RolledBack:
        await _ended(ctx, args.run_id, seen[0], end)
    return seen[0]


async def _ended(ctx: Context, run_id: UUID, found: Found, end: Callable[[Tx, Found], Awaitable[None]]) -> None:
    async with ctx.write() as tx:
        await standing(tx, ctx.tenant, run_id)
        await end(tx, found)


async def standing(tx: Tx, tenant: UUID, run_id: UUID) -> None:
    """Lock the replay's own run. Raises: RunOver when it is not running any more."""
    now = await runs.lock(tx, tenant, run_id)
    if now is None or now.status is not RunStatus.RUNNING:
        raise RunOver


async def stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """A replay was given up: its run fails with the reason."""
    assert isinstance(args, ReplayRun)
    now = await runs.lock(tx, tenant, args.run_id)
    if now is None or now.status.ended:
        return
    status = RunStatus.CANCELLED if why.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, why.error_class, why.error))
