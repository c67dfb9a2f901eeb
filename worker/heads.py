"""Where each tenant's events begin in the outbox, remembered while finding out is dear.

What was handed off stays in the index until no snapshot can see it: while a backup or a long report holds one, every claim would
walk past all of it. What is remembered hides two things from claims: an event that was committed late, and a tenant that had none.
So it is used only while batches come back full, for ten times as long as the look took, and for MEMORY_S seconds at most. Nothing
is skipped for good.
"""

from __future__ import annotations

import time

from db import outbox
from db.transaction import Tx

#: A claim of a full batch that takes longer may be walking past what is gone, in seconds.
DEAR_S = 0.01
#: A look that takes less is not worth being remembered, in seconds.
CHEAP_S = 0.002
#: What is remembered serves for so many times as long as the look took, but no longer than so many seconds.
WORTH, MEMORY_S = 10, 1.0


class Heads:
    """Shared by the lanes of a dispatcher."""

    def __init__(self) -> None:
        self._dear = False
        self._known: outbox.Heads | None = None
        self._until = 0.0

    async def since(self, tx: Tx) -> outbox.Heads | None:
        """What the next claim should begin at; None: let it find out."""
        if self._dear and time.monotonic() >= self._until:
            began = time.monotonic()
            known = await outbox.heads(tx)
            took_s = time.monotonic() - began
            self._dear = took_s >= CHEAP_S
            self._known = known if self._dear else None
            self._until = time.monotonic() + min(MEMORY_S, WORTH * took_s)
        return self._known

    def claimed(self, took_s: float, *, full: bool) -> None:
        """A claim took so long. One that came back short may have missed what it was told not to look at."""
        if not full:
            self._dear, self._known = False, None
        elif not self._dear and took_s >= DEAR_S:
            self._dear, self._until = True, 0.0
