"""What the way a call ended means for everybody's next ones. Pure."""

from __future__ import annotations

from contracts.errors import VendorBusy
from db.pace import Standing
from worker import breaker
from worker.breaker import Lesson
from worker.providers.rules import PaceHint
from worker.timetable import Timetable

#: What is waited after "too fast" without a time: doubled each time in a row, up to the longest. In seconds.
THROTTLED_S, MAX_THROTTLED_S = 1.0, 60.0
#: The longest wait that a vendor can ask for, in seconds.
MAX_AFTER_S = 2 * 86_400.0
#: "Few requests left": fewer than this, or than this share of the limit.
FEW, FEW_SHARE = 5, 0.1
#: What is left of a longer window than this is not spread out, only its end is waited for; and how long at once.
SPREAD_S, MAX_HINT_S = 120.0, 3600.0


def matters(hint: PaceHint) -> bool:
    """Do rate headers say that little is left?"""
    few = max(FEW, (hint.limit or 0) * FEW_SHARE)
    return hint.reset_s > 0 and hint.remaining < few and (hint.remaining <= 0 or hint.reset_s <= SPREAD_S)


def learn(at: Standing, lesson: Lesson, error: BaseException | None, hint: PaceHint | None, *, tried: bool) -> None:
    """Write into `at` what a call taught."""
    at.breaker = breaker.learned(at.breaker, lesson, at.now, error, tried=tried)
    times = Timetable.read(at.timetable)
    if lesson == "throttled":
        asked = error.after_s if isinstance(error, VendorBusy) else None
        if asked is None:
            asked = min(MAX_THROTTLED_S, THROTTLED_S * 2.0 ** min(times.throttled, 10))
        times.throttled = min(times.throttled + 1, 1000)
        times.not_before = max(times.not_before, at.now + min(max(asked, 0.0), MAX_AFTER_S))
    elif lesson == "worked":
        times.throttled = 0
    if hint is not None:
        _heed(times, hint, at.now)
    at.timetable = times.write()


def _heed(times: Timetable, hint: PaceHint, now: float) -> None:
    lasts = min(hint.reset_s, MAX_HINT_S)
    if hint.remaining <= 0:
        times.not_before = max(times.not_before, now + lasts)
    else:
        times.gap_s, times.gap_until = hint.reset_s / hint.remaining, now + lasts
