"""After the storm: everything is compared with the soak's own record, and with what the product says of itself."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.errors import HeadwaterError
from contracts.runs import RunStatus
from db import executions, queue, soak, story, verification
from db.transaction import DbRole, Pool, transaction
from front.client import Client
from front.soak.side import VENDOR, Side, paid_twice

#: What an attempt may have ended in by our doing. Anything else is a fault of the product.
EXPLAINED = {
    "unavailable", "timeout", "worker_died", "asked_to_fail", "forfeited", "vendor_busy", "vendor_down", "bad_answer",
    "asked_elsewhere", "InterruptedError", "cancelled",
}  # fmt: skip
#: Log lines that are counted, by the name the report gives them; `n` of a line is in this member, else 1.
COUNTED = {
    "stale_finish": ("stale_finishes", "deliveries"),
    "job_fenced": ("fenced_writes", ""),
    "rolled_back": ("rolled_back", "events"),
    "worker_broken": ("workers_gave_themselves_up", ""),
    "frozen_sessions_ended": ("frozen_sessions_ended", "sessions"),
    "listener_back": ("listeners_back", ""),
    "put_back": ("put_back", "deliveries"),
    "frame_failed": ("frames_failed", ""),
    "pipeline_bug": ("pipeline_bugs", ""),
}
#: None of these may be in a log.
NEVER = ("frames_failed", "pipeline_bugs")


@dataclass
class Proof:
    """What was found; `findings` says in words what does not hold, each with what to look at."""

    numbers: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    #: Executions that were given up and explained already.
    explained: set[UUID] = field(default_factory=set)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.findings.append(otherwise)


async def retry_given_up(pool: Pool, proof: Proof) -> int:
    """Explain each execution that was given up, and retry it as an operator would. Returns how many are on their way."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        given_up = await soak.gave_up(tx)
    again, kept = 0, Counter[str]()
    states = Counter(one["state"] for one in given_up if one["id"] not in proof.explained)
    proof.explained |= {one["id"] for one in given_up}
    for one in given_up:
        if one["state"] == "quarantined":
            proof.expect(one["crashes"] >= 3, f"{one['job']} {one['id']} is quarantined after {one['crashes']} crashes")
        else:
            strange = sorted(set(one["errors"]) - EXPLAINED)
            proof.expect(not strange, f"{one['job']} {one['id']} is dead of {strange}: {one['error']}")
        if one["state"] == "dead" and one["job"].startswith("discovery."):
            kept[one["error_class"]] += 1
            continue
        try:
            async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                await executions.retry_execution(tx, [one["tenant_id"]], one["id"], "headwater soak")
            again += 1
        except HeadwaterError as error:
            # A run that ended without a quarantined slice does not take it back.
            kept[error.code] += 1
    for name, n in (("quarantined", states["quarantined"]), ("dead", states["dead"]), ("retried", again)):
        proof.numbers[name] = proof.numbers.get(name, 0) + n
    proof.numbers["not_retried"] = dict(kept)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.wake(tx, queue.OUTBOX_CHANNEL)
    return again


async def compare(pool: Pool, proof: Proof) -> None:
    """The record against the effects, and `outbox verify`."""
    totals, breaches = await soak.compare(pool)
    proof.numbers |= totals
    for kind in ("lost", "doubled", "ghost", "early"):
        proof.numbers[kind] = sum(row["n"] for row in breaches if row["what"].startswith(kind))
    for row in breaches:
        looks = "; ".join(f"headwater outbox list --aggregate-id {probe}" for probe in row["probes"][:2])
        proof.findings.append(f"{row['what']}: {row['n']} times ({looks})")
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        deliveries = await verification.check_deliveries(tx, None)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        said = await verification.verify(tx, None, deliveries)
    kept = ("ok", "events", "jobs", "absorbed", "lost", "doubled", "orphaned", "waiting", "dead_letters", "took_s")
    proof.numbers["verify"] = said.model_dump(include=set(kept))
    proof.expect(said.ok, f"outbox verify: {[f'{b.text}; {b.next_step}' for b in said.breaches[:3]]}")
    left = proof.numbers["kinds"].get("poison", 0)
    proof.expect(said.waiting == 0, f"{said.waiting} events are still in the outbox: headwater outbox list")
    proof.expect(said.dead_letters == left, f"{said.dead_letters} events are dead letters, {left} were poisoned")


async def compare_runs(pool: Pool, tenant: UUID, side: Side, proof: Proof) -> None:
    """`runs verify` of each run, and each request against its run."""
    async with transaction(pool, tenant) as tx:
        found = await soak.runs_of(tx, tenant)
    broken = []
    for run in found:
        async with transaction(pool, tenant) as tx:
            check = await story.verify(tx, tenant, run["id"])
        if check is None or not check.ok:
            broken.append(f"headwater runs verify {run['id']}: {check and check.findings}")
    answered = {run_id for run_id in side.asked.values() if run_id}
    proof.numbers["runs"] = {
        "asked": len(side.asked),
        "requests": side.tries,
        "refused": dict(side.refused),
        "rows": len(found),
        "by_status": dict(Counter(run["status"] for run in found)),
        "broken": len(broken),
    }
    proof.findings += broken[:5]
    # The last one may have been interrupted before its answer.
    unknown = {str(run["id"]) for run in found} - answered
    proof.expect(
        len(unknown) <= sum(1 for run_id in side.asked.values() if run_id is None) and side.other_runs == 0,
        f"the same Idempotency-Key made more than one run: {sorted(unknown)[:3]}",
    )
    proof.expect(answered <= {str(run["id"]) for run in found}, "a run that was answered is not in the database")
    unended = [str(run["id"]) for run in found if not RunStatus(run["status"]).ended]
    proof.expect(not unended, f"runs that never end: {unended[:3]}; headwater runs timeline ID")


async def compare_bills(pool: Pool, sandbox: Client, proof: Proof) -> None:
    """The vendor's meter against the ledger."""
    meter = await asyncio.to_thread(sandbox.get, "/__control/requests")
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        ledger = await soak.bill(tx, VENDOR)
    twice = paid_twice(meter)
    credits = meter["totals"].get(VENDOR, {}).get("credits", 0.0)
    proof.numbers["paid"] = {"credits": credits, "ledger": ledger, "twice": len(twice)}
    proof.expect(not twice, f"billed twice by {VENDOR}: {twice[:5]}; headwater runs timeline RUN shows its calls")
    proof.expect(ledger["twice"] == 0, f"the ledger paid {ledger['twice']} items twice")
    proof.expect(credits <= ledger["units"], f"{VENDOR} billed {credits}, the ledger knows of {ledger['units']}")


async def compare_rescues(pool: Pool, kills: Sequence[tuple[int, float]], proof: Proof) -> None:
    """Which rescues were of workers nobody had killed: allowed, harmless, and counted."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        rescued = await soak.rescues(tx)
    killed: dict[int, list[float]] = {}
    for pid, at in kills:
        killed.setdefault(pid, []).append(at)

    def was_killed(row: dict[str, Any]) -> bool:
        began, at = _seconds(row["started_at"]), _seconds(row["at"])
        return any(began - 2 <= when <= at for when in killed.get(row["pid"], ()))

    proof.numbers["rescued"] = sum(row["n"] for row in rescued)
    proof.numbers["false_rescues"] = sum(row["n"] for row in rescued if row["pid"] is not None and not was_killed(row))


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0


def read_logs(folder: Path, proof: Proof) -> None:
    """Count what the processes said."""
    counts = Counter[str](deadlocks=0)
    for path in sorted(folder.glob("*.log")):
        with path.open(errors="replace") as lines:
            for line in lines:
                counts["deadlocks"] += "deadlock detected" in line
                event = next((name for name in COUNTED if f'"event": "{name}"' in line), None)
                if event is not None:
                    name, member = COUNTED[event]
                    counts[name] += _number(line, member)
    proof.numbers["said"] = {name: counts[name] for name in ("deadlocks", *(name for name, _ in COUNTED.values()))}
    for name in NEVER:
        proof.expect(counts[name] == 0, f"{name}: {counts[name]} (keep the folder with --keep and read the logs)")


def _number(line: str, member: str) -> int:
    try:
        return int(json.loads(line).get(member, 1))
    except (ValueError, TypeError):
        return 1  # a line cut short by a kill


async def none_left(pool: Pool, within_s: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> int:
    """Sessions of ours still open `within_s` seconds after everybody has gone."""
    for _ in range(int(within_s * 2)):
        if not await soak.sessions(pool):
            return 0
        await sleep(0.5)
    return await soak.sessions(pool)
