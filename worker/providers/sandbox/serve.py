"""The sandbox as a process: binds, says so in one line, leaves cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn

from worker.providers.sandbox.app import build_app
from worker.providers.sandbox.world import SEED


def run(host: str, port: int, *, seed: int = SEED) -> None:
    """Serve until SIGTERM or SIGINT, then return. Port 0 takes a free one; `seed` names the world and its latencies.

    Prints `ready http://HOST:PORT` on stdout when requests are answered. OSError when the port is taken.
    """
    asyncio.run(serve(host, port, lambda url: print(f"ready {url}", flush=True), seed=seed))


async def serve(host: str, port: int, ready: Callable[[str], None], *, seed: int = SEED) -> None:
    """Serve until told to stop or cancelled; `ready` is called once, with the address, when requests are
    answered.
    """
    with bound(host, port) as listener:
        server = Server(listener, ready, seed=seed)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Not possible outside the main thread, where signals do not arrive anyway.
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, server.stop)
        await server.serve(sockets=[listener])


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0 = any free one), not yet listening."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only then: with it, every second answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """uvicorn that reports when it is up, leaves signals alone, and ends without re-raising them."""

    def __init__(self, listener: socket.socket, ready: Callable[[str], None], *, seed: int = SEED) -> None:
        app = build_app(seed)
        super().__init__(
            uvicorn.Config(app, lifespan="off", access_log=False, log_level="critical", timeout_graceful_shutdown=1)
        )
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._ready = ready

    def stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready(self.url)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
