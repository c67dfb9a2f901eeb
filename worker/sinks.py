"""outbox -> the outside: leased deliveries are posted outside any transaction and settled under their lease (design section 4).

At least once: a process that dies between the post and its settling leaves a lease, which runs out, and the event is delivered
again under the same id. An endpoint that fails is left alone for a while and costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog

from contracts.errors import Unavailable
from contracts.settings import Settings
from contracts.webhook_endpoints import body_of, signed_headers, verdict
from db import sinks, spans, webhooks
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction
from db.webhooks import AT_ONCE, Delivery
from worker.providers.tenant_webhook import Forbidden, Unreachable

log = structlog.get_logger("sinks")
#: Deliveries under way at once in a process.
MOST = 32
#: A lease outlasts the longest post by so much, in seconds.
MARGIN_S = 20.0
#: How often stale leases and orphans are looked for, in seconds.
CHORES_S = 15.0
#: As W3C Trace Context writes it; nothing else that an event bears goes out as a header.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Posts(Protocol):
    """Posts a body; gives the status of the answer."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int: ...


async def deliver_until(
    stopping: asyncio.Event, woken: asyncio.Event, turn: Callable[[], Awaitable[int]], poll_s: float
) -> None:
    """Take turns until `stopping`: at once after one that found something, else when `woken` or after `poll_s` seconds."""
    pause = 0.1
    while not stopping.is_set():
        woken.clear()  # before the query, never after
        wait_s = poll_s
        try:
            if await turn():
                wait_s = 0.0
            pause = 0.1
        except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            log.warning("sink_interrupted", error=str(error), retryInS=pause)
            wait_s, pause = pause, min(pause * 2, 2.0)
        if wait_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), wait_s)


@dataclass(slots=True)
class WebhookSink:
    """Delivers tenants' webhooks. Any number run side by side; `wake` when there may be something to deliver."""

    pool: Pool
    settings: Settings
    poster: Posts
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _flying: dict[asyncio.Task[None], UUID] = field(default_factory=dict)
    _chores_at: float = 0.0

    def wake(self) -> None:
        self.woken.set()

    def stop(self) -> None:
        self.stopping.set()
        self.woken.set()

    async def run(self) -> None:
        """Deliver until stopped, then wait for what is under way. An outage of the database is waited for."""
        await deliver_until(self.stopping, self.woken, self.turn, self.settings.dispatch_poll_s)
        if self._flying:
            await asyncio.wait(self._flying)

    async def turn(self) -> int:
        """Lease as many as there is room for, and let them go out. Returns how many."""
        await self._chores()
        room = MOST - len(self._flying)
        if room <= 0:
            return 0  # whoever lands wakes us
        busy = [endpoint for endpoint, n in Counter(self._flying.values()).items() if n >= AT_ONCE]
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            leased = await webhooks.lease(tx, batch=room, for_s=self._lease_s, busy=busy)
        for each in leased:
            task = asyncio.create_task(self._deliver(each))
            self._flying[task] = each.endpoint_id
            task.add_done_callback(self._landed)
        return len(leased)

    @property
    def _lease_s(self) -> float:
        return self.settings.webhook_timeout_s + MARGIN_S

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.pop(task, None)
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease runs out, and it goes out again.
            log.error("delivery_unsettled", error=str(error), errorClass=type(error).__name__)

    async def _chores(self) -> None:
        if time.monotonic() < self._chores_at:
            return
        self._chores_at = time.monotonic() + CHORES_S
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await sinks.reclaim(tx)
            await webhooks.bury_orphans(tx)

    async def _deliver(self, of: Delivery) -> None:
        with spans.tracer.deliver(of.event, of.endpoint_id) as span:
            status, error = await self._posted(of, span.onto(of.event.headers) or {})
            if status:
                spans.tracer.heard(status)
            await self._settle(of, status, error)

    async def _settle(self, of: Delivery, status: int | None, error: str | None) -> None:
        said = verdict(status) if status is not None else "outage"
        if error is not None and status == 0:
            said = "refused"
        words = error or f"it answered {status}"
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            if said == "delivered":
                state = "sent" if await webhooks.delivered(tx, of) else "lost"
            elif said == "gone":
                state = await webhooks.gone(tx, of)
            elif said == "refused":
                state = await webhooks.refused(tx, of, words, max_attempts=self.settings.outbox_max_attempts)
            else:
                state = await webhooks.outage(tx, of, words)
        spans.tracer.ended(said)
        say = log.info if said == "delivered" else log.warning
        say(
            "webhook_delivered" if said == "delivered" else "webhook_not_delivered",
            eventId=str(of.event.event_id), type=of.event.type, endpointId=str(of.endpoint_id), state=state, status=status,
            error=None if said == "delivered" else words,
        )  # fmt: skip

    async def _posted(self, of: Delivery, carried: Mapping[str, str]) -> tuple[int | None, str | None]:
        """(status, None), (None, why it could not be reached), or (0, why we do not go there). `carried` may name a trace."""
        event, key = of.event, self.settings.webhook_signing_key
        if key is None:
            return None, "WEBHOOK_SIGNING_KEY is not set here: nothing can be signed"
        body = body_of(event.event_id, event.type, event.version, event.tenant_id, of.fact_at, event.payload)
        at = f"{time.time():.0f}"
        headers = signed_headers(
            key, event.tenant_id, of.endpoint_id, of.secret_version, id_=str(event.event_id), type_=event.type, body=body, at=at
        )  # fmt: skip
        # The id stays the same when it goes out again; the lease does not.
        headers["X-Headwater-Attempt"] = str(event.token)
        if _TRACEPARENT.fullmatch(carried.get("traceparent", "")):
            # Whoever is told can go on in the trace; its state may hold what others said, and stays here.
            headers["traceparent"] = carried["traceparent"]
        try:
            return await self.poster.post(of.url, body, headers), None
        except Unreachable as error:
            return None, str(error)
        except Forbidden as error:
            return 0, f"we do not go there: {error}"
