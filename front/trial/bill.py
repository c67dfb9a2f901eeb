"""The vendors' side: what was asked, what it cost, and whether anybody was asked too fast."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from contracts.providers import Pace
from front.client import Client


@dataclass
class Bill:
    """`lines`: a distinct question -> {billed, credits, answered}. `paid`: requests that were billed."""

    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    by_operation: dict[str, int] = field(default_factory=dict)
    credits: dict[str, float] = field(default_factory=dict)
    paid: int = 0


def read_bill(sandbox: Client) -> Bill:
    """What the sandbox has counted so far."""
    bill = Bill()
    for line in sandbox.get("/__control/requests")["requests"]:
        vendor, operation, count = line["vendor"], f"{line['vendor']}.{line['operation']}", line["count"]
        bill.requests[vendor] = bill.requests.get(vendor, 0) + count
        bill.by_operation[operation] = bill.by_operation.get(operation, 0) + count
        bill.credits[vendor] = bill.credits.get(vendor, 0.0) + line["credits"]
        if line["billed"]:
            bill.paid += line["billed"]
            key = f"{operation}:{line['fingerprint']}"
            answered = line["outcomes"].get("200", 0)
            bill.lines[key] = {"billed": line["billed"], "credits": line["credits"], "answered": answered}
    return bill


def breaches(sandbox: Client, paces: dict[str, tuple[str, Pace]]) -> dict[str, dict[str, float]]:
    """By pace: the most requests that any window held, beside its limit. Only paces whose requests the sandbox has seen."""
    shared: dict[str, tuple[Pace, set[tuple[str, str]]]] = {}
    for name, (vendor, pace) in paces.items():
        shared.setdefault(pace.name, (pace, set()))[1].add((vendor, name.partition(".")[2]))
    found: dict[str, dict[str, float]] = {}
    for name, (pace, operations) in shared.items():
        times: list[float] = []
        for vendor, operation in operations:
            times += sandbox.get(f"/__control/arrivals?{urlencode({'vendor': vendor, 'operation': operation})}")[
                "arrivals"
            ]
        times.sort()
        for window in pace.windows if times else ():
            most = fullest(times, window.seconds)
            found[f"{name} {window.limit}/{window.seconds:g}s"] = {"most": most, "limit": window.limit}
    return found


def fullest(times: list[float], seconds: float) -> int:
    """The most of `times` (sorted) that lie in any half-open window of `seconds`."""
    return max((bisect_left(times, t + seconds) - n for n, t in enumerate(times)), default=0)
