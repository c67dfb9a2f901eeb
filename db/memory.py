"""How much memory this process may use: the machine's, or less where it runs in a container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

#: Taken where the system does not tell, in bytes.
UNKNOWN = 1 << 30


def available(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes: the machine's memory, or the least of the limits of the control groups above us (version 1 and 2)."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        machine = UNKNOWN
    return min([machine if machine > 0 else UNKNOWN, *_limits(groups, own)])


def _limits(groups: Path, own: Path) -> Iterator[int]:
    for file in _files(groups, own):
        try:
            yield int(file.read_text())
        except (OSError, ValueError):
            continue  # not there, or "max": no limit


def _files(groups: Path, own: Path) -> Iterator[Path]:
    """Where a limit may stand. In a container the own group is often its root, whatever its name outside."""
    yield groups / "memory.max"
    yield groups / "memory" / "memory.limit_in_bytes"
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for _, _, rest in (line.partition(":") for line in lines):
        controllers, _, name = rest.partition(":")
        at = PurePosixPath(name.lstrip("/"))
        for group in (at, *at.parents):
            if not controllers:
                yield groups / group / "memory.max"
            elif "memory" in controllers.split(","):
                yield groups / "memory" / group / "memory.limit_in_bytes"
