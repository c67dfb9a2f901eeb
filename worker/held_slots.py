"""The slots one process holds of one pace: when its requests may leave, and how long before that their turns begin."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

#: How long before its slot a turn may begin, to have everything ready by then, in seconds.
MAX_LEAD_S = 0.15


class Slot(NamedTuple):
    """When a request may leave: monotonic times; `at`: its name in the timetable, by the database's clock."""

    begins: float
    ends: float
    at: float


#: Of a request whose slot is spent.
SPENT = Slot(0.0, 0.0, 0.0)


class HeldSlots:
    """In order of time. What has gone by is dropped when the next one is asked for."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._unused: list[float] = []
        # How long a turn usually takes to be ready. Whoever never says that it is ready is never early.
        self._ready_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._slots)

    def add(self, slots: Iterable[Slot]) -> None:
        """Newly leased ones."""
        self._slots.extend(slots)

    def next(self, now: float) -> Slot | None:
        """The first that is still good."""
        while self._slots:
            slot = self._slots.popleft()
            if now <= slot.ends:
                return slot
            self.missed(slot)
        return None

    def missed(self, slot: Slot) -> None:
        """Nothing left at it, and nothing will."""
        self._unused.append(slot.at)

    def unused(self) -> tuple[float, ...]:
        """Those that others may have, each once: whoever asks must give them back."""
        found, self._unused = tuple(self._unused), []
        return found

    def put_back(self, slot: Slot) -> None:
        """The first one, unused."""
        self._slots.appendleft(slot)

    def drop(self) -> None:
        """All of them: what was leased no longer fits what is known."""
        self._unused.extend(slot.at for slot in self._slots)
        self._slots.clear()

    def ready(self, took_s: float) -> None:
        """A turn was ready to let its request go so many seconds after it had begun."""
        self._ready_s = self._ready_s + 0.2 * (took_s - self._ready_s) if self._ready_s else took_s

    async def near(self, slot: Slot) -> bool:
        """Sleep until it is time to get ready for `slot`; cancelled, it is put back. False: it has gone by meanwhile."""
        try:
            await asyncio.sleep(max(0.0, slot.begins - min(MAX_LEAD_S, 2 * self._ready_s) - monotonic()))
        except BaseException:
            self.put_back(slot)
            raise
        if monotonic() > slot.ends:
            self.missed(slot)
            return False
        return True


async def reached(slot: Slot) -> bool:
    """Sleep until `slot` begins. False: it has gone by."""
    await asyncio.sleep(max(0.0, slot.begins - monotonic()))
    return monotonic() <= slot.ends
