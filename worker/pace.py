"""Politeness towards vendors, shared by all workers on all hosts: rates, requests at once, and breakers.

    async with pacer.turn(operation.spec, credential):
        replies = await operation.ask(queries, key=key)

Entering waits for a permit and until a slot is near, `PATIENCE_S` or as long as the asker says; the request itself awaits
`approach` and `departure` (`providers/rules.py`) and leaves at the slot. Leaving learns from how the call ended. What is shared
stands in one row for each pace and credential (`db/pace.py`); a worker leases what its waiting jobs want and a little more, and
spends that by its own clock. What operators allow a vendor (`worker/vendor_rules.py`) is kept together with its own pace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Token
from time import monotonic

from contracts.limits import VendorRule
from contracts.providers import OperationSpec
from contracts.settings import Settings
from contracts.sites import Robots
from db.transaction import Pool
from worker.db_clock import DbClock
from worker.hosts import Hosts
from worker.lane import Lane, Moved, Ticket, name_of
from worker.leases import PATIENCE_S
from worker.providers.limits import effective, ruled
from worker.providers.rules import approach, departure, heard_hint
from worker.vendor_rules import VendorRules


class Pacer:
    """One process's share of every pace. Also `contracts.sites.HostTurns`, for our own crawler. Close with `close()`.

    `patience_s`: the longest wait for a turn that is slept.
    """

    def __init__(self, pool: Pool, settings: Settings, *, patience_s: float = PATIENCE_S) -> None:
        self._pool, self._settings, self._patience_s = pool, settings, patience_s
        self._clock = DbClock()
        self._rules = VendorRules(pool)
        self._known: dict[str, VendorRule] = {}
        self._lanes: dict[tuple[str, str, str, str | None], Lane] = {}
        self._retired: set[Lane] = set()
        self._hosts = Hosts(pool, hold_s=settings.crawler_timeout_s + 5)

    def turn(
        self, spec: OperationSpec, credential: str, *, patience_s: float | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Hold a turn to ask a vendor once. `credential` names the key (never the key itself): limits are counted for each name.
        `patience_s`: the longest wait for it, instead of the usual one.

        Raises on entering: VendorBusy with `after_s`, code `paced` (no slot or permit soon) or `breaker_open` (it has failed too
        often: nobody asks for a while); VendorRefused with the vendor's own refusal while that is not worth asking again;
        Unavailable when the database is away. Nothing was asked then.
        """
        spec = effective(spec, self._settings)
        return self._turn(spec, credential, self._patience_s if patience_s is None else patience_s)

    @asynccontextmanager
    async def _turn(self, spec: OperationSpec, credential: str, patience_s: float) -> AsyncIterator[None]:
        lane, ticket = await self._enter(spec, credential, patience_s)
        heard_hint.set(None)
        before = approach.set(lambda: lane.approach(ticket)), departure.set(lambda: lane.depart(ticket))
        ended: BaseException | None = None
        try:
            yield
        except BaseException as error:
            ended = error
            raise
        finally:
            for gate, was in zip((approach, departure), before, strict=True):
                gate.set(was.old_value if was.old_value is not Token.MISSING else None)
            lane.leave(ticket)
            await lane.learn(ticket, ended, heard_hint.get())

    async def _enter(self, spec: OperationSpec, credential: str, patience_s: float) -> tuple[Lane, Ticket]:
        patience = monotonic() + patience_s
        await self._look()
        while True:
            lane = self._lane(spec, credential)
            try:
                return lane, await lane.enter(spec, max(0.0, patience - monotonic()))
            except Moved:
                continue

    def _lane(self, spec: OperationSpec, credential: str) -> Lane:
        """Where it waits. An operation with a limit of its own has a lane of its own, since slots serve a whole lane."""
        alone = spec.operation if name_of(spec) in self._known else None
        key = (spec.vendor, spec.pace.name, credential, alone)
        if (lane := self._lanes.get(key)) is None:
            lane = self._lanes[key] = Lane(
                self._pool, spec.pace, credential, clock=self._clock, horizon_s=self._patience_s,
                within=ruled(spec, self._known), look=self._look,
            )  # fmt: skip
        return lane

    async def _look(self) -> None:
        """Have operators changed what they allow? Lanes of those vendors are retired, and others take their place."""
        rules = await self._rules.standing()
        if rules is self._known:
            return
        changed = {rule.name.partition(".")[0] for rule in {*rules.values()} ^ {*self._known.values()}}
        self._known = rules
        for key in [key for key in self._lanes if key[0] in changed]:
            lane = self._lanes.pop(key)
            lane.retire()
            self._retired.add(lane)
        self._retired = {lane for lane in self._retired if lane.busy}

    def host_turn(self, host: str, delay_s: float) -> AbstractAsyncContextManager[None]:
        """Wait for the turn to ask a site once, and hold it during the request. `host`: the registrable domain; `delay_s`: the
        distance to the next request, 60 s at most. Raises VendorBusy (code `host_busy`) when the wait is long.
        """
        return self._hosts.turn(host, delay_s)

    async def leave_alone(self, host: str, after_s: float | None) -> None:
        """The host answered 429 or 503: nobody asks it for `after_s` (None: it did not say; its distance is doubled)."""
        await self._hosts.leave_alone(host, after_s)

    async def robots_of(self, origin: str) -> Robots | None:
        """What is remembered of the origin's robots.txt, if it is not older than a day."""
        return await self._hosts.robots_of(origin)

    async def remember_robots(self, robots: Robots) -> None:
        """Keep it for a day at most."""
        await self._hosts.remember_robots(robots)

    async def close(self) -> None:
        """Give back what is held, so that others need not wait for it to lapse."""
        await asyncio.gather(*(lane.close() for lane in (*self._lanes.values(), *self._retired)))
