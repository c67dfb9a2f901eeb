"""`headwater bench --only peers`: other queues on Postgres beside ours and stock Procrastinate, each in a process of its own.

`make bench-peers` installs them; one that is not installed is reported as absent.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import statistics
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from db import soak
from db.direct import direct
from worker.bench.cpu import postmaster

#: At scale 1: jobs of a drain, idle samples, jobs drained while a snapshot is held.
JOBS, SAMPLES, HELD = 20_000, 200, 20_000
#: How long one peer may take in one repetition, in seconds.
PEER_S = 180.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A peer by the name of its file in `front/bench/peers`. `part` of the jobs is enough for those that are slow."""

    title: str
    library: str
    part: float = 1.0


PEERS: Mapping[str, Entry] = {
    "ours": Entry("Headwater", "headwater"),
    "stock": Entry("Procrastinate, stock", "procrastinate", 0.25),
    "pgqueuer": Entry("PgQueuer, batches of 500", "pgqueuer"),
    "awa": Entry("awa-pg, 200 workers", "awa"),
    "chancy": Entry("Chancy, 500 at once, eager", "chancy", 0.25),
    "saq": Entry("SAQ on Postgres, 50 at once", "saq", 0.25),
}


async def measure(
    url: str, *, repeat: int, scale: float, say: Callable[[str], None], only: Collection[str] | None = None
) -> dict[str, Any]:
    """Measure on scratch databases of the server of `url`, in turns: all that are installed, or `only` these of them.

    Gives medians by peer; `absent` names those that are not installed, `failed` says what became of those that broke.
    """
    seen: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    async with direct(url) as connection:
        server = postmaster(connection.get_server_pid())
    wanted = [name for name in PEERS if only is None or name in only]
    there = [name for name in wanted if importlib.util.find_spec(PEERS[name].library)]
    for nth in range(1, repeat + 1):
        say(f"repetition {nth} of {repeat}")
        for name in there:
            try:
                found = await _one(name, url, server, scale)
            except RuntimeError as error:
                failed[name] = str(error)
                say(f"  {PEERS[name].title}: {error}")
                continue
            seen.setdefault(name, []).append(found)
            say("  " + _line(PEERS[name].title, found))
    peers = {name: _medians(runs) for name, runs in seen.items()}
    stock = peers.get("stock", {}).get("per_s")
    for figures in peers.values():
        figures["beside_stock"] = round(figures["per_s"] / stock, 2) if stock else None
    absent = [PEERS[name].title for name in wanted if name not in there]
    return {"peers": peers, "absent": absent, "failed": failed, "repetitions": repeat}


async def _one(name: str, url: str, server: int | None, scale: float) -> dict[str, float]:
    """Raises: RuntimeError with the last thing it said, when it breaks or takes too long."""
    part = scale * PEERS[name].part
    counts = (int(JOBS * part), max(20, int(SAMPLES * scale)), int(HELD * part))
    async with soak.scratch(url, keep=False) as scratch:
        command = ("-m", "front.bench.peers", name, scratch, str(server or 0), *map(str, counts))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=pipe, stderr=pipe)
        try:
            said, complaint = await asyncio.wait_for(process.communicate(), PEER_S)
        except TimeoutError:
            raise RuntimeError(f"not done within {PEER_S:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError((complaint.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1][:300])
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def _line(title: str, found: Mapping[str, float]) -> str:
    server = "" if found["server_us"] is None else f" + server {found['server_us']:.0f}"
    return (
        f"{title:<28} {found['per_s']:>8,.0f}/s   {found['worker_us']:.0f}{server} us each, pickup {found['p50']:.1f} / "
        f"{found['p99']:.1f} ms, held {found['held_first']:,.0f} -> {found['held_last']:,.0f}/s"
    )


def _medians(runs: list[dict[str, float]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0] if runs[0][key] is not None
    }
    found["spread"] = [round(min(run["per_s"] for run in runs)), round(max(run["per_s"] for run in runs))]
    found["held_loss_percent"] = round(statistics.median(100 * (1 - r["held_last"] / r["held_first"]) for r in runs), 1)
    return found


def table(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    rows = [
        f"| {PEERS[name].title} | {f['per_s']:,.0f} | {f['spread'][0]:,} - {f['spread'][1]:,} | {_times(f['beside_stock'])} "
        f"| {f['worker_us']:.0f} + {f.get('server_us', 0):.0f} | {f['p50']:.1f} / {f['p99']:.1f} "
        f"| {f['held_first']:,.0f} -> {f['held_last']:,.0f} ({f['held_loss_percent']} %) |"
        for name, f in report["peers"].items()
    ]
    said = [f"Not installed: {', '.join(report['absent'])}."] if report["absent"] else []
    said += [f"{PEERS[name].title} broke: {why}" for name, why in report["failed"].items()]
    return "\n".join(
        [
            "| queue | drain jobs/s | spread | beside stock | CPU us a job, worker + server | pickup p50 / p99 ms | snapshot held,"
            " first -> last quarter |",
            "|---|---|---|---|---|---|---|",
            *rows,
            *(["", *said] if said else []),
        ]
    )


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio} x"
