"""What the history must look like where jobs hold each other up: lines, scopes of keys, limits."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.checker import Change
    from tests.simulation.world import Limit

#: Where events for our own queue wait: those of a line, and the others.
OURS = ("queue", "ordered")
#: An execution that is in one of these is at work, or will be.
_ALIVE = ("queued", "running", "waiting")
#: Of a rate: what is lost in rounding, in jobs.
_SLACK = 1e-6


def lines(changes: list[Change]) -> list[str]:
    """Of one key, an event gets its turn when each before it has left and each of their jobs has ended."""
    standing: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    earlier: dict[str, list[str]] = {}
    of_event: defaultdict[str, set[str]] = defaultdict(set)
    ended: set[str] = set()
    found = []
    for c in changes:
        row: dict[str, Any] = c.now or c.was or {}
        if c.thing == "job_executions":
            of_event[row["event_id"]].add(row["id"])
            if row["state"] not in _ALIVE:
                ended.add(row["id"])
        elif c.thing == "outbox_events" and row["ordering_key"] and row["sink"] in OURS:
            line = standing[row["tenant_id"], row["ordering_key"]]
            if c.was is None:
                earlier[row["event_id"]] = [event for number, event in line.items() if number < row["id"]]
                line[row["id"]] = row["event_id"]
            elif c.now and (c.was["sink"], c.now["sink"]) == ("ordered", "queue"):
                if any(number < row["id"] for number in line):
                    found.append(f"order: event {row['id']} went before {min(line)} of the same key")
                jobs = {job for event in earlier[row["event_id"]] for job in of_event[event]}
                if jobs - ended:
                    found.append(f"order: event {row['id']} went while a job before it was at work")
            elif c.now is None:
                line.pop(row["id"], None)
    return found


def scopes(changes: list[Change]) -> list[str]:
    """Of an exclusive key one job at most is alive; of a period's key there is one for the hour its event was written in."""
    keys: dict[str, tuple[str, ...]] = {}
    alive: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    made: Counter[tuple[str, ...]] = Counter()
    found = []
    for c in changes:
        if c.thing == "outbox_events" and c.was is None and c.now and (scope := c.now["payload"].get("scope")):
            hour = c.now["created_at"][:13] if scope == "period" else ""
            keys[c.now["event_id"]] = (c.now["tenant_id"], scope, c.now["payload"]["key"], hour)
        if c.thing != "job_executions" or not c.now or (key := keys.get(c.now["event_id"])) is None:
            continue
        made[key] += c.was is None
        if c.now["state"] not in _ALIVE:
            alive[key].discard(c.now["id"])
        elif c.now["id"] not in alive[key]:
            alive[key].add(c.now["id"])
            if key[1] == "exclusive" and len(alive[key]) > 1:
                found.append(f"scope: {len(alive[key])} jobs of {key[2]} are alive at once, by {c.by}")
    return found + [
        f"scope: {n} jobs of {key[2]} in one hour" for key, n in made.items() if key[1] == "period" and n > 1
    ]


def limits(changes: list[Change], tenant: str, limit: Limit) -> list[str]:
    """No more run at once than may, and in no stretch of time do more begin than the rate allows."""
    running: set[str] = set()
    begun: list[float] = []
    found = []
    for c in changes:
        if c.thing != "job_executions" or not c.now or c.now["tenant_id"] != tenant:
            continue
        if c.now["state"] != "running":
            running.discard(c.now["id"])
        elif c.was is None or c.was["state"] != "running":
            running.add(c.now["id"])
            begun.append(datetime.fromisoformat(c.at).timestamp())
            if len(running) > limit.most:
                found.append(f"limit: {len(running)} jobs run at once where {limit.most} may")
    for since in sorted(set(begun)):
        later = sorted(begun)[bisect_left(sorted(begun), since) :]
        found += [
            f"limit: {nth} jobs began within {at - since:.1f} s"
            for nth, at in enumerate(later, 1)
            if nth > limit.burst + limit.per_s * (at - since) + _SLACK
        ]
    return found
