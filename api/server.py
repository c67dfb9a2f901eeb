"""Serving the application in a process of its own: says when it is ready, and goes when told to."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.protocol import bounded
from contracts.errors import Unavailable
from contracts.memory import collected_seldom
from contracts.settings import Settings

#: How long open requests may go on after the signal to stop, in seconds.
GRACE_S = 10
#: Between two looks at /readyz while the process comes up, in seconds.
LOOK_S = 0.2

log = structlog.get_logger("api.server")


class Server(uvicorn.Server):
    """uvicorn, except that a signal stops it with exit status 0 and endless answers are told to end."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        proxies = settings.api_trusted_proxies
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                http=bounded(settings.api_body_timeout_s),
                ws="none",
                timeout_graceful_shutdown=GRACE_S,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies or None,
            )
        )
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread; whoever runs us elsewhere sets `should_exit`
            return
        loop = asyncio.get_running_loop()
        handled = (signal.SIGTERM, signal.SIGINT)
        for number in handled:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # What goes wrong here is raised by `serve`: a second telling, with a traceback, would hide the sentence.
        voice = logging.getLogger("uvicorn.error")
        level = voice.level
        voice.setLevel(logging.CRITICAL)
        try:
            await super().startup(sockets)
        finally:
            voice.setLevel(level)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.stopping.set()
        await super().shutdown(sockets)


async def serve(
    settings: Settings, database_url: str, listening: socket.socket, *, ready: Callable[[str], None]
) -> None:
    """Serve on `listening` until SIGTERM or SIGINT. `ready` gets one line once /readyz answers 200.

    Raises: Unavailable, Hopeless when the application cannot start.
    """
    app = create_app(settings, database_url=database_url)
    server = Server(app, settings)
    host, port = listening.getsockname()[:2]
    announcing = asyncio.create_task(_announce(server, host, port, ready))
    try:
        # It leaves by SystemExit when the application did not start.
        with suppress(SystemExit), collected_seldom():
            await server.serve([listening])
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
    if not server.started:
        failure: Exception | None = getattr(app.state, "failure", None)
        raise failure or Unavailable("the API could not start: the log says why", code="api_start_failed")


async def _announce(server: Server, host: str, port: int, ready: Callable[[str], None]) -> None:
    shown = f"[{host}]" if ":" in host else host
    told = False
    while not await _answers(port, {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)):  # noqa: S104
        if server.started and not told:
            log.warning("not_ready_yet", next=f"GET http://{shown}:{port}/readyz says what is missing")
            told = True
        await asyncio.sleep(LOOK_S)
    ready(f"ready http://{shown}:{port}")


async def _answers(port: int, host: str) -> bool:
    """Does /readyz answer 200? Asked over the wire, as others will."""
    writer = None
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
