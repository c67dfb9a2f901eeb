"""How long a job waits for its turn at a vendor before it is put off.

Being put off costs writes, a new start and a place in the line; waiting keeps a place in the worker, and a worker's death counts
against all jobs in flight. So a job that has got nowhere yet is put off soon, and one that has begun to ask is let through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from worker.leases import PATIENCE_S

#: Longest wait of a job that has a seat, in seconds.
SEATED_S = 30.0
#: No wait takes more than this share of what is left of the job's time.
SHARE_OF_TIME = 0.25
#: Share of a worker's jobs that may wait long. The other places change hands often, so that other work gets in.
SEATS = 0.75


class Seats:
    """The places of one worker's waiting room, for `concurrency` jobs at once."""

    def __init__(self, concurrency: int) -> None:
        self.free = max(1, int(SEATS * concurrency))

    @contextmanager
    def attempt(self, timeout_s: float) -> Iterator[Patience]:
        """An attempt at a job that may last `timeout_s`. Its seat is free again when it ends."""
        patience = Patience(self, monotonic() + timeout_s)
        try:
            yield patience
        finally:
            self.free += patience.seated


class Patience:
    """That of one attempt, which must end at `ends` (monotonic)."""

    def __init__(self, seats: Seats | None = None, ends: float = 0.0) -> None:
        self._seats, self._ends = seats, ends
        self.seated = False

    def begun(self) -> None:
        """A vendor has answered, now or in an attempt before: the job takes a seat if one is free, and keeps it."""
        if self._seats is not None and self._seats.free and not self.seated:
            self._seats.free, self.seated = self._seats.free - 1, True

    def wait_s(self) -> float:
        """The longest wait for a turn that is worth it now."""
        longest = min(SEATED_S, SHARE_OF_TIME * (self._ends - monotonic())) if self.seated else 0.0
        return max(PATIENCE_S, longest)
