"""outbox -> queue. Claim, route, hand off in ONE transaction (law 1); poison is parked alone; any number run side by side."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog

from contracts.errors import HeadwaterError, Unavailable
from contracts.events import parse
from contracts.jobs import Again, Job
from contracts.settings import Settings
from db import outbox, queue, streams, turns, webhooks
from db.outbox import Claimed
from db.pool import open_pool
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx, transaction
from worker.heads import Heads
from worker.pipeline import jobs_for

log = structlog.get_logger("dispatcher")

#: Events with what the pipeline made of each.
Routed = Sequence[tuple[Claimed, list[Job | Again]]]

#: SQLSTATE classes that say "these rows": the batch is bisected and the culprit charged. All others charge nobody.
_DATA_ERRORS = ("22", "23")
#: Batches under way at once while a backlog lasts: one is routed here while Postgres writes the other.
LANES = 2
#: How long one of its statements may take, in seconds; none waits for locks that are held long.
STATEMENT_S = 8.0
#: How long a transaction of a worker may take to open, in seconds.
OPENING_S = 5.0
#: How soon to look again while a tenant's backlog waits for room in the queue, should the wake-up of finished work not come.
_HELD_BACK_S = 0.25
#: How often, while batches come back full, the turns of ordering keys are looked at.
_TURNS_S = 0.05
#: How many batches are handed off until a connection's plans are made anew: an odd number, so that those of both lanes are in turn.
REPLAN_EVERY = 49


async def open_dispatch_pool(
    url: str, settings: Settings, *, name: str = "headwater dispatch", size: int = LANES + 1
) -> Pool:
    """The dispatcher's own connections: jobs that hold all of theirs do not hold it up.

    Claimed events are found by where they lie: left to itself the planner reads the whole outbox where many lie on few pages, and
    sorts all of a tenant's events where the index has them in order. And it would plan the handoff of a few events anew each time,
    which takes longer than to run it.
    Raises: Unavailable when the server does not answer.
    """
    return await open_pool(
        url,
        name=name,
        size=size,
        command_timeout_s=min(STATEMENT_S, settings.db_command_timeout_s),
        idle_in_transaction_s=3,
        opening_s=OPENING_S,
        settings={
            "enable_seqscan": "off",
            "enable_bitmapscan": "off",
            "enable_sort": "off",
            "plan_cache_mode": "force_generic_plan",
        },
    )


@dataclass(slots=True)
class Dispatcher:
    """Moves events to the queue. `worker_id` renews the dispatcher's heartbeat; `woken` is set by NOTIFY and by finished work."""

    pool: Pool
    settings: Settings
    worker_id: int | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    #: Called after each handoff: the worker of this process need not wait for its NOTIFY.
    on_jobs: Callable[[], None] = lambda: None
    #: Called after a handoff that made deliveries to tenants' webhooks or messages for the stream.
    on_deliveries: Callable[[], None] = lambda: None
    lanes: int = LANES
    dispatched: int = 0
    #: Dispatchers that were alive at the last heartbeat, in any process: they share the room that a tenant has in the queue.
    peers: int = 1
    _deep: bool = False
    _told: bool = False
    _round: turns.Round = field(default_factory=turns.Round)
    _turns_at: float = 0.0
    _heads: Heads = field(default_factory=Heads)
    _batches: int = 0

    def wake(self) -> None:
        self.woken.set()

    def stop(self) -> None:
        self.stopping.set()
        self.woken.set()

    async def run(self) -> None:
        """Dispatch until stopped. An outage is waited for; nothing is lost by it."""
        pause = 0.05
        while not self.stopping.is_set():
            self.woken.clear()  # before the query, never after: a wake-up in between must not be lost
            try:
                wait_s = await self.turn()
                pause = 0.05
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("dispatch_interrupted", error=str(error), retryInS=pause)
                wait_s, pause = pause, min(pause * 2, 2.0)
            if wait_s > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self.woken.wait()

    async def turn(self) -> float:
        """Hand off what is due, a batch in each lane. Returns how long to sleep: 0 when there may be more."""
        lanes = self.lanes if self._deep else 1
        batches = await asyncio.gather(*[self.dispatch_batch(lanes) for _ in range(lanes)])
        moved = sum(made for made, _ in batches)
        self.dispatched += moved
        self._deep = any(claimed >= self.settings.dispatch_batch for _, claimed in batches)
        if self._told:
            self._told = False
            self.on_deliveries()
        if moved:
            self.on_jobs()
            await asyncio.sleep(0)  # the worker of this process asks first: to it a NOTIFY tells nothing new
            connection = await self.pool.acquire()
            try:
                await queue.wake(connection, queue.JOBS_CHANNEL)
            finally:
                await self.pool.release(connection)
        return await self._pause()

    async def _pause(self) -> float:
        """Renew the heartbeat; find out how long nothing will be due."""
        async with transaction(self.pool, None, role=DbRole.SYSTEM, flushed=False) as tx:
            if self.worker_id is not None:
                self.peers = await queue.dispatched(tx, self.worker_id)
            if self._deep:
                await self._next_turns(tx)
                return 0.0
            backlog, next_due_s, ordered = await outbox.held_back(tx)
            if ordered and await turns.advance(tx, self._round):
                return 0.0
        if backlog:
            return _HELD_BACK_S
        poll_s = _HELD_BACK_S if ordered else self.settings.dispatch_poll_s
        return poll_s if next_due_s is None else min(poll_s, max(0.001, next_due_s))

    async def _next_turns(self, tx: Tx) -> None:
        """While a backlog lasts, those that wait for their turn are looked at now and then: their keys must not starve."""
        if (now := time.monotonic()) >= self._turns_at:
            self._turns_at = now + _TURNS_S
            await turns.advance(tx, self._round)

    async def dispatch_batch(self, lanes: int = 1) -> tuple[int, int]:
        """One transaction: claim, route, hand off. Returns (jobs made, events claimed).

        `lanes` batches under way at once, and those of other dispatchers, share the room a tenant has in the queue, since none
        sees the others' work.
        A batch the database refuses for its data is tried again under savepoints, to find the culprit.
        """
        try:
            return await self._dispatch(self._hand_off_whole, lanes)
        except asyncpg.PostgresError as error:
            if not _blames_data(error):
                raise
        return await self._dispatch(self._hand_off_bisecting, lanes)

    async def _dispatch(self, hand_off: Callable[[Tx, Routed], Awaitable[int]], lanes: int) -> tuple[int, int]:
        self._batches += 1
        # Plans made on an empty table must not serve a full one (H12).
        first = "" if self._batches % REPLAN_EVERY else "DISCARD PLANS"
        async with transaction(self.pool, None, role=DbRole.SYSTEM, flushed=False, first=first) as tx:
            since = await self._heads.since(tx)
            began = time.monotonic()
            claimed = await outbox.claim(
                tx,
                batch=self.settings.dispatch_batch,
                tenant_buffer=self.settings.dispatch_tenant_buffer or None,
                sharers=lanes * self.peers,
                since=since,
            )
            self._heads.claimed(time.monotonic() - began, full=len(claimed) >= self.settings.dispatch_batch)
            if not claimed:
                return 0, 0
            routed = await self._route(tx, claimed)
            return await hand_off(tx, routed) if routed else 0, len(claimed)

    async def _route(self, tx: Tx, claimed: Sequence[Claimed]) -> Routed:
        """Check each event's contract and ask the pipeline. A refusal parks only that event."""
        routed: list[tuple[Claimed, list[Job | Again]]] = []
        for event in claimed:
            try:
                routed.append((event, jobs_for(parse(event.type, event.version, event.payload))))
            except HeadwaterError as error:
                await self._park(tx, event, error.detail, error.code)
            except Exception as error:
                log.exception("pipeline_bug", eventId=str(event.event_id), type=event.type)
                await self._park(tx, event, f"{type(error).__name__}: {error}", "pipeline_bug")
        return routed

    async def _hand_off_whole(self, tx: Tx, routed: Routed) -> int:
        self._told |= await _tell(tx, routed)
        return await outbox.hand_off(tx, routed)

    async def _hand_off_bisecting(self, tx: Tx, routed: Routed) -> int:
        """Halve a refused batch under savepoints until the culprit stands alone."""
        await tx.execute("SAVEPOINT handoff")
        try:
            self._told |= await _tell(tx, routed)
            made = await outbox.hand_off(tx, routed)
        except asyncpg.PostgresError as error:
            if not _blames_data(error):
                raise
            await tx.execute("ROLLBACK TO SAVEPOINT handoff")
            if len(routed) == 1:
                await self._park(tx, routed[0][0], str(error), f"sqlstate_{error.sqlstate}")
                return 0
            middle = len(routed) // 2
            first = await self._hand_off_bisecting(tx, routed[:middle])
            return first + await self._hand_off_bisecting(tx, routed[middle:])
        await tx.execute("RELEASE SAVEPOINT handoff")
        return made

    async def _park(self, tx: Tx, event: Claimed, error: str, error_class: str) -> None:
        buried = await outbox.park(tx, event, error, error_class, max_attempts=self.settings.outbox_max_attempts)
        log.error(
            "event_buried" if buried else "event_parked",
            eventId=str(event.event_id), type=event.type, error=error, errorClass=error_class,
        )  # fmt: skip


async def _tell(tx: Tx, routed: Routed) -> bool:
    """Write what goes to webhooks and to the stream. True: there is some."""
    facts = [event for event, _ in routed]
    hooks = await webhooks.fan_out(tx, facts)
    return await streams.fan_out(tx, facts) or hooks


def _blames_data(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "")[:2] in _DATA_ERRORS
