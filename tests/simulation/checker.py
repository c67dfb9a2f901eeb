"""What the history of a seed must look like: nothing lost, nothing twice, order where it is promised, nobody past the fence.

The history is every committed change of a row of executions and events, noted by triggers in the transaction that made it: who made
it (the process whose session it was), in which transaction, and what the row was before and after.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from db import soak, verification
from db.transaction import DbRole, Pool, transaction
from tests.simulation.actors import Cast
from tests.simulation.turns import OURS, limits, lines, scopes
from tests.simulation.world import World

#: What may become of an execution, and who may do it: the process that started it ("holder") or anybody.
_MOVES = {
    ("queued", "running"): "anybody",
    ("running", "done"): "holder",
    ("running", "waiting"): "holder",
    ("running", "dead"): "holder",
    ("running", "cancelled"): "holder",
    ("running", "quarantined"): "anybody",
    ("running", "queued"): "anybody",
    ("running", "superseded"): "anybody",
    ("waiting", "queued"): "anybody",
    ("waiting", "superseded"): "anybody",
    ("dead", "waiting"): "anybody",
    ("cancelled", "waiting"): "anybody",
    ("quarantined", "waiting"): "anybody",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A committed change of one row; `by` is a process."""

    tx: str
    by: str
    thing: str
    at: str
    was: dict[str, Any] | None
    now: dict[str, Any] | None


async def history(world: World) -> list[Change]:
    """All changes, in the order in which each row saw them."""
    rows = await world.watch.fetch("SELECT tx, by, thing, at::text AS at, was, now FROM sim.history ORDER BY n")
    return [Change(r["tx"], r["by"], r["thing"], r["at"], r["was"], r["now"]) for r in rows]


def fences(changes: list[Change]) -> list[str]:
    """Who held an execution when it ended; whether what was written belongs to an end of its own transaction."""
    holders: dict[str, str] = {}
    ended: dict[tuple[str, str], int] = {}
    found = []
    for c in changes:
        if c.thing == "job_executions" and c.was and c.now and c.was["state"] != c.now["state"]:
            one, move = c.now["id"], (c.was["state"], c.now["state"])
            who = _MOVES.get(move)
            if who is None:
                found.append(f"job {one[-4:]} went from {move[0]} to {move[1]} by {c.by}")
            elif who == "holder" and holders.get(one) != c.by:
                found.append(
                    f"fence: {c.by} ended job {one[-4:]} ({move[1]}), which {holders.get(one, 'nobody')} holds"
                )
            if move[1] == "running":
                holders[one] = c.by
                if c.now["token"] <= c.was["token"]:
                    found.append(f"fence: job {one[-4:]} started without a new token")
            else:
                holders.pop(one, None)
            if move == ("running", "done"):
                ended[c.tx, one] = c.now["token"]
        elif c.thing in ("effects", "touches") and c.now:
            one = c.now["execution_id"]
            if (c.tx, one) not in ended:
                found.append(f"fence: {c.by} wrote for job {one[-4:]} in a transaction that did not end it")
            elif c.thing == "effects" and ended[c.tx, one] != c.now["token"]:
                found.append(f"fence: {c.by} wrote for job {one[-4:]} under a stale token")
    return found


def leases(changes: list[Change]) -> list[str]:
    """Deliveries to the outside: settled by who holds the lease; of one key one at a time, in the order of their ids."""
    holders: dict[str, str] = {}
    standing: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    found = []
    for c in changes:
        if c.thing != "outbox_events":
            continue
        row = c.now or c.was
        assert row is not None
        if row["sink"] in OURS:
            continue
        event, key = row["event_id"], (row["tenant_id"], row["ordering_key"])
        if c.was is None:
            standing[key].add(row["id"])
        if c.now and c.now["state"] == "processing":
            if event in holders:
                found.append(f"lease: {c.by} took event {row['id']}, which {holders[event]} holds")
            if key[1] and min(standing[key]) < row["id"]:
                found.append(f"order: event {row['id']} went out before {min(standing[key])} of the same key")
            holders[event] = c.by
        elif c.was and c.was["state"] == "processing":
            holder = holders.pop(event, None)
            expired = c.now is not None and c.now["error_class"] == "lease_expired"
            if expired and c.was["lease_expires_at"] > c.at.replace(" ", "T"):
                found.append(f"lease: that of event {row['id']} was taken back too soon")
            if not expired and holder != c.by:
                found.append(f"lease: {c.by} answered for event {row['id']}, which {holder} holds")
        if c.now is None:
            standing[key].discard(row["id"])
    return found


def order(changes: list[Change], cast: Cast) -> list[str]:
    """A receiver that wants order hears each event for the first time after those before it."""
    made = {c.now["event_id"]: c.now for c in changes if c.thing == "outbox_events" and c.was is None and c.now}
    heard: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for _, event in cast.posts:
        row = made[event]
        if row["ordering_key"] and row["id"] not in heard[row["tenant_id"], row["ordering_key"]]:
            heard[row["tenant_id"], row["ordering_key"]].append(row["id"])
    found = [f"order: {key[1]} heard {ids}" for key, ids in heard.items() if ids != sorted(ids)]
    told = {event for _, event in cast.posts}
    return found + [
        f"lost: event {r['id']} was never told"
        for r in made.values()
        if r["sink"] not in OURS and r["event_id"] not in told
    ]


def once(changes: list[Change]) -> list[str]:
    """No event leaves twice, no job of a cause has two effects."""
    gone = Counter(c.was["event_id"] for c in changes if c.thing == "outbox_events" and c.was and c.now is None)
    back = Counter(c.now["event_id"] for c in changes if c.thing == "outbox_events" and c.now and c.was is None)
    effects = Counter((c.now["tenant_id"], c.now["probe"]) for c in changes if c.thing == "effects" and c.now)
    return [f"doubled: an event left {n} times and came {back[e]} times" for e, n in gone.items() if n > back[e]] + [
        f"doubled: probe {probe[-4:]} has {n} effects" for (_, probe), n in effects.items() if n > 1
    ]


async def totals(pool: Pool) -> list[str]:
    """The record of causes against what was done, and the product's own proof."""
    _, breaches = await soak.compare(pool)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        proof = await verification.verify(tx, None, await verification.check_deliveries(tx, None))
    found = [f"{b['what']}: {b['n']}, such as {[str(p)[-4:] for p in b['probes']]}" for b in breaches]
    if not proof.ok:
        found.append(
            f"verify: lost {proof.lost}, doubled {proof.doubled}, orphaned {proof.orphaned}: {proof.breaches[:2]}"
        )
    return found


async def check(world: World, cast: Cast, pool: Pool) -> tuple[list[str], list[Change]]:
    """All that is wrong with a seed that has come to rest, and its history."""
    changes = await history(world)
    found = fences(changes) + leases(changes) + order(changes, cast) + once(changes)
    found += lines(changes) + scopes(changes)
    if cast.limit is not None:
        found += limits(changes, str(cast.tenants[0]), cast.limit)
    return found + await totals(pool), changes


def counted(changes: list[Change]) -> str:
    """A history in one line, without ids: equal for equal runs."""
    moves = Counter(
        f"{c.was['state']}->{c.now['state']}"
        for c in changes
        if c.thing == "job_executions" and c.was and c.now and c.was["state"] != c.now["state"]
    )
    return json.dumps(dict(sorted(moves.items())))
