"""Bodies are read whole before anything looks at them: bounded in size and time, and free of what Postgres cannot keep."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Busy, LargeHeaders, LongAddress, SlowBody
from contracts.errors import Invalid, TooLarge

#: Longest path and query string, and largest headers, in bytes.
ADDRESS_BYTES = 16_384
HEADERS_BYTES = 65_536
#: Two of these in one request would leave open which one was checked.
SINGLE = (b"authorization", b"x-job-secret", b"x-webhook-secret", b"idempotency-key", b"content-type")
#: Bodies held at once by all requests of a process, in bytes; at least one of the largest size always fits.
HELD_BYTES = 64 * 1024 * 1024
#: How much of a body that is too large is still read, so that its sender gets to see the answer.
DISCARD_BYTES = 32 * 1024 * 1024


class Intake:
    """Refuses with 413, 414, 431 (sizes), 400 (NUL, lone surrogates, too slow), 503 (too many bodies at once).

    What comes in is replayed to the application.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_s: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _check_head(scope)
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        chunks: list[bytes] = []
        try:
            body = await self._read(headers, receive, chunks)
            _check(body)
            await self.app(scope, _replay(body, receive), send)
        except ClientDisconnect:
            return
        finally:
            self._let_go(chunks)

    async def _read(self, headers: Headers, receive: Receive, chunks: list[bytes]) -> bytes:
        """The whole body; what is kept of it stands in `chunks`. Of one that is refused for its size nothing is."""
        declared = headers.get("content-length", "0")
        discard_from = max(DISCARD_BYTES, self.max_bytes)
        known_large = declared.isdigit() and int(declared) > self.max_bytes
        if known_large and ("expect" in headers or int(declared) > discard_from):
            raise self._too_large()
        size = 0
        try:
            async with asyncio.timeout(self.timeout_s):
                more = True
                while more and size <= discard_from:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    size += len(message.get("body", b""))
                    if size > self.max_bytes or known_large:
                        self._let_go(chunks)
                    else:
                        self._hold(message.get("body", b""), chunks)
                    more = message.get("more_body", False)
        except TimeoutError:
            if size <= self.max_bytes and not known_large:
                raise SlowBody(
                    f"the body did not arrive within {self.timeout_s:g} s: send it faster, or in smaller requests"
                ) from None
        if size > self.max_bytes or known_large:
            raise self._too_large()
        return b"".join(chunks)

    def _hold(self, chunk: bytes, chunks: list[bytes]) -> None:
        if self._held + len(chunk) > max(HELD_BYTES, self.max_bytes):
            raise Busy("too many requests send their bodies at the moment: try again", after_s=1)
        self._held += len(chunk)
        chunks.append(chunk)

    def _let_go(self, chunks: list[bytes]) -> None:
        self._held -= sum(map(len, chunks))
        chunks.clear()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body has more than {self.max_bytes} bytes: send less, or in several requests")


def _check_head(scope: Scope) -> None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > ADDRESS_BYTES:
        raise LongAddress(f"the address has more than {ADDRESS_BYTES} bytes: send less")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_BYTES:
        raise LargeHeaders(f"the headers have more than {HEADERS_BYTES} bytes: send less")
    if b"\x00" in unquote_to_bytes(scope["query_string"]) or "\x00" in scope["path"]:
        raise Invalid("the address holds a NUL character: remove %00")
    names = [name for name, _ in scope["headers"] if name in SINGLE]
    twice = sorted({name.decode() for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"the header {twice[0]} stands there more than once: send it once", code="repeated_header")


def _check(body: bytes) -> None:
    """JSON may spell characters that text in Postgres cannot hold; only a body with escapes can do so."""
    if b"\\u" not in body:
        return
    try:
        rest = [json.loads(body)]
    except (ValueError, RecursionError):
        return  # the route's own reader says what is wrong with it
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, dict):
            rest.extend(value.keys())
            rest.extend(value.values())


def _check_text(value: str) -> None:
    if "\x00" in value:
        raise Invalid("the body holds a NUL character (\\u0000): remove it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid("the body holds half of a surrogate pair: send whole characters") from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, then whatever the connection says next."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
