"""What a time of the database's clock is by our own monotonic one, and how surely. Pure but for its memory."""

from __future__ import annotations

import math

#: How far two clocks may drift apart, in seconds a second: what a time daemon corrects without a step.
DRIFT = 0.0005


class DbClock:
    """Every answer of the database says: its time was read between two moments of ours. What all of them say together is narrower.

    Times of the database are seconds since 1970. Clocks drift, so what was heard widens as it ages; a clock that was set fits
    nothing that was heard before, and is learnt anew.
    """

    def __init__(self) -> None:
        self._low, self._high, self._heard_from = -math.inf, math.inf, 0.0

    def heard(self, db_time: float, before: float, after: float) -> None:
        """`db_time` was read between `before` and `after`, by the monotonic clock."""
        # From one reading to the next at most: the last one may have been made as early as its question left.
        age = max(0.0, after - self._heard_from) * DRIFT
        low, high = max(self._low - age, before - db_time), min(self._high + age, after - db_time)
        if low > high:
            low, high = before - db_time, after - db_time
        self._low, self._high, self._heard_from = low, high, before

    def earliest(self, db_time: float) -> float:
        """The first moment that may be `db_time`."""
        return db_time + self._low

    def latest(self, db_time: float) -> float:
        """The last moment that may be `db_time`."""
        return db_time + self._high
