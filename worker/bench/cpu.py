"""Processor time of a measurement: this process, and the server with all its sessions. The server must be on this host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(slots=True)
class Spent:
    """Seconds of processor time. `server_s` is None where nobody can tell: no /proc, or the server is on another host."""

    worker_s: float = 0.0
    server_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """How many a second, and the processor time each took: microseconds in this process and in the server."""

    per_s: float
    worker_us: float
    server_us: float | None

    @classmethod
    def of(cls, n: int, took_s: float, used: Spent) -> Rate:
        server = None if used.server_s is None else used.server_s / n * 1e6
        return cls(n / took_s, used.worker_s / n * 1e6, server)

    @classmethod
    def over(cls, slices: Sequence[tuple[int, float, Spent]]) -> Rate:
        """Of several (how many, seconds, cost) together."""
        servers = [used.server_s for _, _, used in slices]
        both = Spent(
            sum(used.worker_s for _, _, used in slices), None if None in servers else sum(s or 0.0 for s in servers)
        )
        return cls.of(max(1, sum(n for n, _, _ in slices)), sum(took for _, took, _ in slices), both)


def postmaster(backend: int) -> int | None:
    """The process that started the session with pid `backend`; None when it cannot be seen from here."""
    with suppress(OSError, ValueError):
        return int(_stat(backend)[1])
    return None


@contextmanager
def spent(server: int | None) -> Iterator[Spent]:
    """What the block costs. `server` is the postmaster's pid. Sessions that end meanwhile are counted."""
    used = Spent()
    own, theirs = time.process_time(), _tree(server)
    yield used
    used.worker_s = time.process_time() - own
    after = _tree(server)
    used.server_s = None if theirs is None or after is None else max(0.0, after - theirs)


def _tree(server: int | None) -> float | None:
    """Seconds used by the postmaster, its children, and those of them that have ended."""
    if server is None:
        return None
    try:
        fields = _stat(server)
    except OSError:
        return None
    total = sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                if int(_stat(int(entry.name))[1]) == server:
                    total += int((entry / "schedstat").read_text().split()[0]) / 1e9
    return total


def _stat(pid: int) -> list[str]:
    # The second field is the name in brackets, which may hold anything: what follows counts from the state.
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
