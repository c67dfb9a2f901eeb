"""asyncpg's pool, with a quick way round its bookkeeping for connections that come back as clean as they went.

asyncpg spends a task, a timer and a loop turn on each acquire with a timeout and on each release: a third of what a short
transaction costs its client. What this leans on inside of asyncpg is pinned by tests/db/test_lending.py.

A transaction that only read may be handed on still open: the next one's first message ends it. If nobody takes it within a turn
of the loop, it is ended at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool

#: How long a connection nobody needs is kept at hand before asyncpg has it back and closes it in its own time, in seconds.
IDLE_S = 30.0
#: How long the end of a transaction that nobody took over may take, in seconds.
SETTLE_S = 5.0
#: What the first message on a connection that owes begins with.
OWED = "COMMIT; "


class LendingPool(Pool):
    """`keep` hands a connection straight to the next who asks; `acquire` and `release` mean what they always did."""

    _maxsize: int
    _generation: int
    _holders: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: How long a transaction may take to open, in seconds; a connection that is slower has no other end any more. None: as any
        #: statement.
        self.opening_s: float | None = None
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
        #: Who of them is still in a transaction that only read.
        self._owing: set[Any] = set()
        self._settling: set[asyncio.Task[None]] = set()

    async def _acquire(self, timeout: float | None) -> Any:
        while True:
            connection, owing = await self.lend(timeout)
            if not owing or await self._settle(connection):
                return connection

    async def lend(self, timeout: float | None) -> tuple[Any, bool]:
        """A connection, and whether it owes: then the first message on it must begin with OWED.

        Raises: as `acquire` does.
        """
        connection = await self._next(timeout)
        if connection in self._owing:
            self._owing.discard(connection)
            return connection, True
        return connection, False

    async def _next(self, timeout: float | None) -> Any:
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
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.append(waiter)
        # A timer of our own: asyncio.timeout costs more than the rest of this.
        timer = None if timeout is None else loop.call_later(timeout, _too_late, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # it came as we gave up
                if waiter.result() is None:
                    self._make_room()
                else:
                    self._hand_on(waiter.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def keep(self, connection: Any, *, owing: bool = False) -> bool:
        """Take back a connection whose session is as `acquire` gave it, or (`owing`) in a transaction that wrote nothing.

        False: it is broken or outdated, or the pool closes; end its transaction and `release` it.
        """
        if self._leaving or self.is_closing() or not self._fit(connection):
            return False
        if owing:
            self._owing.add(connection)
        self._hand_on(connection)
        return True

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """Give a connection back in whatever state it is."""
        if connection in self._owing:
            self._owing.discard(connection)
            if not await self._settle(connection):
                return
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

    def in_transactions(self) -> list[Any]:
        """asyncpg's connections that are lent and, as far as we know, in a transaction."""
        kept = set(self._kept)
        inner = [each._con for each in self._out if each not in kept]
        return [each for each in inner if each is not None and not each.is_closed() and each.is_in_transaction()]

    def suspect(self) -> None:
        """Break off all that nobody uses: what silenced one connection has silenced the others, and each would take its time."""
        for each in self._kept:
            if each._con is not None:
                each._con.terminate()
        for holder in self._holders:
            if holder._con is not None and not holder._in_use:
                holder.terminate()

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
        loop = asyncio.get_running_loop()
        if self._leaving:
            self._giving = loop.create_task(self._give_up(len(self._kept)))
            return
        if connection in self._owing:
            loop.call_soon(self._collect)
        if self._look is None:
            self._spare = len(self._kept)
            self._look = loop.call_later(IDLE_S, self._look_over)

    def _collect(self) -> None:
        """End the transactions that nobody took over."""
        for connection in [each for each in self._kept if each in self._owing]:
            self._kept.remove(connection)
            self._owing.discard(connection)
            task = asyncio.get_running_loop().create_task(self._settle_and_keep(connection))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        self._spare = min(self._spare, len(self._kept))

    async def _settle_and_keep(self, connection: Any) -> None:
        if await self._settle(connection) and not self.keep(connection):
            await self.release(connection)

    async def _settle(self, connection: Any) -> bool:
        """End the transaction that a connection owes. False: it could not, and is gone."""
        settled = False
        try:
            with suppress(Exception):  # it only read: nothing is lost but the session
                await connection.execute("COMMIT", timeout=SETTLE_S)
                settled = True
        finally:
            if not settled:
                with suppress(asyncpg.InterfaceError):  # a broken one was taken from us already
                    connection.terminate()
                await self.release(connection)
        return settled

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


def _too_late(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
