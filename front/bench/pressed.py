"""The measurements under pressure, with the drains of stock and PgQueuer under a held snapshot beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from front.bench import beside
from worker.bench import pressure

#: PgQueuer is there after `make bench-peers`; else it is named as absent.
PEERS = ("ours", "stock", "pgqueuer")


async def measure(url: str, *, repeat: int, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure on the migrated database `url`, which must be nobody else's, and on scratch ones of its server."""
    found = await pressure.measure(url, repeat=repeat, scale=scale, say=say)
    return {**found, "beside": await beside.measure(url, repeat=repeat, scale=scale, say=say, only=PEERS)}


def table(report: Mapping[str, Any]) -> list[str]:
    """The report as lines of Markdown."""
    return [*pressure.table(report), "", *beside.table(report["beside"]).splitlines()]
