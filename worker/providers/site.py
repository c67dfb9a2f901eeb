"""Fetches single pages of strangers' sites: guarded, capped in bytes and time, text only, redirects within the site.

Nothing is raised for what a site does: `Fetched.trouble` says what became of a page without text.

trouble       meaning
unreachable   no name, no connection, no answer in time, cut off
refused       we do not go there: see `guard.py`
off_site      it redirects to another domain (`final_url`), which is not followed
robots        `permit` said no
blocked       401, 403, 429, 451, 503: it turns us away
missing       another status than 2xx
dropped       no text: another content type, unreadable packing, endless redirects
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urljoin

import httpcore
import httpx

from contracts.settings import Settings
from worker.providers.answers import retry_after_s
from worker.providers.charset import decoded
from worker.providers.guard import GuardedBackend, Refused, Target, gateway_of, target

Trouble = Literal["unreachable", "refused", "off_site", "robots", "blocked", "missing", "dropped"]
#: Asked before each request, redirects included; held while it runs. May raise NotPermitted.
Permit = Callable[[Target], AbstractAsyncContextManager[None]]

MAX_REDIRECTS = 5
MAX_CONNECT_S = 5.0
CONNECTIONS = 8
KEEP_ALIVE_S = 60.0
#: Of an answer that is no page: read to keep the connection, not to be understood.
MAX_ERROR_BYTES = 65_536
TEXT_KINDS = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
_TURNED_AWAY = frozenset({401, 403, 407, 429, 451, 503})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotPermitted(Exception):
    """Raised by a permit; the message is the reason, `trouble` what it means for the page."""

    def __init__(self, reason: str, trouble: Trouble = "robots") -> None:
        super().__init__(reason)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one page. `url` was asked for, `final_url` answered; header names are in lower case."""

    url: str
    final_url: str
    status: int | None = None
    content_type: str = ""
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None
    reason: str | None = None
    truncated: bool = False

    @property
    def retry_after_s(self) -> float | None:
        """How long the site asked to be left alone."""
        return retry_after_s(self.headers)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes | None
    truncated: bool = False


class SiteFetcher:
    """Fetches pages of any number of sites. Close with `close()`.

    `gateway` (an http address): every request goes there, with the site's Host header and its scheme in X-Forwarded-Proto.
    """

    def __init__(self, *, user_agent: str, timeout_s: float, max_bytes: int, gateway: str | None = None) -> None:
        self.user_agent = user_agent
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._gateway = gateway_of(gateway)
        self._trusted = httpx.create_ssl_context()
        self._pool = self._open()

    def _open(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted,
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=GuardedBackend(self._gateway),
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SiteFetcher]:
        """The same with connections of its own, for one walk. A pool looks through all it has at each request: a site's
        connections are of no use to others, and must not wait there.
        """
        one = copy(self)
        one._pool = self._open()
        try:
            yield one
        finally:
            await one.close()

    async def fetch(
        self,
        url: str,
        permit: Permit | None = None,
        *,
        within: str | None = None,
        max_bytes: int | None = None,
        any_type: bool = False,
    ) -> Fetched:
        """The page at `url`. Redirects are followed inside the registrable domain `within`; None: wherever the guard allows.

        `any_type`: take the text whatever it calls itself (robots.txt). Passes through what `permit` raises but NotPermitted.
        """
        at = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                to = target(at)
                if within is not None and to.domain != within:
                    return Fetched(url, to.url, trouble="off_site", reason=f"it redirects to {to.domain}")
                at = to.url
                async with permit(to) if permit is not None else nullcontext():
                    answer = await self._hop(to, max_bytes or self._max_bytes, any_type)
                onward = answer.headers.get("location") if answer.status in _REDIRECTS else None
                if onward is None:
                    return _judged(url, at, answer)
                at = urljoin(at, onward)
        except Refused as error:
            return Fetched(url, at[:2000], trouble="refused", reason=str(error))
        except NotPermitted as error:
            return Fetched(url, at, trouble=error.trouble, reason=str(error))
        except _Unread as error:
            return Fetched(url, at, trouble="dropped", reason=str(error))
        except (TimeoutError, httpcore.TimeoutException):
            return Fetched(url, at, trouble="unreachable", reason=f"no answer within {self._timeout_s:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            return Fetched(url, at, trouble="unreachable", reason=_why(error))
        return Fetched(url, at[:2000], trouble="missing", reason="redirects without end")

    async def close(self) -> None:
        await self._pool.aclose()

    async def _hop(self, to: Target, limit: int, any_type: bool) -> _Answer:
        """One request. Raises what httpcore raises, TimeoutError, Refused, and _Unread for a body that does not unpack."""
        async with (
            # The whole of it has this long: drips are no way to hold us.
            asyncio.timeout(self._timeout_s),
            self._pool.stream(
                "GET",
                to.url if self._gateway is None else f"http://{to.host}{to.path}",
                headers=self._headers(to),
                extensions={"timeout": {"connect": min(MAX_CONNECT_S, self._timeout_s), "pool": self._timeout_s}},
            ) as response,
        ):
            headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
            good = 200 <= response.status < 300
            if good and not any_type and not _is_text(headers):
                return _Answer(response.status, headers, None)
            body, whole = await _unpacked(response.aiter_stream(), headers, limit if good else MAX_ERROR_BYTES, good)
            return _Answer(response.status, headers, body, not whole)

    def _headers(self, to: Target) -> dict[bytes | str, bytes | str]:
        sent: dict[bytes | str, bytes | str] = {
            "Host": to.host,
            "User-Agent": self.user_agent,
            "Accept": "text/html,application/xhtml+xml,text/plain;q=0.8",
            "Accept-Language": "en,*;q=0.5",
            "Accept-Encoding": "gzip, deflate",
        }
        return sent if self._gateway is None else {**sent, "X-Forwarded-Proto": to.scheme}


def make(settings: Settings) -> SiteFetcher:
    """The fetcher these settings describe; `crawler.py` says whether there should be one. ValueError: a bad CRAWL_GATEWAY."""
    return SiteFetcher(
        user_agent=settings.crawler_user_agent,
        timeout_s=settings.crawler_timeout_s,
        max_bytes=settings.crawl_max_bytes,
        gateway=settings.crawl_gateway,
    )


class _Unread(Exception):
    """A body that cannot be unpacked."""


def _is_text(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type", "text/html").partition(";")[0].strip().lower()
    return kind in TEXT_KINDS and "attachment" not in headers.get("content-disposition", "").lower()


def _judged(url: str, at: str, answer: _Answer) -> Fetched:
    kind, status = answer.headers.get("content-type", "")[:300], answer.status
    known = Fetched(url, at, status, kind, headers=answer.headers, truncated=answer.truncated)
    if status in _TURNED_AWAY:
        return replace(known, trouble="blocked", reason=f"it answered {status}")
    if not 200 <= status < 300:
        return replace(known, trouble="missing", reason=f"it answered {status}")
    if answer.body is None:
        return replace(known, trouble="dropped", reason=f"no text: {kind[:100]}")
    return replace(known, text=decoded(answer.body, kind))


async def _unpacked(
    pieces: AsyncIterator[bytes], headers: Mapping[str, str], limit: int, good: bool
) -> tuple[bytes, bool]:
    """(at most `limit` bytes unpacked, whether that is all). Counted while it unpacks: a small answer may unpack to gigabytes."""
    packing = headers.get("content-encoding", "identity").strip().lower() or "identity"
    if packing not in ("identity", "gzip", "x-gzip", "deflate"):
        if good:
            raise _Unread(f"packed as {packing[:40]!r}, which was not asked for")
        packing = "identity"
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packing != "identity" else None
    body = bytearray()
    async for piece in pieces:
        try:
            body += unpack.decompress(piece, limit - len(body) + 1) if unpack else piece
        except zlib.error:
            raise _Unread("a body that does not unpack") from None
        if len(body) > limit:
            return bytes(body[:limit]), False
    return bytes(body), True


def _why(error: Exception) -> str:
    """A reason without addresses or letters of an answer."""
    text = str(error).lower()
    if "certificate" in text or "ssl" in text or "tls" in text:
        return "its certificate does not hold"
    if "resolve" in text:
        return "the name does not resolve"
    return "its answer is no HTTP" if isinstance(error, httpcore.ProtocolError | ValueError) else "no connection"
