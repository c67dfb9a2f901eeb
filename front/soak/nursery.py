"""Processes that may be killed at any time: forked from one that has imported everything, and replaced when they die."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from typing import Any

#: Between a death and the next start, in seconds; the second after a life that was very short.
PAUSE_S, LONG_PAUSE_S = 0.1, 1.0
#: Shorter lives are very short, in seconds.
SHORT_S = 1.0


@dataclass
class Place:
    """Somebody's place in the installation, whoever holds it right now. `body` runs in the process with `arguments`."""

    kind: str
    body: Callable[..., None]
    arguments: dict[str, Any]
    process: ForkServerProcess | None = None
    frozen: bool = False
    since: float = 0.0
    keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.exitcode is None else None


@dataclass
class Nursery:
    """All places. `kills` notes every SIGKILL of ours as (pid, wall clock); `ends` how others ended, by kind and status."""

    preload: list[str]
    places: list[Place] = field(default_factory=list)
    kills: list[tuple[int, float]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    _closing: bool = False

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(self.preload)

    def fill(self, kind: str, body: Callable[..., None], **arguments: Any) -> Place:
        """Make a place and keep somebody in it."""
        place = Place(kind, body, arguments)
        self.places.append(place)
        self._start(place)
        place.keeper = asyncio.create_task(self._keep(place), name=f"keep {kind}")
        return place

    def living(self, kind: str) -> list[Place]:
        """Places of this kind whose process lives, frozen or not."""
        return [place for place in self.places if place.kind == kind and place.pid is not None]

    def kill(self, place: Place) -> bool:
        """SIGKILL. False: it was dead already."""
        pid = place.pid
        if pid is None or not self._signal(place, signal.SIGKILL):
            return False
        self.kills.append((pid, time.time()))
        return True

    def freeze(self, place: Place) -> bool:
        """SIGSTOP. False: it was dead already."""
        place.frozen = self._signal(place, signal.SIGSTOP)
        return place.frozen

    def thaw(self, place: Place) -> None:
        """SIGCONT."""
        place.frozen = False
        self._signal(place, signal.SIGCONT)

    async def dismiss(self, kind: str, grace_s: float) -> list[int]:
        """End all of a kind for good: SIGTERM, and SIGKILL after `grace_s` seconds. Returns their exit statuses."""
        leaving = [place for place in self.places if place.kind == kind]
        for place in leaving:
            self.places.remove(place)
            await self._leave_alone(place)
            self.thaw(place)
            self._signal(place, signal.SIGTERM)
        return [await self._ended(place, grace_s) for place in leaving if place.process is not None]

    async def close(self) -> None:
        """Kill whoever is left."""
        self._closing = True
        for place in self.places:
            await self._leave_alone(place)
            self._signal(place, signal.SIGKILL)
        for place in self.places:
            if place.process is not None:
                await self._ended(place, 10)

    async def _leave_alone(self, place: Place) -> None:
        if place.keeper is not None:
            place.keeper.cancel()
            await asyncio.gather(place.keeper, return_exceptions=True)

    def _start(self, place: Place) -> None:
        place.process = self._context.Process(target=place.body, kwargs=place.arguments, daemon=True)
        place.process.start()
        place.frozen, place.since = False, time.monotonic()

    async def _keep(self, place: Place) -> None:
        while not self._closing:
            assert place.process is not None
            pid = place.process.pid
            status = await self._exit(place.process)
            ours = status == -signal.SIGKILL and any(pid == killed for killed, _ in self.kills[-50:])
            if not ours:
                self.ends[f"{place.kind} {status}"] += 1
            short = not ours and time.monotonic() - place.since < SHORT_S
            await asyncio.sleep(LONG_PAUSE_S if short else PAUSE_S)
            self._start(place)

    async def _ended(self, place: Place, grace_s: float) -> int:
        assert place.process is not None
        try:
            return await asyncio.wait_for(self._exit(place.process), grace_s)
        except TimeoutError:
            self._signal(place, signal.SIGKILL)
            return await self._exit(place.process)

    async def _exit(self, process: ForkServerProcess) -> int:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        if process.exitcode is None:
            loop.add_reader(process.sentinel, over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(process.sentinel)
            process.join(5)
        return process.exitcode if process.exitcode is not None else -1

    def _signal(self, place: Place, number: signal.Signals) -> bool:
        pid = place.pid
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False
