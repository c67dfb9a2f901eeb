"""Wakes the dispatchers after a commit, on a connection of its own: the request neither waits nor fails with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import structlog

from contracts.errors import HeadwaterError
from db import queue
from db.direct import direct
from db.transaction import CONNECTION_ERRORS

#: Wake-ups that follow one within this time are folded into the next, in seconds.
FOLD_S = 0.005
#: Pause between attempts to reconnect, in seconds; meanwhile the dispatchers' own poll is the safety net.
RECONNECT_S = 1.0
#: A connection that had nothing to say for this long says something, in seconds.
PROBE_S = 15.0

log = structlog.get_logger("api.wake")


class Wake:
    """`soon()` after each commit that emitted an event. The first goes out at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: Does the connection stand? Shown by /readyz.
        self.connected = False
        #: Wake-ups sent, for whoever counts them.
        self.sent = 0

    def soon(self) -> None:
        """Let the dispatchers look at the outbox. Never raises, never waits."""
        self._wanted.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="wake")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with direct(self._url) as connection:
                    self.connected = True
                    await self._send(connection)
            except (HeadwaterError, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
                log.warning("wake_connection_lost", error=str(error) or type(error).__name__)
                # What was being said may not have been heard: say it again.
                self._wanted.set()
            finally:
                self.connected = False
            await asyncio.sleep(RECONNECT_S)

    async def _send(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        while True:
            # Unasked ones too, now and then: a dead connection is found before it is needed.
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_S):
                    await self._wanted.wait()
            self._wanted.clear()
            async with asyncio.timeout(2):
                await queue.wake(connection, queue.OUTBOX_CHANNEL)
            self.sent += 1
            await asyncio.sleep(FOLD_S)
