"""How fast events and jobs went, minute by minute, from the newest rows alone: in bounded time at any size."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.throughput import LOOK, Throughput
from db import paging
from db.sql import load
from db.transaction import Tx

SQL = load("throughput")
#: A series has about so many steps, however long it is.
STEPS = 180


def step_s(minutes: int) -> int:
    """Whole minutes, so that at most `STEPS` steps cover `minutes`."""
    return 60 * max(1, -(-minutes // STEPS))


async def series(tx: Tx, tenant: UUID, *, minutes: int, look: int = LOOK) -> Throughput:
    """The last `minutes`, the step under way included; of the newest `look` rows of each kind."""
    await paging.steady(tx)
    step = step_s(minutes)
    times: list[datetime] = [r["at"] for r in await tx.fetch(SQL["steps"], minutes, step)]
    asked = (tenant, times[0], step, look)
    written = {r["at"]: r for r in await tx.fetch(SQL["written"], *asked)}
    sent = {r["at"]: r for r in await tx.fetch(SQL["sent"], *asked)}
    ended = {r["at"]: r for r in await tx.fetch(SQL["ended"], *asked)}
    cuts = [r["whole_from"] for r in (*sent.values(), *ended.values()) if r["whole_from"] is not None]

    def line(rows: Mapping[datetime, Any], name: str, absent: float | None) -> list[Any]:
        return [rows[at][name] if at in rows else absent for at in times]

    return Throughput(
        step_s=step,
        times=times,
        whole_from=cut if cuts and (cut := max(cuts)) > times[0] else None,
        written=line(written, "n", 0),
        sent=line(sent, "n", 0),
        ended=line(ended, "done", 0),
        failed=line(ended, "failed", 0),
        handoff_p50_s=line(sent, "p50_s", None),
        handoff_p95_s=line(sent, "p95_s", None),
        job_p50_s=line(ended, "p50_s", None),
        job_p95_s=line(ended, "p95_s", None),
    )
