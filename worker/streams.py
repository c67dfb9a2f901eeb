"""outbox -> JetStream: leased messages are published outside any transaction and settled under their lease (design section 4).

At least once: a process that dies between the receipt and its settling leaves a lease, which runs out, and the message is published
again under the same `Nats-Msg-Id`: within the stream's duplicate window it is dropped there, later a consumer's inbox drops it.
Nothing is leased while NATS is away, so an outage of it neither spends an attempt nor writes a row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from contracts.errors import VendorDown
from contracts.settings import Settings
from contracts.streams import Answer, Message, subject_of
from contracts.webhook_endpoints import body_of
from db import pace, sinks, streams
from db.streams import Outgoing
from db.transaction import DbRole, Pool, transaction
from worker.breaker import door, learned, trying
from worker.providers.jetstream import Connection, Unreachable, open_connection
from worker.sinks import CHORES_S, MARGIN_S, deliver_until

log = structlog.get_logger("streams")
#: Messages under way at once in a process.
BATCH = 256
#: How long a message rests whose neighbours were taken and which was not, in seconds.
PASSED_OVER_S = 5.0
#: The breaker of NATS stands among those of the vendors, and stays open no longer than this: to ask costs nothing, in seconds.
OPERATION, LONGEST_OPEN_S = "nats.publish", 15.0


@dataclass(slots=True)
class StreamSink:
    """Publishes tenants' facts. Any number run side by side; `wake` when there may be something to publish."""

    pool: Pool
    settings: Settings
    open: Callable[[Settings], Awaitable[Connection]] = open_connection
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _connection: Connection | None = None
    _chores_at: float = 0.0
    _healthy: bool = False

    def wake(self) -> None:
        self.woken.set()

    def stop(self) -> None:
        self.stopping.set()
        self.woken.set()

    async def run(self) -> None:
        """Publish until stopped. An outage of the database or of NATS is waited for."""
        try:
            await deliver_until(self.stopping, self.woken, self.turn, self.settings.dispatch_poll_s)
        finally:
            await self.close()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def turn(self) -> int:
        """Lease a batch, publish it, settle it. Returns how many were leased: 0 also while NATS is away."""
        await self._chores()
        connection = await self._ready()
        if connection is None:
            return 0
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            leased = await streams.lease(tx, batch=BATCH, for_s=self.settings.nats_timeout_s + MARGIN_S)
        if leased:
            await self._publish(connection, leased)
        elif not self._healthy:
            await self._works()
        return len(leased)

    async def _ready(self) -> Connection | None:
        """A connection, unless NATS is left alone for a while or is not there. Opening one is what tries an open breaker."""
        if self._connection is not None and self._connection.is_open:
            return self._connection
        if self._connection is not None:
            await self._connection.close()
            self._connection, self._healthy = None, False
        if not await self._may_try():
            return None
        try:
            self._connection = await self.open(self.settings)
        except Unreachable as error:
            await self._learn(str(error))
            return None
        log.info("nats_connected", stream=self.settings.nats_stream)
        return self._connection

    async def _publish(self, connection: Connection, leased: Sequence[Outgoing]) -> None:
        answers = await connection.publish([self._message(each) for each in leased])
        pairs = list(zip(leased, answers, strict=True))
        taken = [of for of, said in pairs if said.verdict == "delivered"]
        unsent = [(of, said) for of, said in pairs if said.verdict == "outage"]
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            settled = await streams.settle(tx, taken)
            if unsent:
                rest_s = PASSED_OVER_S if taken else 0.0
                await streams.give_back(tx, [of for of, _ in unsent], unsent[0][1].why, rest_s=rest_s)
            for of, said in pairs:
                if said.verdict == "refused":
                    await self._refuse(of, said, await streams.refused(
                        tx, of, said.why, max_attempts=self.settings.outbox_max_attempts))  # fmt: skip
        again = sum(said.again for said in answers)
        log.info("published", messages=len(taken), again=again, lost=len(taken) - settled, unsent=len(unsent))
        if taken:
            await self._works()
        elif unsent:
            # In doubt the connection goes: the next one looks at the stream again.
            await connection.close()
            await self._learn(unsent[0][1].why)

    async def _works(self) -> None:
        if not self._healthy:
            await self._learn(None)
            self._healthy = True

    def _message(self, of: Outgoing) -> Message:
        event = of.event
        body = body_of(event.event_id, event.type, event.version, event.tenant_id, of.fact_at, event.payload)
        return Message(subject_of(self.settings.nats_subject_prefix, of.tenant, event.type), str(event.event_id), body)

    async def _refuse(self, of: Outgoing, said: Answer, state: str) -> None:
        log.warning("message_refused", eventId=str(of.event.event_id), type=of.event.type, state=state, error=said.why)

    async def _may_try(self) -> bool:
        """Is the breaker closed, or are we the one that tries?"""
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            standing = await pace.hold(tx, "nats", self.settings.nats_stream, OPERATION)
            said = door(standing.breaker, standing.now)
            if said == "try":
                standing.breaker = trying(standing.breaker, standing.now + 2 * self.settings.nats_timeout_s)
                await pace.keep(tx, standing)
        return said != "shut"

    async def _learn(self, trouble: str | None) -> None:
        """Tell the breaker; None: it works."""
        self._healthy = False
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            standing = await pace.hold(tx, "nats", self.settings.nats_stream, OPERATION)
            error = VendorDown(trouble) if trouble is not None else None
            tried = standing.breaker.state == "half_open"
            after = learned(standing.breaker, "failed" if error else "worked", standing.now, error, tried=tried)
            if after.until is not None:
                after = replace(after, until=min(after.until, standing.now + LONGEST_OPEN_S))
            standing.breaker = after
            await pace.keep(tx, standing)
        if trouble is not None:
            log.warning("nats_away", error=trouble, breaker=after.state)

    async def _chores(self) -> None:
        if time.monotonic() < self._chores_at:
            return
        self._chores_at = time.monotonic() + CHORES_S
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await sinks.reclaim(tx)
