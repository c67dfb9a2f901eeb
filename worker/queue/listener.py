"""LISTEN that survives restarts and silent losses (H1): probes, reconnects, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

import structlog

from worker.queue.pool import connect, jittered

log = structlog.get_logger("worker.queue")


class Listener:
    """Listens on a direct connection for ever, probing it every `probe_s` seconds; without one (`url` None) it hears nothing.

    What was notified while nobody listened is lost: `on_relisten` is called after each (re)LISTEN, to look.
    """

    def __init__(
        self,
        url: str | None,
        *,
        name: str = "headwater listen",
        probe_s: float = 15.0,
        on_relisten: Callable[[], object] | None = None,
    ) -> None:
        self._url, self._name, self._probe_s = url, name, probe_s
        self.on_relisten = on_relisten
        #: How many sessions there were, and whether one listens right now.
        self.sessions = 0
        self.listening = False

    async def run(self, channels: Iterable[str], heard: Callable[[str, str], None]) -> None:
        """Call `heard(channel, payload)` for each notification. Ends only by cancellation."""
        if self._url is None:
            log.warning(
                "no_listener", name=self._name, next_step="set DATABASE_DIRECT_URL; until then all is polled for"
            )
            await asyncio.Event().wait()
        wanted = tuple(channels)
        pause = 0.05
        told = 0
        while True:
            why = "the server closed the connection"
            try:
                await self._session(wanted, heard)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            if self.listening:
                self.listening, pause = False, 0.05
            if told <= self.sessions:
                # Once an outage: the next line says that it is over.
                told = self.sessions + 1
                log.warning("listener_lost", name=self._name, error=why)
            await asyncio.sleep(jittered(pause))
            pause = min(1.0, pause * 2)

    async def _session(self, channels: tuple[str, ...], heard: Callable[[str, str], None]) -> None:
        assert self._url is not None
        connection = await connect(self._url, name=self._name)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            for channel in channels:
                await connection.add_listener(channel, lambda _c, _p, at, payload: heard(at, cast("str", payload)))
            self.sessions += 1
            self.listening = True
            if self.sessions > 1:
                log.warning("listener_back", name=self._name, sessions=self.sessions)
            if self.on_relisten:
                self.on_relisten()
            while not lost.is_set():
                try:
                    await asyncio.wait_for(lost.wait(), self._probe_s)
                except TimeoutError:
                    # A peer that vanished without a word is only found out by asking.
                    await connection.execute("SELECT 1", timeout=5)
        finally:
            connection.terminate()
