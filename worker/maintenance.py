"""What keeps the house in order: dead workers' jobs, once a second; ageing; new statistics; rows and months, once a day."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import structlog

from contracts.errors import Unavailable
from db import jobs, queue, statistics
from db.queue import Stranded
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx, transaction

#: How often to look for dead workers, in seconds; jittered, so that workers take turns.
RESCUE_S = 1.0
DAY_S = 86_400.0
#: How often to look for tables that have outgrown their statistics, in seconds.
STATISTICS_S = 5.0
#: A worker that has just started has more urgent things to do than its daily rounds, for so many seconds.
SETTLED_S = 60.0
#: An execution in flight when this many workers died runs no more.
CRASHES = 2
#: Called in the transaction that quarantines an execution: the activity writes off what waits for it.
StopHook = Callable[[Tx, Stranded], Awaitable[None]]
log = structlog.get_logger("worker.maintenance")


@dataclass(frozen=True, slots=True)
class RescueReport:
    """Deliveries of dead workers in one round: back in the queue, given up, or already over and dropped."""

    rescued: int = 0
    quarantined: int = 0
    dropped: int = 0


async def rescue_once(pool: Pool, dead_after_s: float, stop_hook: StopHook) -> RescueReport:
    """Put back what workers silent for `dead_after_s` seconds held.

    A false rescue is harmless: the token of the execution changes, so the first attempt can no longer end it.
    The third crash is the last: the execution is quarantined, and `stop_hook` runs in the same transaction.
    """
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        stranded = await queue.stranded(tx, dead_after_s)
        over = [s.delivery_id for s in stranded if not s.in_flight]
        crashed = [s for s in stranded if s.in_flight and s.crashes < CRASHES]
        if over:
            await queue.drop_deliveries(tx, over)
        rescued = await queue.rescue(tx, crashed) if crashed else 0
    if rescued:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.JOBS_CHANNEL)
    deadly = [s for s in stranded if s.in_flight and s.crashes >= CRASHES]
    quarantined = sum([await _quarantine(pool, one, stop_hook) for one in deadly])
    if stranded:
        log.warning("rescued", rescued=rescued, quarantined=quarantined, dropped=len(over))
    return RescueReport(rescued, quarantined, len(over))


async def _quarantine(pool: Pool, one: Stranded, stop_hook: StopHook) -> bool:
    """Give one execution up, in a transaction of its own: a hook that fails holds up no other, and is tried again."""
    error = f"{one.crashes + 1} workers died while they ran this job, the last one running nothing else"
    try:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            if not await jobs.end(
                tx,
                one.tenant_id,
                one.execution_id,
                one.token,
                state="quarantined",
                error_class="worker_died",
                error=f"{error}; find out why, then retry it",
                traceback=None,
            ):
                return False
            await stop_hook(tx, one)
            await queue.drop_deliveries(tx, [one.delivery_id])
    except Exception:
        log.exception("quarantine_failed", job=one.job, execution_id=str(one.execution_id))
        return False
    log.error("quarantined", job=one.job, execution_id=str(one.execution_id), run_id=str(one.run_id))
    return True


class Maintenance:
    """The loop. `chores` run once a day, each in a system transaction of its own; so do `rounds`, each in as many as it needs."""

    def __init__(
        self,
        pool: Pool,
        *,
        dead_after_s: float,
        stop_hook: StopHook,
        every_s: float = RESCUE_S,
        chores: tuple[Callable[[Tx], Awaitable[object]], ...] = (queue.forget_workers,),
        rounds: tuple[Callable[[Pool], Awaitable[object]], ...] = (),
        rounds_after_s: float = SETTLED_S,
        age_step_s: float = queue.AGE_STEP_S,
    ) -> None:
        self._pool, self._dead_after_s, self._stop_hook = pool, dead_after_s, stop_hook
        self._every_s, self._chores, self._rounds = every_s, chores, rounds
        self._age_step_s = age_step_s
        self._under_way: asyncio.Task[None] | None = None
        self._rounds_at = time.monotonic() + rounds_after_s
        self._stopping = asyncio.Event()
        self._chores_at = self._blind_until = self._statistics_at = 0.0

    async def run(self) -> None:
        """Work until `stop()`. An error is logged, and the next round tries again."""
        while not self._stopping.is_set():
            await self._rescue()
            await self._age()
            await self._refresh_statistics()
            if time.monotonic() >= self._chores_at:
                await self._do_chores()
            self._begin_rounds()
            try:
                pause = self._every_s * random.uniform(0.5, 1)  # noqa: S311
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue
        if self._under_way is not None:  # what it has not done waits for the next worker
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    def stop(self) -> None:
        """End after the round under way."""
        self._stopping.set()

    async def _rescue(self) -> None:
        if time.monotonic() < self._blind_until:
            return
        try:
            await rescue_once(self._pool, self._dead_after_s, self._stop_hook)
        except Exception as error:
            if isinstance(error, (Unavailable, *CONNECTION_ERRORS, asyncpg.InsufficientResourcesError)):
                # Nobody could beat while the server was away, or its disk full: let the living do so before judging them.
                self._blind_until = time.monotonic() + self._dead_after_s
            log.warning("rescue_failed", error=f"{type(error).__name__}: {error}")

    async def _age(self) -> None:
        """Jobs of low priority that wait move up, so that none waits for ever."""
        if time.monotonic() < self._blind_until:
            return
        try:
            async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                await queue.age(tx, self._age_step_s)
        except Exception as error:
            log.warning("ageing_failed", error=f"{type(error).__name__}: {error}")

    async def _refresh_statistics(self) -> None:
        """Plans of the first minute must not go by empty tables."""
        if time.monotonic() < max(self._statistics_at, self._blind_until):
            return
        self._statistics_at = time.monotonic() + STATISTICS_S
        try:
            await statistics.refresh(self._pool)
        except asyncpg.InsufficientPrivilegeError:
            self._statistics_at = time.monotonic() + DAY_S  # this login is no owner's: autovacuum has to do
        except Exception as error:
            log.warning("statistics_failed", error=f"{type(error).__name__}: {error}")

    async def _do_chores(self) -> None:
        """What an outage left undone must not wait for a whole day."""
        self._chores_at = time.monotonic() + DAY_S
        for chore in self._chores:
            try:
                async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                    await chore(tx)
            except Exception as error:
                self._chores_at = time.monotonic() + 60
                log.warning("chore_failed", chore=chore.__name__, error=f"{type(error).__name__}: {error}")

    def _begin_rounds(self) -> None:
        """They may take long: the rescue of jobs does not wait for them."""
        idle = self._under_way is None or self._under_way.done()
        if self._rounds and idle and time.monotonic() >= self._rounds_at:
            self._rounds_at = time.monotonic() + DAY_S
            self._under_way = asyncio.create_task(self._do_rounds(), name="daily rounds")

    async def _do_rounds(self) -> None:
        for each in self._rounds:
            try:
                await each(self._pool)
            except Exception as error:
                self._rounds_at = time.monotonic() + 60
                log.warning("round_failed", round=each.__name__, error=f"{type(error).__name__}: {error}")
