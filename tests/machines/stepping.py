"""Two transactions against each other at every statement boundary: no luck, no sleeping.

The first runs on a `Stepping` pool that holds it before its k-th statement (BEGIN and COMMIT count). Then the second runs to its
end, or until it stands before a lock of the first; then the first goes on. k = 0 is "second, then first"; the last k is the
other order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from db.transaction import Pool
from tests.conftest import Connection

S = TypeVar("S")
_BLOCKED = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)"
)
#: A step that takes longer is a hang, and fails.
PATIENCE_S = 60.0


class _Held:
    """A connection whose statements are counted, and wait at the gate."""

    def __init__(self, real: Any, before: Callable[[], Awaitable[None]]) -> None:
        self.real, self._before = real, before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if name not in ("execute", "fetch", "fetchrow", "fetchval"):
            return found

        async def stepped(*arguments: Any, **named: Any) -> Any:
            await self._before()
            return await found(*arguments, **named)

        return stepped


class Stepping:
    """A pool that stops whoever uses it before statement number `hold` (from 0), until `go`."""

    def __init__(self, pool: Pool, hold: int) -> None:
        self._pool, self._left = pool, hold
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def acquire(self, *, timeout: float | None = None) -> _Held:
        return _Held(await self._pool.acquire(timeout=timeout), self._gate)

    async def release(self, held: _Held) -> None:
        await self._pool.release(held.real)

    async def _gate(self) -> None:
        self._left -= 1
        if self._left == -1:
            self.reached.set()
            await self.go.wait()


@dataclass(frozen=True, slots=True)
class Met(Generic[S]):
    """How one interleaving went. `first` and `second` are what they returned, or the error they raised."""

    hold: int
    scene: S
    first: Any
    second: Any


async def every_step(
    pool: Pool,
    watch: Connection,
    prepare: Callable[[], Awaitable[S]],
    first: Callable[[Pool, S], Awaitable[Any]],
    second: Callable[[Pool, S], Awaitable[Any]],
) -> AsyncIterator[Met[S]]:
    """Each interleaving of `second` into `first`, on a fresh scene each time."""
    hold = 0
    while True:
        scene = await prepare()
        steps = Stepping(pool, hold)
        one = asyncio.create_task(_caught(first(cast(Pool, steps), scene)))
        reached = asyncio.create_task(steps.reached.wait())
        await asyncio.wait([one, reached], return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
        reached.cancel()
        held = steps.reached.is_set()
        other = asyncio.create_task(_caught(second(pool, scene)))
        await _ended_or_blocked(watch, other)
        steps.go.set()
        async with asyncio.timeout(PATIENCE_S):
            yield Met(hold, scene, await one, await other)
        if not held:
            return
        hold += 1


async def both_ways(
    pool: Pool,
    watch: Connection,
    prepare: Callable[[], Awaitable[S]],
    one: Callable[[Pool, S], Awaitable[Any]],
    other: Callable[[Pool, S], Awaitable[Any]],
) -> AsyncIterator[tuple[S, Any, Any]]:
    """Each interleaving of either into the other: (scene, what `one` gave, what `other` gave). Equals meet once."""
    async for met in every_step(pool, watch, prepare, one, other):
        yield met.scene, met.first, met.second
    if one is other:
        return
    async for met in every_step(pool, watch, prepare, other, one):
        yield met.scene, met.second, met.first


async def _caught(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except Exception as error:
        return error


async def _ended_or_blocked(watch: Connection, task: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not task.done() and not await watch.fetchval(_BLOCKED):
            await asyncio.wait([task], timeout=0.02)
