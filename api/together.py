"""One answer for all who ask the same thing at once, never older than the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """While an answer is worked out, whoever asks the same waits for the next one, which all of them share.

    So twenty readers of a page cost two readings and not twenty, and what they see was read after they had asked.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives for `key`, once it or another's has. Raises what `work` raised."""
        task = self._next.get(key)
        if task is None:
            before = self._running.get(key)
            task = asyncio.get_running_loop().create_task(self._work(key, work, before))
            if before is None:
                self._running[key] = task
            else:
                self._next[key] = task
        # Whoever leaves takes nothing away from the others.
        return await asyncio.shield(task)

    async def _work(self, key: Hashable, work: Callable[[], Awaitable[T]], before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait([before])
            self._running[key] = self._next.pop(key)
        try:
            return await work()
        finally:
            del self._running[key]
