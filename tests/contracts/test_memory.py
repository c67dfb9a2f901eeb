"""The collector of a worker: seldom while it works, as before afterwards, and no garbage is kept for ever."""

from __future__ import annotations

import gc
import weakref

from contracts.memory import YOUNG, collected_seldom


class _Knot:
    """Only the collector frees one that holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_garbage_is_still_collected_and_the_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    with collected_seldom():
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 0
        knot = weakref.ref(_Knot())
        kept = [[] for _ in range(2 * YOUNG)]  # type: ignore[var-annotated]
        assert knot() is None
    assert len(kept) == 2 * YOUNG
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
