"""HTTP on the wire: uvicorn's protocol, with the limits it leaves to whatever stands in front of it.

Headers and silence are bounded in size and time, refusals are problem documents, and trailers are not headers.
"""

from __future__ import annotations

import asyncio
import json
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import TITLES

#: Headers of a request, or trailers and chunk sizes around its body, in bytes. Complete ones are judged by `Intake`.
HEAD_BYTES = 65_536
#: Longest address that the parser takes, in bytes.
ADDRESS_BYTES = 65_535
#: Chunk framing a byte of body may bring along: chunks of one byte are allowed.
FRAMING = 8
#: How long what a refused client still sends is thrown away, in seconds: hanging up at once would destroy the answer.
LINGER_S = 1.0
#: Files kept for the database, logs and listeners.
SPARE_FILES = 128
#: No process of ours needs more connections than this.
MOST_FILES = 65_536


class BoundedHttp(HttpToolsProtocol):
    """One connection. `patience_s` bounds the wait for a request's headers and for the client to take its answer."""

    patience_s = 10.0
    most_connections = 1_000_000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        self._in_head = False
        self._began = False
        self._broken = False
        self._refused = False
        self._bodied = 0
        self._unaccounted = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, "busy", "too many connections are open: try again")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hush_head()
        self._hush_stall()
        if self._answering is not None and not self._answering.response_complete:
            # uvicorn tells the request read last; with pipelining another one may be being answered.
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        self._began, self._bodied = False, 0
        super().data_received(data)
        if self.transport.is_closing() or self._broken:
            return
        framing = self._unaccounted + len(data) - FRAMING * self._bodied
        self._unaccounted = 0 if self._began else max(0, framing)
        if self._unaccounted > HEAD_BYTES:
            self._refuse(431, "headers_too_large", f"the headers have more than {HEAD_BYTES} bytes: send less")
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()

    def on_message_begin(self) -> None:
        self._in_head = self._began = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after the body is no header: whoever checked the headers has not seen it.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._hush_head()
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._bodied += len(body)
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        owed = bool(self.pipeline)
        super().on_response_complete()
        if self._broken and not owed:
            self._refuse_unreadable()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._hush_stall()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        # The parser is lost, but requests before this one are owed their own answers.
        self._broken = True
        if self.pipeline or (self.cycle and not self.cycle.response_complete and not self.cycle.more_body):
            return
        self._refuse_unreadable()

    def _unsupported_upgrade_warning(self) -> None:
        # There is nothing to upgrade to: the request is answered as it is, and what follows it is not read as HTTP.
        self.cycle.keep_alive = False

    def _refuse_unreadable(self) -> None:
        if len(getattr(self, "url", b"")) > ADDRESS_BYTES:
            self._refuse(414, "address_too_long", f"the address has more than {ADDRESS_BYTES} bytes: send less")
        else:
            self._refuse(400, "invalid_http", "this is no HTTP request: correct it")

    def _hush_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hush_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.patience_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._deadline = None
        if self._in_head:
            self._refuse(408, "headers_timeout", f"the headers did not arrive within {self.patience_s:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Say no without the application, which has not seen a request, and hang up."""
        if self._refused or self.transport.is_closing():
            return
        self._broken = True
        body = json.dumps(
            {
                "type": f"urn:headwater:problem:{code}",
                "title": TITLES[status],
                "status": status,
                "detail": detail,
                "code": code,
                "request_id": None,
            }
        ).encode()
        head = f"HTTP/1.1 {status} {TITLES[status]}\r\ncontent-type: application/problem+json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n"
        again = "retry-after: 1\r\n" if status == 503 else ""
        self.transport.write(f"{head}{again}\r\n".encode() + body)
        self.transport.write_eof()
        self._refused = True
        self.loop.call_later(LINGER_S, self.transport.close)


def bounded(patience_s: float) -> type[BoundedHttp]:
    """The protocol of a server whose clients get `patience_s` seconds. Lets the process open the files it may."""
    return type("BoundedHttp", (BoundedHttp,), {"patience_s": patience_s, "most_connections": _room()})


def _room() -> int:
    """How many connections fit beside everything else; asks for as many files as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return max(16, (most if soft == resource.RLIM_INFINITY else soft) - SPARE_FILES)
