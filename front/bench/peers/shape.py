"""What a peer must be able to do to be measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

#: What a handler is told: the payload of its job.
Handle = Callable[[str], None]


class Peer(Protocol):
    """A queue on a database of its own. Its handlers call `handle` and do nothing else."""

    async def fill(self, payloads: Sequence[str]) -> None:
        """Put jobs into the queue the quickest way there is."""
        ...

    async def put(self, payload: str) -> None:
        """Put one job into the queue; it is committed on return."""
        ...

    def working(self) -> AbstractAsyncContextManager[None]:
        """A worker in this process, with the settings that suit this peer best."""
        ...


#: Opens a peer on the database of a URL; `handle` is called for each job.
Opened = Callable[[str, Handle], AbstractAsyncContextManager[Peer]]
