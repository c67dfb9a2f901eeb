"""How many cores a load wants, from what the benches say that one of each thing costs. Pure; docs/scaling.md explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The share of a core's time that a load may count on: what framed jobs used of two cores on which nothing else ran
#: (docs/benchmarks.md: 4,362 jobs/s x 333 us of 2,000,000 us is 0.73), less a reserve for bursts, rescue and autovacuum.
USE = 0.6


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of a client's core (API or worker) and of the server's, for one."""

    client_us: float
    server_us: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.client_us + other.client_us, self.server_us + other.server_us)


#: docs/benchmarks.md: processor milliseconds of a thousand are microseconds of one.
COSTS: Mapping[str, Cost] = {
    "request": Cost(713, 423),
    "emit": Cost(79, 125),
    "dispatch": Cost(15, 24),
    "framed": Cost(127, 206),
    "drain": Cost(10, 23),
}


def of_job(work_us: float = 0.0) -> Cost:
    """One event that becomes one job: handed off, loaded, `work_us` of the worker's own, written."""
    return COSTS["dispatch"] + COSTS["framed"] + Cost(work_us, 0.0)


def cores(a_second: float, cost: Cost, *, use: float = USE) -> tuple[float, float]:
    """(cores for API or workers, cores for Postgres) that so many a second want."""
    return a_second * cost.client_us / 1e6 / use, a_second * cost.server_us / 1e6 / use


def most(client_cores: float, server_cores: float, cost: Cost, *, use: float = USE) -> float:
    """How many a second that many cores can do: the scarcer side decides."""
    return use * 1e6 * min(client_cores / cost.client_us, server_cores / cost.server_us)


def most_together(of_cores: float, cost: Cost, *, use: float = USE) -> float:
    """The same where worker and Postgres share the cores, as in the benches."""
    return use * 1e6 * of_cores / (cost.client_us + cost.server_us)
