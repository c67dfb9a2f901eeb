"""Pools and connections as an actor sees them: every statement waits for its turn, and may be the last of its connection."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from tests.simulation.processes import Process

_MARKED = re.compile(r"/\* (\w+\.\w+) \*/")


class Killed(BaseException):
    """The process is dead: nothing of it runs any more."""


class Session:
    """What asyncpg calls a connection. It connects when its first statement has its turn, so that taking one is no step."""

    def __init__(self, process: Process, kind: str) -> None:
        self.process, self.kind = process, kind
        self.real: Any = None
        self.pid = 0
        self.broken = False

    def is_closed(self) -> bool:
        return self.broken

    def terminate(self) -> None:
        """Drop the connection; the server rolls back what was open."""
        if not self.broken:
            self.broken = True
            self.process.sim.leave(self)

    async def execute(self, query: str, *args: Any, **named: Any) -> Any:
        return await self._step(query, lambda: self.real.execute(query, *args, **named))

    async def fetch(self, query: str, *args: Any, **named: Any) -> Any:
        return await self._step(query, lambda: self.real.fetch(query, *args, **named))

    async def fetchrow(self, query: str, *args: Any, **named: Any) -> Any:
        return await self._step(query, lambda: self.real.fetchrow(query, *args, **named))

    async def fetchval(self, query: str, *args: Any, **named: Any) -> Any:
        return await self._step(query, lambda: self.real.fetchval(query, *args, **named))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """As asyncpg's own: its ends are steps like any other."""
        await self.execute("BEGIN")
        try:
            yield
        except BaseException:
            if not self.is_closed():
                await self.execute("ROLLBACK")
            raise
        await self.execute("COMMIT")

    async def _step(self, query: str, run: Callable[[], Awaitable[Any]]) -> Any:
        if self.broken:
            raise asyncpg.InterfaceError("connection is closed")
        fate = await self.process.turn(self._name(query), statement=True)
        if fate == "cut":
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        work = asyncio.ensure_future(self._run(run))
        try:
            answer = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            self.terminate()
            raise
        if fate == "lost":
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return answer

    async def _run(self, run: Callable[[], Awaitable[Any]]) -> Any:
        sim = self.process.sim
        sim.fly(self)
        outcome = "ok"
        try:
            if self.real is None:
                self.real = await sim.world.connect(self.kind, self.process.name, self.process.luck())
                self.pid = self.real.get_server_pid()
                sim.owners[self.pid] = self.process.name
            answer = await run()
            outcome = f"{len(answer)} rows" if isinstance(answer, list) else "ok"
            return answer
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            sim.land(self, outcome)
            if self.process.killed:
                raise Killed

    def _name(self, query: str) -> str:
        sim = self.process.sim
        if known := sim.names.get(query):
            return known
        if marked := _MARKED.search(query):
            return marked[1]
        return "-".join(re.findall(r"\w+", query.lower())[:3])

    def signal(self, number: int) -> None:
        """Stop the backend, or let it go on. A server elsewhere does not hear it: then only one who waits is certain."""
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)

    def stop(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)


class GatedPool:
    """A pool of such connections, without end."""

    def __init__(self, process: Process, kind: str) -> None:
        self._process, self._kind = process, kind
        self._free: list[Session] = []

    def is_closing(self) -> bool:
        return False

    async def acquire(self, *, timeout: float | None = None) -> Session:
        if self._process.killed:
            raise Killed
        while self._free:
            session = self._free.pop(0)
            if not session.broken:
                return session
        made = Session(self._process, self._kind)
        self._process.sessions.append(made)
        return made

    async def release(self, session: Session, *, timeout: float | None = None) -> None:
        """As asyncpg's: what a cancelled task left open is rolled back."""
        if not session.broken and session.real is not None and session.real.is_in_transaction():
            try:
                await session.execute("ROLLBACK")
            except BaseException:
                session.terminate()
                raise
        if not session.broken:
            self._free.append(session)
