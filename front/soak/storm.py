"""Blows as they fall: each finds whom it hits, does what it does, and is counted when it hit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog

from contracts.errors import HeadwaterError
from db import soak
from db.transaction import CONNECTION_ERRORS, Pool
from front.client import Client
from front.soak.ground import Ground
from front.soak.nursery import Nursery, Place
from front.soak.proxy import LISTENER, Link, Proxy
from front.soak.schedule import Blow

#: How soon a blow that found nobody is tried again, in seconds.
AGAIN_S = 0.1
#: Latency of everything while a delay lasts, one way, in seconds.
DELAY_S = 0.05
#: The part of all connections that a cut or a silence hits, and the sessions ended at once.
PART, SESSIONS = 0.3, 3
#: How vendors fail, and whether that is billed is theirs to say.
FAULTS = ("503", "429", "reset", "timeout")
log = structlog.get_logger("soak.storm")


@dataclass
class Storm:
    """Lets blows fall. `hits` counts what hit. Raises from `run` when a restart failed: there is no server any more."""

    ground: Ground
    proxy: Proxy
    nursery: Nursery
    pool: Pool
    sandbox: Client
    hits: Counter[str] = field(default_factory=Counter)
    _lasting: set[asyncio.Task[None]] = field(default_factory=set)
    _restarts: list[asyncio.Task[None]] = field(default_factory=list)
    _one_restart: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, blows: Sequence[Blow]) -> None:
        """All of them, each at its time; one that finds nobody waits for somebody."""
        began = time.monotonic()
        for blow in blows:
            await asyncio.sleep(max(0.0, began + blow.at_s - time.monotonic()))
            await self._fall(blow)
        while self._lasting:
            await asyncio.wait(self._lasting)
        await asyncio.gather(*self._restarts)

    async def calm(self) -> None:
        """End what lasts."""
        for task in list(self._lasting):
            task.cancel()
        await asyncio.gather(*self._lasting, *self._restarts, return_exceptions=True)
        for place in self.nursery.places:
            if place.frozen:
                self.nursery.thaw(place)
        self.proxy.heal()

    async def _fall(self, blow: Blow) -> None:
        falls: dict[str, Callable[[Blow], Awaitable[None]]] = {
            "kill": self._kill,
            "restart": self._restart,
            "freeze": self._freeze,
            "cut": self._cut,
            "silence": self._silence,
            "silence_listener": self._silence_listener,
            "deafen": self._deafen,
            "delay": self._delay,
            "terminate": self._terminate,
            "fault": self._fault,
        }
        try:
            await falls[blow.kind](blow)
        except (HeadwaterError, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            log.info("blow_missed", kind=blow.kind, error=f"{type(error).__name__}: {error}")

    async def _kill(self, blow: Blow) -> None:
        found = self._choose(blow)
        while found is None or not self.nursery.kill(found):
            await asyncio.sleep(AGAIN_S)
            found = self._choose(blow)
        self.hits[f"kill {blow.victim}"] += 1

    async def _freeze(self, blow: Blow) -> None:
        found = self._choose(blow, "worker")
        if found is not None and self.nursery.freeze(found):
            self.hits["freeze"] += 1
            held = found.process
            self._last(blow.for_s, lambda: self.nursery.thaw(found) if found.process is held else None)

    async def _restart(self, _: Blow) -> None:
        async def restart() -> None:
            async with self._one_restart:
                await self.ground.restart()
                self.hits["restart"] += 1

        # Beside the others: a process may well be killed while the server is away.
        self._restarts.append(asyncio.create_task(restart()))

    async def _cut(self, blow: Blow) -> None:
        links = self._some(blow)
        self.proxy.cut(links)
        self.hits["cut"] += len(links)

    async def _silence(self, blow: Blow) -> None:
        links = self._some(blow)[:4]
        self.proxy.silence(links)
        self.hits["half-open"] += len(links)

    async def _silence_listener(self, _: Blow) -> None:
        links = self.proxy.links(LISTENER)
        self.proxy.silence(links)
        self.hits["half-open listener"] += len(links)

    async def _deafen(self, blow: Blow) -> None:
        self.proxy.deaf = True
        self.hits["deaf"] += 1
        self._last(blow.for_s, lambda: setattr(self.proxy, "deaf", False))

    async def _delay(self, blow: Blow) -> None:
        self.proxy.delay_s = DELAY_S
        self.hits["delay"] += 1
        self._last(blow.for_s, lambda: setattr(self.proxy, "delay_s", 0.0))

    async def _terminate(self, _: Blow) -> None:
        self.hits["terminated session"] += await soak.terminate(self.pool, SESSIONS)

    async def _fault(self, blow: Blow) -> None:
        kind = FAULTS[int(blow.draw * len(FAULTS))]
        order = {"match": {"vendor": "tavily"}, "kind": kind, "times": 1}
        await asyncio.to_thread(self.sandbox.post, "/__control/faults", order)
        self.hits["vendor fault"] += 1

    def _choose(self, blow: Blow, kind: str = "") -> Place | None:
        living = self.nursery.living(kind or blow.victim)
        return living[int(blow.draw * len(living))] if living else None

    def _some(self, blow: Blow) -> list[Link]:
        links = self.proxy.links()
        first = int(blow.draw * len(links))
        return (links[first:] + links[:first])[: max(1, int(len(links) * PART))]

    def _last(self, seconds: float, over: Callable[[], object]) -> None:
        async def wait() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                over()

        task = asyncio.create_task(wait())
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)
