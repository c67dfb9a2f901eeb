"""How much memory the embedded server takes: of the machine, or of the container it runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import memory, server


@pytest.mark.parametrize(("memory_gb", "megabytes"), [(0.5, 128), (2, 256), (24, 1024)])
def test_buffers_are_an_eighth_of_the_memory_within_bounds(memory_gb: float, megabytes: int) -> None:
    assert server.buffers(int(memory_gb * 2**30)) == megabytes << 20


@pytest.mark.parametrize(
    ("own", "file", "limit", "left"),
    [
        ("0::/", "memory.max", "536870912", 512 << 20),
        ("0::/system.slice/headwater.service", "system.slice/memory.max", "268435456", 256 << 20),
        ("3:memory:/box\n0::/", "memory/box/memory.limit_in_bytes", "268435456", 256 << 20),
        ("3:cpu,memory:/outside", "memory/memory.limit_in_bytes", "134217728", 128 << 20),
        ("0::/", "memory.max", "max", memory.available(Path("/nowhere"), Path("/nowhere"))),
    ],
)
def test_limits_of_containers_are_seen(tmp_path: Path, own: str, file: str, limit: str, left: int) -> None:
    stands = tmp_path / "groups" / file
    stands.parent.mkdir(parents=True)
    stands.write_text(limit + "\n")
    (tmp_path / "own").write_text(own + "\n")
    assert memory.available(tmp_path / "groups", tmp_path / "own") == left
