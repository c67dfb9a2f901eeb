"""Which blow falls when: drawn from a seed, so that a storm can be asked for again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "kill", "restart", "freeze", "cut", "silence", "silence_listener", "deafen", "delay", "terminate", "fault"
]
#: Processes that a kill may hit, as often as they stand here; only the first two count as kills asked for.
VICTIMS = ("worker", "worker", "worker", "dispatcher")
BYSTANDERS = ("producer", "api")
#: How often the other blows fall, a minute.
A_MINUTE: dict[Kind, float] = {
    "freeze": 3.0,
    "cut": 4.0,
    "silence": 1.0,
    "silence_listener": 1.0,
    "deafen": 1.0,
    "delay": 1.0,
    "terminate": 6.0,
    "fault": 3.0,
}
#: How long those last that last, in seconds: shortest and longest.
LASTS: dict[Kind, tuple[float, float]] = {"freeze": (1.5, 4.0), "deafen": (4.0, 10.0), "delay": (3.0, 8.0)}
#: Kills of producers and APIs, a minute.
BYSTANDERS_A_MINUTE = 2.0


@dataclass(frozen=True, slots=True, order=True)
class Blow:
    """At `at_s` seconds after the start: what, against whom (a kill), for how long, and a number in [0, 1) to choose by."""

    at_s: float
    kind: Kind
    victim: str = ""
    for_s: float = 0.0
    draw: float = 0.0


def blows(seed: int, minutes: float, *, kills: int, restarts: int) -> list[Blow]:
    """All blows of a storm, in order. Restarts are spread evenly, everything else falls at any time."""
    draw = random.Random(seed)  # noqa: S311
    length_s = minutes * 60
    found = [_blow(draw, "kill", length_s, draw.choice(VICTIMS)) for _ in range(kills)]
    found += [
        _blow(draw, "kill", length_s, draw.choice(BYSTANDERS)) for _ in range(round(BYSTANDERS_A_MINUTE * minutes))
    ]
    for kind, often in A_MINUTE.items():
        found += [_blow(draw, kind, length_s) for _ in range(max(1, round(often * minutes)))]
    stretch_s = length_s / max(1, restarts)
    found += [Blow((n + draw.uniform(0.3, 0.7)) * stretch_s, "restart", draw=draw.random()) for n in range(restarts)]
    return sorted(found)


def _blow(draw: random.Random, kind: Kind, length_s: float, victim: str = "") -> Blow:
    at_s = draw.uniform(2.0, max(3.0, length_s))
    return Blow(at_s, kind, victim, draw.uniform(*LASTS.get(kind, (0.0, 0.0))), draw.random())
