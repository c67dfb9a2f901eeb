"""The worker processes of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from front.recovery.jobs import BODIES
from front.soak.bodies import live
from worker.app import work


def worker(folder: str, settings: dict[str, Any], url: str, parts: Sequence[str]) -> None:
    """A worker process with these parts."""
    live(folder, settings, "worker", lambda made: work(made, url, only=parts, activities=BODIES))
