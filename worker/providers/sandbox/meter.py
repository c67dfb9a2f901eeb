"""What was asked and what it cost: the vendor's side of the bill, so that nothing is paid twice unseen."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Line:
    """One distinct request: how often it came, how often it was billed, how it went, what it cost in credits."""

    count: int = 0
    billed: int = 0
    credits: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)


class Meter:
    """Counts requests by (vendor, operation, channel, fingerprint)."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str | None, str], Line] = {}

    def count(self, vendor: str, operation: str, channel: str | None, asked: str, outcome: str, credits: float) -> None:
        line = self._lines.setdefault((vendor, operation, channel, asked), Line())
        line.count += 1
        line.billed += credits > 0
        line.credits += credits
        line.outcomes[outcome] += 1

    def clear(self) -> None:
        self._lines.clear()

    def credits(self, vendor: str) -> float:
        """What `vendor` has billed since the last reset."""
        return sum(line.credits for (whose, *_), line in self._lines.items() if whose == vendor)

    def report(self) -> dict[str, object]:
        """{"requests": [one object a distinct request], "totals": {vendor: {"requests", "credits",
        "repeated"}}}
        """
        requests = [
            {
                "vendor": vendor,
                "operation": operation,
                "channel": channel,
                "fingerprint": asked,
                "count": line.count,
                "billed": line.billed,
                "credits": line.credits,
                "outcomes": dict(line.outcomes),
            }
            for (vendor, operation, channel, asked), line in self._lines.items()
        ]
        totals: dict[str, dict[str, float]] = {}
        for (vendor, *_), line in self._lines.items():
            total = totals.setdefault(vendor, {"requests": 0, "credits": 0.0, "repeated": 0})
            total["requests"] += line.count
            total["credits"] += line.credits
            total["repeated"] += line.count - 1
        return {"requests": requests, "totals": totals}


def fingerprint(path: str, params: Iterable[tuple[str, str]], body: bytes) -> str:
    """A short name for "the same question": path, sorted parameters, and the body in canonical JSON."""
    try:
        said = json.dumps(json.loads(body), sort_keys=True) if body else ""
    except ValueError:
        said = body.decode("utf-8", "replace")
    return hashlib.sha256(json.dumps([path, sorted(params), said]).encode()).hexdigest()[:16]
