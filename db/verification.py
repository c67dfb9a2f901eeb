"""The proof on demand (B.01): nothing was lost, nothing happened twice. Set-based; each check is one snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.outbox import Breach, Verification, Window
from db.paging import FIRST_AT, LAST_AT
from db.sql import load
from db.transaction import Tx

SQL = load("verification")
#: Appended where only some tenants are asked for, so that their index leads: an OR would hide it.
_HISTORY = "AND h.tenant_id = $1"
_EXECUTIONS = "AND e.tenant_id = $1"


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Unfinished executions that nothing delivers, and queue rows too many."""

    orphaned: int
    doubled: int
    breaches: list[Breach]


async def check_deliveries(tx: Tx, tenant: UUID | None) -> Deliveries:
    """Compare unfinished executions with what will deliver them. `tx` acts as system; None = every tenant."""
    await tx.execute(SQL["roomy"])
    query = SQL["deliveries"].replace("/* executions */", _EXECUTIONS if tenant else "")
    row = await tx.fetchrow(query, tenant)
    assert row is not None
    return Deliveries(row["orphaned"], row["doubled"], [_of_delivery(b) for b in row["breaches"] or []])


async def verify(
    tx: Tx,
    tenant: UUID | None,
    deliveries: Deliveries,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Verification:
    """Count what the events written in [since, until) led to against what they had to. None = no bound, every tenant."""
    began = time.monotonic()
    await tx.execute(SQL["roomy"])
    start = since or FIRST_AT
    standing = await tx.fetchrow(SQL["standing"], tenant, start, until or LAST_AT)
    assert standing is not None
    upto = until or standing["now"]
    query = SQL["handoffs"].replace("/* history */", _HISTORY if tenant else "")
    row = await tx.fetchrow(query, tenant, start, upto)
    assert row is not None
    doubled = row["doubled"] + deliveries.doubled
    return Verification(
        ok=row["lost"] == 0 and doubled == 0 and deliveries.orphaned == 0,
        events=row["events"],
        jobs=row["jobs"],
        absorbed=row["absorbed"],
        lost=row["lost"],
        doubled=doubled,
        orphaned=deliveries.orphaned,
        waiting=standing["waiting"],
        dead_letters=standing["dead_letters"],
        window=Window(since=since, until=upto),
        took_s=round(time.monotonic() - began, 3),
        breaches=[*(_of_handoff(b) for b in row["breaches"] or []), *deliveries.breaches],
    )


def _of_handoff(row: dict[str, Any]) -> Breach:
    what = f"{row['type']} has {row['routes']} routes, made {row['made']} jobs, was absorbed by {row['absorbed']}"
    if row["times"] > 1:
        what += f", and was sent {row['times']} times"
    step = f"headwater outbox show {row['event_id']} --json, and report it"
    if row["lost"]:
        step = f"headwater outbox replay {row['event_id']} makes what is missing; then report it"
    kind = "lost" if row["lost"] else "doubled"
    return Breach.model_validate({**row, "what": kind, "text": what, "next_step": step})


def _of_delivery(row: dict[str, Any]) -> Breach:
    ids = {"tenant_id": row["tenant_id"], "event_id": row["event_id"], "execution_id": row["id"]}
    step = f"headwater jobs show {row['id']} --json, and report it"
    if row["orphaned"] and row["state"] == "waiting":
        step = "if its redelivery was given up: headwater outbox replay --type Redelivery; else report it"
    if row["orphaned"]:
        missing = "a redelivery in the outbox" if row["state"] == "waiting" else "a delivery in the queue"
        text, what = f"{row['job']} is {row['state']} without {missing}", "orphaned"
    else:
        text, what = f"{row['job']} stands {row['todo']} times in the queue", "doubled"
    return Breach.model_validate({**ids, "what": what, "text": text, "next_step": step})
