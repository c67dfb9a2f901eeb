"""When a new order of vendors is worth watching. Pure; whether it is followed is `waterfall.judge`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from worker.enrichment.waterfall import Step, Tried, rank

#: Fewer answers than this from any vendor that would move say nothing yet.
LEAST = 30


def better_order(
    followed: Sequence[str] | None, steps: Sequence[Step], tried: Mapping[str, Tried], *, least: int = LEAST
) -> list[str] | None:
    """The order that what was learned speaks for; None when it is the one followed, or too little is known to say."""
    now = [s.operation for s in rank(steps, {})] if followed is None else list(dict.fromkeys(followed))
    known = [s for s in steps if s.operation in now]
    learned = [s.operation for s in rank(known, tried)]
    now = [o for o in now if o in learned]
    moved = [a for a, b in zip(learned, now, strict=True) if a != b]
    if not moved or any(tried.get(o, Tried()).asked < least for o in moved):
        return None
    return learned
