"""asyncpg's pool, with a quick way round its bookkeeping for connections that come back as clean as they went.

asyncpg spends a task, a timer and a loop turn on each acquire with a timeout and on each release: a third of what a short
transaction costs its client. What this leans on inside of asyncpg is pinned by tests/db/test_lending.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool

#: How long a connection nobody needs is kept at hand before asyncpg has it back and closes it in its own time, in seconds.
IDLE_S = 30.0


class LendingPool(Pool):
    """`keep` hands a clean connection straight to the next who asks; `acquire` and `release` mean what they always did."""

    _maxsize: int
    _generation: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: list[Any] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        #: Who is out, in asyncpg's eyes: lent or kept. `_lent` counts those on their way as well.
        self._out: set[Any] = set()
        self._lent = 0
        #: How many of the kept ones nobody has needed since the last look.
        self._spare = 0
        self._look: asyncio.TimerHandle | None = None
        self._giving: asyncio.Task[None] | None = None
        #: From the first step of `close` on nothing is kept: asyncpg waits for all that is out.
        self._leaving = False

    async def _acquire(self, timeout: float | None) -> Any:
        while self._kept:
            connection = self._kept.pop()
            if self._fit(connection):
                self._spare = min(self._spare, len(self._kept))
                return connection
            await self.release(connection)
        if self._lent >= self._maxsize:
            connection = await self._wait(timeout)
            if connection is not None:
                return connection
        else:
            self._lent += 1
        try:
            connection = await super()._acquire(timeout)  # type: ignore[misc]
        except BaseException:
            self._make_room()
            raise
        self._out.add(connection)
        return connection

    async def _wait(self, timeout: float | None) -> Any:
        """A connection, or None for the room of one. Raises: TimeoutError."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # it came as we gave up
                if waiter.result() is None:
                    self._make_room()
                else:
                    self._hand_on(waiter.result())
            raise

    def keep(self, connection: Any) -> bool:
        """Take back a connection whose session is as `acquire` gave it. False: it is broken or outdated, `release` it."""
        if self._leaving or self.is_closing() or not self._fit(connection):
            return False
        self._hand_on(connection)
        return True

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """Give a connection back in whatever state it is."""
        try:
            await super().release(connection, timeout=timeout)
        finally:
            if connection in self._out:
                self._out.discard(connection)
                self._make_room()

    async def close(self) -> None:
        """Wait until all connections are back, and close them."""
        self._leaving = True
        try:
            await self._give_up(len(self._kept))
        except BaseException:
            self.terminate()
            raise
        await super().close()

    async def expire_connections(self) -> None:
        """Replace every connection by a new one, at its next use."""
        await super().expire_connections()
        await self._give_up(len(self._kept))

    def _fit(self, connection: Any) -> bool:
        # One that breaks while nobody uses it is taken from its holder by asyncpg.
        inner = connection._con
        return inner is not None and not inner.is_closed() and connection._holder._generation == self._generation

    def _hand_on(self, connection: Any) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._kept.append(connection)
        if self._leaving:
            self._giving = asyncio.get_running_loop().create_task(self._give_up(len(self._kept)))
        elif self._look is None:
            self._spare = len(self._kept)
            self._look = asyncio.get_running_loop().call_later(IDLE_S, self._look_over)

    def _make_room(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the room is theirs: it stays counted
                return
        self._lent -= 1

    def _look_over(self) -> None:
        self._look = None
        if self.is_closing():
            return
        self._giving = asyncio.get_running_loop().create_task(self._give_up(self._spare))

    async def _give_up(self, how_many: int) -> None:
        # One at a time: whoever is cancelled here leaves the others where they are.
        for _ in range(how_many):
            if self._kept:
                await self.release(self._kept.pop(0))
        if self._kept and self._look is None and not self.is_closing():
            self._spare = len(self._kept)
            self._look = asyncio.get_running_loop().call_later(IDLE_S, self._look_over)
