"""A file over HTTP onto the disk: streamed, bounded in size and time, no redirects, no key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from contracts.errors import BadAnswer, HeadwaterError, VendorDown, VendorRefused
from worker.providers.http import MAX_CONNECT_S, USER_AGENT


class FileFetch:
    """Fetches links that a vendor gave us. They hold a signature, so they are never shown. Close with `close()`.

    Opens no connection before it is used.
    """

    def __init__(self, vendor: str, *, timeout_s: float, max_bytes: int) -> None:
        self._vendor = vendor
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, link: str, path: Path) -> int:
        """Write what stands at `link` into `path`; gives its size in bytes.

        Raises: VendorRefused for a 4xx (the link is over, or was never good); VendorDown for 5xx, timeouts, cuts; BadAnswer for a
        file that is too large or shorter than it said.
        """
        failure: HeadwaterError
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._stream(link, path)
        except (TimeoutError, httpx.TimeoutException):
            failure = VendorDown(f"{self._vendor}'s file did not arrive within {self._timeout_s:g} s", sent=True)
        except httpx.RemoteProtocolError:
            failure = BadAnswer(f"{self._vendor}'s file came cut short: it will be fetched anew by the next run")
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            failure = VendorDown(f"{self._vendor}'s file could not be fetched ({type(error).__name__})", sent=True)
        # Raised out here so that no httpx object, which holds the signed link, hangs on the error as its context.
        raise failure

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _stream(self, link: str, path: Path) -> int:
        if self._client is None:
            patience = httpx.Timeout(60.0, connect=MAX_CONNECT_S)
            local = httpx.URL(link).host in ("localhost", "127.0.0.1", "::1")
            self._client = httpx.AsyncClient(
                headers={"User-Agent": USER_AGENT}, timeout=patience, follow_redirects=False, trust_env=not local
            )
        async with self._client.stream("GET", link) as answer:
            self._check(answer)
            size = 0
            with path.open("wb") as file:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > self._max_bytes:
                        raise BadAnswer(f"{self._vendor}'s file has more than {self._max_bytes} bytes: not taken")
                    file.write(chunk)
        return size

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status >= 500 or status in (408, 429):
            raise VendorDown(f"{self._vendor}'s file store answered {status}", sent=True, status=status)
        if status != 200:
            raise VendorRefused(
                f"{self._vendor}'s file store answered {status}: the link is over or forbidden",
                code="no_download",
                status=status,
            )
