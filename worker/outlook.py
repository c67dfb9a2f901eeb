"""How fast a lane moves, and when those who find no place in it should come back. Monotonic times; pure but for its memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from contracts.providers import Window

#: How far back it looks for the speed of a lane: seconds, and turns. A lane that had nothing to do is soon known to be quick again.
LOOK_BACK_S, TURNS = 10.0, 10
#: Longest time that jobs are spread over, in seconds: limits may be raised meanwhile.
MAX_SPREAD_S = 900.0


class Outlook:
    """What one process has seen of one lane: when its turns began, and when it told others to come back."""

    def __init__(self) -> None:
        self._began: deque[float] = deque(maxlen=1000)
        self._promised = 0.0

    def began(self, now: float) -> None:
        """A turn has begun."""
        self._began.append(now)

    def recent(self, now: float, within_s: float) -> int:
        """How many turns began in the last `within_s` seconds, a thousand at most."""
        return sum(1 for at in self._began if at > now - within_s)

    def interval_s(self, now: float) -> float | None:
        """From one turn to the next, in seconds; None: too few were seen lately."""
        seen = [at for at in self._began if at > now - LOOK_BACK_S][-TURNS:]
        return (now - seen[0]) / (len(seen) - 1) if len(seen) > 2 else None

    def wait_s(self, waiting: int, now: float) -> float:
        """How long a newcomer would wait behind so many; 0 while nobody can tell."""
        return waiting * (self.interval_s(now) or 0.0)

    def come_back_s(self, now: float, first_s: float, interval_s: float) -> float:
        """When the next one sent away should come back: in `first_s` seconds at the soonest, each later than the one before."""
        self._promised = max(now + first_s, self._promised + interval_s)
        return min(self._promised - now, max(first_s, MAX_SPREAD_S))


def interval_after(wait_s: float, windows: Sequence[Window]) -> float:
    """From one request to the next, in seconds, after a wait that the vendor's windows ask for; 0 without windows.

    What makes anybody wait that long is the shortest window that is as long, or the longest of all. A quota of a day does not slow
    down those who wait for a minute to be over.
    """
    by_length = sorted(windows, key=lambda w: w.seconds)
    binding = next((w for w in by_length if w.seconds >= wait_s), by_length[-1] if by_length else None)
    return binding.seconds / binding.limit if binding else 0.0
