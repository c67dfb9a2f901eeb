"""Posting to addresses that tenants named: https to the open internet by name and nowhere else, no redirects, answers unread.

The name is resolved where the connection is made and what it leads to is checked (`guard.py`), whatever it led to when it was
registered. Only with `loopback` may a URL lead to this machine, over http: for tests and the sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpcore
import httpx

from contracts.webhook_endpoints import is_loopback
from worker.providers.guard import GuardedBackend, Refused, target

MAX_CONNECT_S = 5.0
CONNECTIONS = 64
#: Of an answer: read to keep the connection, not to be understood.
MAX_ANSWER_BYTES = 65_536


class Unreachable(Exception):
    """Nobody there, no answer in time, or cut off. It may have arrived."""


class Forbidden(Exception):
    """We do not go there; the message says why."""


class Poster:
    """Posts bodies. `timeout_s` is the deadline of one post. Close with `close()`."""

    def __init__(self, *, timeout_s: float, loopback: bool) -> None:
        self._timeout_s, self._loopback = timeout_s, loopback
        context = httpx.create_ssl_context()
        common = {"ssl_context": context, "max_connections": CONNECTIONS, "keepalive_expiry": 30.0, "retries": 0}
        self._open = httpcore.AsyncConnectionPool(network_backend=GuardedBackend(), **common)  # type: ignore[arg-type]
        self._here = httpcore.AsyncConnectionPool(**common)  # type: ignore[arg-type]

    async def close(self) -> None:
        await self._open.aclose()
        await self._here.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer. Raises: Unreachable, Forbidden."""
        pool = self._here
        if not (self._loopback and is_loopback(url)):
            pool = self._open
            try:
                wanted = target(url)
            except Refused as error:
                raise Forbidden(str(error)) from None
            if wanted.scheme != "https":
                raise Forbidden("it is not https")
            url = wanted.url
        timeouts = {"connect": min(MAX_CONNECT_S, self._timeout_s), "read": self._timeout_s, "write": self._timeout_s}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                pool.stream(
                    "POST",
                    url,
                    headers=[*headers.items(), ("Host", _host(url)), ("Content-Length", str(len(body)))],
                    content=body,
                    extensions={"timeout": {**timeouts, "pool": self._timeout_s}},
                ) as response,
            ):
                await _drain(response)
                return int(response.status)
        except Refused as error:
            raise Forbidden(str(error)) from None
        except (TimeoutError, httpcore.TimeoutException):
            raise Unreachable(f"no answer within {self._timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            raise Unreachable(str(error)[:200] or type(error).__name__) from None


def _host(url: str) -> str:
    return url.partition("//")[2].partition("/")[0].partition("?")[0]


async def _drain(response: httpcore.Response) -> None:
    read = 0
    async for chunk in response.aiter_stream():
        read += len(chunk)
        if read > MAX_ANSWER_BYTES:
            return
