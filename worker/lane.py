"""One process's share of one pace: its permits, its slots, and the queue of those who want to ask."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from uuid import uuid4

import asyncpg
import structlog

from contracts.errors import HeadwaterError, Unavailable, VendorBusy
from contracts.providers import OperationSpec, Pace, Window
from db import pace as rows
from db.pace import Standing
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx, transaction
from worker import breaker, lessons
from worker.db_clock import DbClock
from worker.held_slots import SPENT, HeldSlots, Slot, reached
from worker.leases import PATIENCE_S, Lease, Wish, Within, give_back, lease
from worker.outlook import Outlook, interval_after
from worker.providers.rules import PaceHint
from worker.timetable import Rhythm, rhythm

log = structlog.get_logger("worker")

#: How long an answer of the database is believed that nothing can be had, in seconds.
BELIEVED_S = 1.0
#: How often permits that others hold are asked for, in seconds.
POLL_S = 0.3
#: After how many idle seconds permits are given back.
IDLE_S = 0.5
#: As many turns as began in so many seconds are leased ahead, while the next lease is made; more might find no permit.
AHEAD_S = 0.25
#: How long a further request of a turn waits for its slot at most, in seconds, and for how many of them, others' included.
FOLLOWS_S, FOLLOWING = 30.0, 3


@dataclass(slots=True)
class Ticket:
    """A turn that has begun. `tries`: this call tries whether the vendor is back. `slot`: when its request may leave."""

    operation: str
    began: float
    tries: bool
    slot: Slot


class Moved(Exception):
    """Operators allow the vendor something else now: whoever waits in this lane goes to the one that took its place."""


def name_of(spec: OperationSpec) -> str:
    """What its breaker is known by."""
    return f"{spec.vendor}.{spec.operation}"


class Lane:
    """Serves in the order of arrival. Only the first in line leases, so that one lease serves all who wait."""

    def __init__(
        self,
        pool: Pool,
        pace: Pace,
        credential: str,
        *,
        clock: DbClock,
        horizon_s: float = PATIENCE_S,
        within: tuple[Pace, ...] = (),
        look: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`within`: what operators allow beside `pace`; `look`: called before a lease, it retires lanes where that has changed."""
        self._pool, self._holder, self._pace, self._credential = pool, uuid4().hex, pace, credential
        self._clock, self._horizon_s, self._within, self._look = clock, horizon_s, within, look
        self._over = False
        self._timeout_s = 0.0
        self._gate, self._late = asyncio.Lock(), asyncio.Lock()
        self._room = asyncio.Event()
        self._waiting = self._flying = self._permits = 0
        self._slots = HeldSlots()
        self._fresh_until = self._denied_until = self._blocked_until = self._believed_until = 0.0
        self._contended, self._sharers = False, 1
        # By operation: until when its breaker is known to let requests pass, failures in a row, whether it is shut.
        self._open_until: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._shut: set[str] = set()
        self._trying: str | None = None
        self._outlook = Outlook()
        self._call_s = 1.0
        self._throttled = 0
        self._hinted_until = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._errands: set[asyncio.Task[None]] = set()

    def retire(self) -> None:
        """Begin no turn any more. Those that have begun end as they would."""
        self._over = True
        self._forget()
        self._room.set()

    async def enter(self, spec: OperationSpec, patience_s: float) -> Ticket:
        """Wait for a turn, `patience_s` at most. Raises Moved, or as `Pacer.turn` does, at once where the line is too long."""
        self._pace, self._timeout_s = spec.pace, max(self._timeout_s, spec.timeout_s)
        now = monotonic()
        patience = now + patience_s
        if self._outlook.wait_s(self._waiting, now) > patience_s:
            await asyncio.sleep(0)  # whoever asks again at once lets the others go on
            raise self._crowded(now)
        self._waiting += 1
        try:
            try:
                async with asyncio.timeout(patience_s):
                    await self._gate.acquire()
            except TimeoutError:
                raise self._crowded(monotonic()) from None
            try:
                return await self._first_in_line(name_of(spec), patience)
            finally:
                self._gate.release()
        finally:
            self._waiting -= 1
            self._when_idle()

    def leave(self, ticket: Ticket) -> None:
        """The call is over."""
        self._flying -= 1
        self._call_s += 0.2 * (monotonic() - ticket.began - self._call_s)
        self._room.set()
        self._when_idle()

    async def _first_in_line(self, operation: str, patience: float) -> Ticket:
        while True:
            now = monotonic()
            if self._over:
                raise Moved
            if now >= patience + 2 * PATIENCE_S:
                raise self._crowded(now)  # the database is slower than its answers keep
            if not self._slots and (blocked_s := min(self._blocked_until, self._believed_until) - now) > 0:
                if self._blocked_until > patience:
                    raise self._paced(now)
                await asyncio.sleep(blocked_s)
                continue
            if operation in self._shut:
                await self._knock(operation)
            fresh = now < self._fresh_until and now < self._open_until.get(operation, 0.0)
            if not fresh or (self._may_have_more(now) and self._flying >= self._permits):
                await self._lease(operation)
            elif self._flying >= self._permits:
                if now >= patience:
                    raise self._crowded(now)
                await self._for_room(min(patience, self._denied_until if self._denied_until > now else patience))
            elif (slot := self._slots.next(now)) is None:
                if now >= patience:
                    raise self._crowded(now)
                await self._lease(operation)
            elif await self._reached(slot):
                return self._start(operation, slot)

    def _start(self, operation: str, slot: Slot) -> Ticket:
        ticket = Ticket(operation, monotonic(), self._trying == operation, slot)
        self._flying, self._trying = self._flying + 1, None
        self._outlook.began(ticket.began)
        return ticket

    async def approach(self, ticket: Ticket) -> None:
        """All is ready but the connection: wait for the slot. The turn of whoever never says so begins no earlier than its slot."""
        if self._windows and ticket.slot is not SPENT:
            self._slots.ready(monotonic() - ticket.began)
            slot, ticket.slot = ticket.slot, SPENT
            ticket.slot = await self._at_slot(ticket, slot, self._horizon_s)

    async def depart(self, ticket: Ticket) -> None:
        """A request is about to leave: at its slot. That may have gone by while the connection was made or the ledger written, and
        a second request of one turn has none. Then it waits for another one, or raises VendorBusy. The second has more patience:
        sent away, the turn would begin with its first request again, and come no further where slots lie far apart.
        """
        if not self._windows:
            return
        slot, ticket.slot = ticket.slot, SPENT
        await self._at_slot(ticket, slot, max(self._horizon_s, self._far_s()) if slot is SPENT else self._horizon_s)

    def _far_s(self) -> float:
        """So many slots away, but never so long that the permit would lapse meanwhile."""
        apart = [s for beat in self._rhythms if beat for s in (beat.distance_s, *(long for *_, long in beat.spans))]
        return min(FOLLOWS_S, self._timeout_s, FOLLOWING * max(apart))

    async def _at_slot(self, ticket: Ticket, slot: Slot, patience_s: float) -> Slot:
        """Wait for `slot`, which is nobody else's now; if it has gone by, for another one. Gives the one that was reached."""
        patience = monotonic() + patience_s
        while not await reached(slot):
            if slot is not SPENT:
                self._slots.missed(slot)
            slot = await self._another(ticket, patience)
        return slot

    async def _another(self, ticket: Ticket, patience: float) -> Slot:
        while True:
            async with self._late:  # not the gate: its first may be waiting for this one's permit
                while (slot := self._slots.next(monotonic())) is None:
                    if monotonic() >= patience:
                        raise self._crowded(monotonic())
                    await self._lease(ticket.operation, again=1)
                    if (wait_s := self._blocked_until - monotonic()) > 0:
                        break
                else:
                    return slot
                if wait_s <= self._horizon_s or self._blocked_until >= patience:
                    raise self._paced(monotonic())
            await asyncio.sleep(wait_s - self._horizon_s / 2)  # slots are given no further ahead than the horizon

    @property
    def _windows(self) -> tuple[Window, ...]:
        return sum((pace.windows for pace in self._within), self._pace.windows)

    @property
    def _concurrency(self) -> int:
        return min(pace.concurrency for pace in (self._pace, *self._within))

    @property
    def _rhythms(self) -> list[Rhythm | None]:
        return [rhythm(pace.windows) if pace.windows else None for pace in (self._pace, *self._within)]

    def _may_have_more(self, now: float) -> bool:
        return self._permits < self._concurrency and now >= self._denied_until

    async def _reached(self, slot: Slot) -> bool:
        """Wait for the slot. False: woken too late for it, or for the permit."""
        in_time = await self._slots.near(slot)
        if in_time and monotonic() >= self._fresh_until:
            self._slots.put_back(slot)
            return False
        return in_time

    async def _for_room(self, until: float) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(max(0.0, until - monotonic())):
                await self._room.wait()
        except TimeoutError:
            pass

    async def _lease(self, operation: str, *, again: int = 0) -> None:
        if self._look is not None and not again:
            await self._look()
            if self._over:
                return
        rhythms = self._rhythms
        ahead = self._outlook.recent(monotonic(), AHEAD_S)
        free = max(0, self._concurrency - self._flying)
        first = operation not in self._open_until
        starting = min(max(self._waiting, 1 - again), free)
        # Should the transaction fail, they count as used.
        unused = self._slots.unused()
        wish = Wish(self._holder, starting, self._flying, ahead, self._horizon_s, first, again, unused)
        async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
            before = monotonic()
            at, beside = await self._hold(tx, operation)
            after = monotonic()
            within = [
                Within(row, beat, pace.concurrency)
                for row, beat, pace in zip(beside, rhythms[1:], self._within, strict=True)
            ]
            got = lease(at, rhythms[0], self._pace.concurrency, self._timeout_s, wish, within)
            for row in (at, *beside):
                await rows.keep(tx, row)
        self._clock.heard(at.now, before, after)
        self._take(at, got, before, min((beat.lateness_s for beat in rhythms if beat), default=PATIENCE_S))

    async def _hold(self, tx: Tx, operation: str) -> tuple[Standing, list[Standing]]:
        """The pace and those beside it, locked in that order by everybody. All stand at the time of the last."""
        at = await rows.hold(tx, self._pace.name, self._credential, operation)
        beside = [await rows.hold_beside(tx, pace.name, self._credential) for pace in self._within]
        now = max(row.now for row in (at, *beside))
        for row in (at, *beside):
            row.now = now
        return at, beside

    def _take(self, at: Standing, got: Lease, before: float, lateness_s: float) -> None:
        """A slot is used neither early nor late by any time that the database's clock may have shown."""
        clock, now = self._clock, monotonic()
        self._failures[at.operation] = at.breaker.failures
        self._throttled = at.timetable.get("throttled", 0)
        self._permits, self._contended, self._sharers = got.permits, got.contended, got.sharers
        self._trying = at.operation if got.trying else None
        self._fresh_until = self._open_until[at.operation] = before + got.fresh_s
        self._slots.add(Slot(clock.latest(t), clock.earliest(t) + lateness_s, t) for t in got.slots)
        self._denied_until = self._blocked_until = 0.0
        if got.refused is not None:
            self._shut.add(at.operation)
            raise got.refused
        if got.blocked_until is not None:
            self._blocked_until, self._believed_until = clock.latest(got.blocked_until), now + BELIEVED_S
        elif got.permits <= self._flying:
            self._denied_until = now + POLL_S * (0.5 + random.random())  # noqa: S311

    async def _knock(self, operation: str) -> None:
        """The breaker was open: read it, without a lock, before anybody queues for the row."""
        async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
            found, now = await rows.peek(tx, operation, self._credential)
        if breaker.door(found, now) == "shut":
            raise breaker.complaint(operation, found, now)
        self._shut.discard(operation)

    def _paced(self, now: float) -> VendorBusy:
        """No slot soon. Jobs are spread over the time to come, or all would be back at once: those of all workers together."""
        wait_s = self._blocked_until - now
        interval_s = interval_after(wait_s, self._windows) * self._sharers
        after_s = self._outlook.come_back_s(now, wait_s, interval_s)
        return VendorBusy(f"{self._pace.name} is asked as often as it may be", after_s=after_s, code="paced")

    def _crowded(self, now: float) -> VendorBusy:
        """The line is longer than its last one is patient. One that stands still before a slot would tell nothing of its speed."""
        if self._blocked_until > now:
            return self._paced(now)
        interval_s = self._outlook.interval_s(now) or self._call_s / max(1, self._permits)
        # Before the line is empty; each at a time of its own, or the line would be empty in between.
        after_s = self._outlook.come_back_s(now, max(0.5, self._waiting * interval_s / 2), interval_s)
        words = f"{self._pace.name}: {self._waiting} wait for their turn, and {self._flying} are under way"
        return VendorBusy(words, after_s=after_s, code="paced")

    async def learn(self, ticket: Ticket, error: BaseException | None, hint: PaceHint | None) -> None:
        """What the call told, for everybody. Nothing is written while all is well."""
        lesson = breaker.lesson_of(error)
        narrow = hint is not None and lessons.matters(hint) and monotonic() >= self._hinted_until
        quiet = lesson == "nothing" or (
            lesson == "worked" and not (self._failures.get(ticket.operation) or self._throttled)
        )
        if quiet and not ticket.tries and not narrow:
            return
        self._hinted_until = monotonic() + BELIEVED_S if narrow else self._hinted_until
        try:
            async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                at = await rows.hold(tx, self._pace.name, self._credential, ticket.operation)
                lessons.learn(at, lesson, error, hint if narrow else None, tried=ticket.tries)
                await rows.keep(tx, at)
            if ticket.tries or narrow or lesson != "worked":
                self._forget()
            self._failures[at.operation], self._throttled = at.breaker.failures, at.timetable.get("throttled", 0)
        except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as away:
            log.warning("pace_not_learnt", pace=self._pace.name, error=str(away))

    def _forget(self) -> None:
        """What was leased no longer fits what is known."""
        self._fresh_until = 0.0
        self._slots.drop()

    def _when_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if not (self._waiting or self._flying) and self._permits:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(0.0 if self._contended else IDLE_S, self._send_back)

    def _send_back(self) -> None:
        self._permits, self._fresh_until = 0, 0.0
        self._slots.drop()
        errand = asyncio.get_running_loop().create_task(self._give_back())
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _give_back(self) -> None:
        async with self._gate:
            if self._permits or self._flying:
                return  # somebody came meanwhile, and has leased anew
            try:
                unused = self._slots.unused()
                async with transaction(self._pool, None, role=DbRole.SYSTEM) as tx:
                    at, beside = await self._hold(tx, "")
                    for row, beat in zip((at, *beside), self._rhythms, strict=True):
                        give_back(row, self._holder, 0, self._timeout_s, beat, unused)
                        await rows.keep(tx, row)
            except (HeadwaterError, *CONNECTION_ERRORS, asyncpg.PostgresError) as away:
                log.debug("permits_lapse", pace=self._pace.name, error=str(away))

    @property
    def busy(self) -> bool:
        """Has anybody of it something to end or to give back?"""
        return bool(self._waiting or self._flying or self._permits or self._errands)

    async def close(self) -> None:
        """Give back what is held."""
        if self._idle is not None:
            self._idle.cancel()
            self._send_back()
        await asyncio.gather(*self._errands)
