"""Trials of one cell: the same installation, the same fault again and again, and how long it took each time until all was done."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from db import recovery, soak
from front.recovery.cells import Cell
from front.recovery.house import House, house

#: All work must be done so soon after the fault's end, in seconds; beyond it is waited this long, to tell late from never.
LIMIT_S, PATIENCE_S = 30.0, 90.0
#: How long a new installation may take until it works, in seconds.
WARM_S = 60.0


@dataclass
class Result:
    """One cell. Times are seconds after the fault's end; `detected` from a kill until each job ran again elsewhere."""

    cell: str
    what: str
    took_s: list[float] = field(default_factory=list)
    never: int = 0
    by_hand: int = 0
    lost: int = 0
    doubled: int = 0
    stale_accepted: int = 0
    rescued: int = 0
    false_rescues: int = 0
    events: int = 0
    detected_s: list[float] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    skipped: str = ""

    @property
    def trials(self) -> int:
        return len(self.took_s) + self.never

    @property
    def recovered(self) -> int:
        return sum(took <= LIMIT_S for took in self.took_s)

    @property
    def ok(self) -> bool:
        """Everything recovered in time, by itself, and nothing was lost, doubled or let through."""
        clean = not (self.lost or self.doubled or self.stale_accepted or self.by_hand)
        return bool(self.skipped) or (self.trials > 0 and self.recovered == self.trials and clean)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with median and longest."""
        took, seen = self.took_s or [float("nan")], self.detected_s
        return {
            "cell": self.cell, "what": self.what, "ok": self.ok, "skipped": self.skipped, "trials": self.trials,
            "recovered": self.recovered, "median_s": round(statistics.median(took), 2), "max_s": round(max(took), 2),
            "took_s": [round(each, 2) for each in self.took_s], "lost": self.lost, "doubled": self.doubled,
            "stale_accepted": self.stale_accepted, "by_hand": self.by_hand, "rescued": self.rescued,
            "false_rescues": self.false_rescues, "events": self.events, "ends": self.ends,
            "detected_p50_s": round(statistics.median(seen), 2) if seen else None,
            "detected_max_s": round(max(seen), 2) if seen else None, "detected": len(seen),
        }  # fmt: skip


async def try_cell(cell: Cell, trials: int, folder: Path, say: Callable[[str], None]) -> Result:
    """Let the fault fall `trials` times on one installation in `folder`, telling `say` of each. Raises: Unavailable."""
    result = Result(cell.name, cell.what)
    async with house(folder, pooled=cell.pooled) as at:
        await at.emit(0.5)
        if not await at.done(WARM_S):
            raise RuntimeError(f"{cell.name}: the installation does not work even without a fault; see {folder}")
        for n in range(trials):
            await _once(at, cell, result)
            say(f"{cell.name} {n + 1}/{trials}: {result.took_s[-1] if result.took_s else 'never'}")
        await _judge(at, result)
    return result


async def _once(at: House, cell: Cell, result: Result) -> None:
    killed = len(at.nursery.kills)
    loading = asyncio.create_task(at.emit(cell.over_s))
    try:
        await asyncio.wait_for(cell.fault(at), LIMIT_S + 90)
        over = time.monotonic()
        done = await at.emitted_and_done(loading, PATIENCE_S)
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    if done:
        result.took_s.append(time.monotonic() - over)
    else:
        result.never += 1
    if cell.after is not None:
        await cell.after(at)
    if cell.name == "worker-kill":
        for pid, when in at.nursery.kills[killed:]:
            result.detected_s += [each for each in await recovery.restarted(at.pool, pid, when) if each is not None]


async def _judge(at: House, result: Result) -> None:
    _, breaches = await soak.compare(at.pool)
    result.lost = sum(row["n"] for row in breaches if row["what"].startswith("lost"))
    result.doubled = sum(row["n"] for row in breaches if row["what"].startswith(("doubled", "ghost", "early")))
    result.by_hand = await at.given_up()
    result.stale_accepted = await recovery.stale_accepted(at.pool)
    result.rescued, result.false_rescues = await recovery.rescues(at.pool)
    result.events = at.emitted
    result.ends = dict(at.nursery.ends)
