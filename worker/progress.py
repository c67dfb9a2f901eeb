"""What an attempt says of itself, at most once a second: what is said in between goes with the next word, or the last."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from contracts.errors import Invalid
from contracts.job_reports import MOST_LETTERS, Small, small
from contracts.texts import storable
from db import reports
from db.jobs import Fenced
from db.reports import Attempt, Said
from db.transaction import Pool, Tx, transaction

#: At most one statement a job in so many seconds.
EVERY_S = 1.0


@dataclass(slots=True)
class Speaker:
    """Speaks for one attempt. `left`: what was said and not written yet."""

    pool: Pool
    who: Attempt
    left: Said | None = field(default=None)
    _next_at: float = field(default=0.0)

    async def say(self, percent: float | None, message: str | None, checkpoint: Small | None) -> None:
        """Say how far it is. Raises: Fenced as soon as the execution is known to be another's; Invalid for what cannot be kept."""
        self.left = _after(self.left, checked(percent, message, checkpoint))
        if time.monotonic() >= self._next_at:
            await self.flush()

    async def flush(self) -> None:
        """Write what is left to say. Raises: Fenced when it is not this attempt's to say any more."""
        said, self.left = self.left, None
        if said is None:
            return
        self._next_at = time.monotonic() + EVERY_S
        async with transaction(self.pool, self.who.tenant) as tx:
            if not await reports.report(tx, self.who, said):
                raise Fenced

    async def note(self, tx: Tx, said: Said | None = None) -> None:
        """Write it, and what was left, in a transaction that is fenced already."""
        said = _after(self.left, said) if said else self.left
        self.left = None
        if said is not None:
            self._next_at = time.monotonic() + EVERY_S
            await reports.note(tx, self.who, said)


def checked(percent: float | None, message: str | None, checkpoint: Small | None) -> Said:
    """Raises: Invalid for a percentage that is none, and a checkpoint that is too large or no JSON."""
    if percent is not None and not 0 <= percent <= 100:
        raise Invalid(f"a job's progress is 0 to 100 percent, not {percent}", code="bad_percent")
    kept = small(checkpoint, "checkpoint") if checkpoint is not None else None
    return Said(percent, storable(message, MOST_LETTERS) if message is not None else None, kept)


def _after(before: Said | None, now: Said) -> Said:
    if before is None:
        return now
    named = {
        name: getattr(now, name) for name in ("percent", "message", "checkpoint") if getattr(now, name) is not None
    }
    return replace(before, **named)
