"""Faults on order: which request goes wrong, how, and how often.

kind                       what the client sees
any three digits           that status; 429 and 503 with Retry-After, 5xx as HTML, 403 as text
timeout                    nothing, until the client hangs up
slow                       the right answer in drips over `latency_ms` (default a minute)
reset                      half of the answer, then the connection is gone
truncate                   half of the answer, properly framed: cut JSON
garbage                    HTML that calls itself JSON
html                       200 with an HTML page
shape                      200 with JSON of another shape
huge                       200 with 8 MB of JSON
hostile                    the right shape, with NUL, lone surrogates and endless names in it
redirect                   302 to another host
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from worker.providers.sandbox.answer import Answer, json_answer

KINDS = ("timeout", "slow", "reset", "truncate", "garbage", "html", "shape", "huge", "hostile", "redirect")
#: The vendor did the work before it went wrong, so it bills.
BILLED = frozenset(KINDS) - {"redirect"}
DRIPS = 50


class Match(BaseModel):
    """Which requests: all named members must agree; `path` is the beginning of a path."""

    model_config = ConfigDict(extra="forbid")

    vendor: str | None = None
    channel: str | None = None
    path: str | None = None


class Fault(BaseModel):
    """`times` None = until reset; `skip` lets that many matching requests pass first."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Match()
    kind: str = Field(pattern=r"^([1-9]\d\d|" + "|".join(KINDS) + ")$")
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    retry_after_s: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    latency_ms: float = Field(default=0, ge=0)


class Faults:
    """The faults on order, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def order(self, fault: Fault) -> None:
        self._orders.append(fault)

    def clear(self) -> None:
        self._orders.clear()

    def list(self) -> list[dict[str, object]]:
        return [fault.model_dump() for fault in self._orders]

    def take(self, vendor: str, channel: str | None, path: str) -> Fault | None:
        """The fault that hits this request, used up by one."""
        for fault in self._orders:
            wish = fault.match
            if wish.vendor not in (None, vendor) or wish.channel not in (None, channel):
                continue
            if not path.startswith(wish.path or ""):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self._orders.remove(fault)
            return fault
        return None


def spoil(fault: Fault | None, answer: Answer) -> Response:
    """`answer` as it reaches the client under `fault`."""
    if fault is None:
        return _response(answer)
    if fault.kind.isdigit():
        return _response(_status(int(fault.kind), fault))
    if fault.kind in _UNANSWERED:
        response = _response(answer, _UNANSWERED[fault.kind])
        if isinstance(response, Drip):
            response.over_ms = fault.latency_ms or Drip.over_ms
        return response
    return _response(_forged(fault.kind, answer))


def _status(status: int, fault: Fault) -> Answer:
    headers = {}
    if status in (429, 503):
        seconds = 1.0 if fault.retry_after_s is None else fault.retry_after_s
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        headers["Retry-After"] = date if fault.retry_after_form == "date" else f"{seconds:g}"
    if status >= 500:
        return Answer(status, "text/html", b"<html><h1>Something broke</h1></html>", headers=headers)
    if status == 403:
        return Answer(status, "text/plain", b"Forbidden for this key", headers=headers)
    said = json_answer(status, {"detail": {"error": f"Refused by order ({status})."}})
    return Answer(status, said.content_type, said.body, headers=headers)


def _forged(kind: str, answer: Answer) -> Answer:
    json_kind = "application/json"
    if kind == "truncate":
        return Answer(200, answer.content_type, answer.body[: len(answer.body) // 2])
    if kind == "garbage":
        return Answer(200, json_kind, b"<html>not what you asked for</html>")
    if kind == "html":
        return Answer(200, "text/html", b"<html>We will be back soon</html>")
    if kind == "shape":
        return Answer(200, json_kind, b'{"ok": true, "items": {"first": 1}}')
    if kind == "huge":
        return Answer(200, json_kind, b'{"results": "' + b"x" * 8_000_000 + b'"}')
    if kind == "redirect":
        return Answer(302, json_kind, b"", headers={"Location": "http://127.0.0.1:9/elsewhere"})
    return Answer(200, answer.content_type, _hostile(answer.body))


def _hostile(body: bytes) -> bytes:
    """Every name and title with a NUL, half a surrogate pair and 5,000 letters more."""
    poison = r"\\u0000\\ud83d" + "x" * 5000
    return re.sub(rb'("(?:name|title|city)": "[^"]*)"', rb"\1" + poison.encode() + rb'"', body)


def _response(answer: Answer, kind: type[Response] = Response) -> Response:
    return kind(answer.body, answer.status, answer.headers, media_type=answer.content_type)


class Silence(Response):
    """Never answers."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


class Drip(Response):
    """Answers so slowly that no single read is late, only the whole."""

    over_ms = 60_000.0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send(_start(self))
        gone = asyncio.ensure_future(receive())
        step = max(1, len(self.body) // DRIPS)
        for start in range(0, len(self.body), step):
            await send(_part(bytes(self.body[start : start + step])))
            await asyncio.wait([gone], timeout=self.over_ms / 1000 / DRIPS)
            if gone.done():
                return
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


class Cut(Response):
    """Announces the whole answer, sends half, and leaves: the server then drops the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(_start(self))
        await send(_part(bytes(self.body[: len(self.body) // 2])))


def _start(response: Response) -> Message:
    return {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


_UNANSWERED: dict[str, type[Response]] = {"timeout": Silence, "slow": Drip, "reset": Cut}
