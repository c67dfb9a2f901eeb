"""Heartbeats from a thread with its own loop and connection: a busy event loop is not a dead worker (H7)."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence

import asyncpg
import structlog

from db import queue
from worker.queue.pool import connect

#: A round (connect, beat) is cut off after this long, in seconds.
ROUND_S = 5.0
#: An event loop that stands still for this long beats no more, in seconds.
STUCK_S = 60.0
log = structlog.get_logger("worker.queue")


class Heartbeat:
    """Beats for `worker_id` every `every_s` seconds until `stop()`.

    The owner calls `seen()` from its event loop: a loop not seen for `stuck_after_s` seconds gets no more beats,
    so that its jobs are rescued. A beat that finds no row registers anew and tells `on_new_id`.
    """

    def __init__(
        self,
        url: str,
        worker_id: int,
        *,
        every_s: float,
        roles: Sequence[str],
        on_new_id: Callable[[int], object],
        stuck_after_s: float = STUCK_S,
    ) -> None:
        self._url, self._worker_id, self._every_s, self._roles = url, worker_id, every_s, roles
        self._on_new_id = on_new_id
        self._stuck_after_s = stuck_after_s
        self._stopping = threading.Event()
        self._loop_seen = self._round_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        #: When the last beat was written, on the monotonic clock.
        self.beat_at: float | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2 * ROUND_S) -> None:
        """End the thread; blocks until it has ended or `timeout_s` has passed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def seen(self) -> None:
        """The event loop is alive."""
        self._loop_seen = time.monotonic()

    def fault(self, older_than_s: float) -> str | None:
        """What is wrong with the thread, or None. An absent server is not its fault: it goes on trying."""
        if not self._thread.is_alive():
            return "the heartbeat thread has ended"
        age = time.monotonic() - self._round_at
        return f"the heartbeat thread has hung for {age:.0f} s" if age > older_than_s else None

    def _run(self) -> None:
        asyncio.run(self._beat_for_ever())

    async def _beat_for_ever(self) -> None:
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        failing = False
        while not self._stopping.is_set():
            self._round_at = time.monotonic()
            try:
                async with asyncio.timeout(ROUND_S):
                    if connection is None or connection.is_closed():
                        connection = await connect(self._url, name="headwater heartbeat")
                    await self._beat(connection)
                if failing:
                    failing = False
                    log.warning("heartbeat_back", worker_id=self._worker_id)
            except Exception as error:
                if not failing:
                    log.warning("heartbeat_lost", worker_id=self._worker_id, error=f"{type(error).__name__}: {error}")
                failing = True
                if connection is not None:
                    connection.terminate()
                connection = None
            # The thread has nothing else to do: waiting on the flag ends it at once when asked.
            self._stopping.wait(self._every_s)
        if connection is not None:
            connection.terminate()

    async def _beat(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        if (stuck := time.monotonic() - self._loop_seen) > self._stuck_after_s:
            log.error(
                "event_loop_stuck",
                worker_id=self._worker_id,
                for_s=round(stuck),
                next_step="find the blocking call",
            )
            return
        if not await queue.beat(connection, self._worker_id):
            gone = self._worker_id
            self._worker_id = await queue.register(
                connection, socket.gethostname()[:255], os.getpid(), list(self._roles)
            )
            log.error("worker_row_vanished", worker_id=gone, new_worker_id=self._worker_id)
            self._on_new_id(self._worker_id)
        self.beat_at = time.monotonic()
