"""How the garbage collector of a process with many short jobs or requests is set."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects that may be made before the youngest are looked through. Python's 700 is a few jobs' worth, and a twelfth of a worker's
#: time went into that; an API process stood still for a tenth of a second every 200 pages, to look through all that it is made of.
YOUNG = 10_000


@contextmanager
def collected_seldom() -> Iterator[None]:
    """What stands already is not looked through any more, the rest less often: most objects of a job or request go without it."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
