"""What HEADWATER_FAULTS may say: watch the fault points of a process, or let it fail at one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Side = Literal["before", "after"]
Action = Literal["kill", "stop", "cut"]

_FAULT = re.compile(r"(kill|stop|cut):(before|after):([^\s:]+)(?::([1-9]\d{0,5}))?")
USAGE = "say observe:FILE, or kill|stop|cut:before|after:POINT[:NTH]"


@dataclass(frozen=True, slots=True)
class Observe:
    """Append every point that is reached to `path`, one JSON object a line."""

    path: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Fail the `nth` time this process reaches `side` of `point`: SIGKILL, SIGSTOP, or a lost connection."""

    action: Action
    side: Side
    point: str
    nth: int = 1


def parse(text: str) -> Observe | Fault:
    """Raises: ValueError for anything else."""
    verb, _, rest = text.partition(":")
    if verb == "observe" and rest:
        return Observe(rest)
    found = _FAULT.fullmatch(text)
    if found is None:
        raise ValueError(USAGE)
    return Fault(cast(Action, found[1]), cast(Side, found[2]), found[3], int(found[4] or 1))
