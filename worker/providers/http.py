"""The one door to vendors over HTTP: deadlines, a size cap, no redirects, statuses as errors, keys never
shown.

Nothing is retried here: a page is the billable item, and only the caller knows whether it may be asked for
twice.

answer                                   error
2xx with JSON                            none
429                                      VendorBusy(after_s)         throttled: not served, not billed
408, 5xx                                 VendorDown(sent=True)       may have been billed
refused, reset before a byte left        VendorDown(sent=False)      cannot have been billed
timeout or cut after a byte left         VendorDown(sent=True)       may have been billed
401, 403                                 VendorRefused vendor_auth
402 and the vendor's own codes           VendorRefused vendor_quota
3xx                                      VendorRefused vendor_moved; never followed: it would carry the key
other 4xx                                VendorRefused vendor_rejected_request
2xx, but no JSON, cut JSON, too big      BadAnswer                   has probably been billed
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorDown, VendorRefused
from db import faults
from worker.providers.answers import Json, error_text, is_json, parse_json, retry_after_s
from worker.providers.redaction import Redactor

MAX_ANSWER_BYTES = 5_000_000
MAX_ERROR_BYTES = 16_384
#: Characters of what an error says that are shown and kept.
MAX_SAID = 300
MAX_CONNECT_S = 5.0
USER_AGENT = "headwater/0.1"
#: How an answer may be packed.
PACKED = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True)
class VendorRules:
    """How one vendor differs from the rest, and which settings hold its address and key."""

    vendor: str
    address_setting: str
    key_setting: str | None = None
    quota_statuses: Collection[int] = field(default_factory=lambda: frozenset({402}))


class VendorClient:
    """One vendor's connection pool. `timeout_s` is the deadline of a whole call, in seconds, body included.

    Raises from `get` and `post`: VendorBusy, VendorDown, VendorRefused, BadAnswer. Close with `close()`.
    """

    def __init__(
        self,
        rules: VendorRules,
        base_url: str,
        *,
        timeout_s: float,
        key: SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._rules = rules
        self._key = key
        self._timeout_s = timeout_s
        self._max_bytes = max_answer_bytes
        self._redact = Redactor([key] if key else [])
        self._client = _open(rules, base_url, timeout_s, dict(headers or {}))

    def __repr__(self) -> str:
        return f"<VendorClient {self._rules.vendor}>"

    async def get(self, path: str, params: Mapping[str, str]) -> Json:
        """Ask for `path` with `params`; the decoded JSON of a 2xx answer."""
        return await self._call("GET", path, params=dict(params))

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Json:
        """Send `body` as JSON to `path`; the decoded JSON of a 2xx answer."""
        return await self._call("POST", path, json=dict(body), headers=dict(headers))

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(self, method: str, path: str, **how: Any) -> Json:
        trail = _Trail()
        headers = {**how.pop("headers", {}), **self._authorization()}
        failure: HeadwaterError
        try:
            async with asyncio.timeout(self._timeout_s):
                request = self._client.build_request(
                    method, path, headers=headers, extensions={"trace": trail.note}, **how
                )
                faults.reached(self._rules.vendor, "before")
                response = await self._client.send(request, stream=True)
                try:
                    answer = await self._read(response)
                finally:
                    await response.aclose()
                faults.reached(self._rules.vendor, "after")
                return answer
        except (TimeoutError, httpx.TimeoutException):
            failure = self._down("did not answer in time", f"within {self._timeout_s:g} s", trail.sent)
        except httpx.DecodingError:
            failure = self._bad("a body that does not unpack")
        except httpx.TransportError as error:
            what = "cut the connection" if trail.sent else "cannot be reached"
            failure = self._down(what, self._redact(str(error)) or type(error).__name__, trail.sent)
        # Raised out here so that no httpx object, which holds the key, hangs on the error as its context.
        raise failure

    async def _read(self, response: httpx.Response) -> Json:
        if not response.is_success:
            raise self._refusal(response, await _error_body(response))
        body = await _body(response, self._max_bytes)
        if body is None:
            raise self._bad(f"an answer of more than {self._max_bytes} bytes")
        if not is_json(response.headers.get("content-type", "")):
            raise self._bad("something that is not JSON")
        try:
            return parse_json(body)
        except ValueError:
            pass
        raise self._bad("JSON that cannot be read (cut short?)")

    def _refusal(self, response: httpx.Response, body: bytes) -> HeadwaterError:
        rules, status = self._rules, response.status_code
        # Cut after it is redacted: half a key is not recognised.
        text = self._redact(error_text(response.headers.get("content-type", ""), body))[:MAX_SAID]
        said = f"{rules.vendor} answered {status}" + (f": {text}" if text else "")
        about: dict[str, Any] = {"vendor": rules.vendor, "status": status}
        if status == 429:
            return VendorBusy(said, after_s=retry_after_s(response.headers), **about)
        if status == 408 or status >= 500:
            return VendorDown(said, after_s=retry_after_s(response.headers), sent=True, **about)
        if status in rules.quota_statuses:
            hint = "credits are used up: raise the plan or wait"
            return VendorRefused(f"{said} · {hint}", code="vendor_quota", **about)
        if status in (401, 403):
            hint = f"check {rules.key_setting}" if rules.key_setting else "it wants a key we do not have"
            return VendorRefused(f"{said} · {hint}", code="vendor_auth", **about)
        if status < 400:
            hint = f"it points elsewhere: set {rules.address_setting} to its new address"
            return VendorRefused(f"{said} · {hint}", code="vendor_moved", **about)
        hint = "our request does not fit its API: report this"
        return VendorRefused(f"{said} · {hint}", code="vendor_rejected_request", **about)

    def _down(self, what: str, detail: str, sent: bool) -> VendorDown:
        text = f"{self._rules.vendor} {what} ({detail}); it will be asked again if that cannot cost twice"
        return VendorDown(text, sent=sent, vendor=self._rules.vendor)

    def _bad(self, what: str) -> BadAnswer:
        hint = f"look at its status page and at {self._rules.address_setting}"
        return BadAnswer(f"{self._rules.vendor} answered {what}: {hint}", vendor=self._rules.vendor)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}


class _Trail:
    """Watches one call, to tell "cannot have arrived" from "may have arrived"."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, _info: dict[str, Any]) -> None:
        self.sent = self.sent or event.endswith("send_request_headers.started")


def _open(rules: VendorRules, base_url: str, timeout_s: float, headers: dict[str, str]) -> httpx.AsyncClient:
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        hint = f"{rules.address_setting} is not an http(s) address: correct it"
        raise VendorRefused(hint, code="vendor_moved", vendor=rules.vendor)
    logging.getLogger("httpx").addFilter(Redactor.log_filter)
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip, deflate", **headers},
        timeout=httpx.Timeout(timeout_s, connect=min(MAX_CONNECT_S, timeout_s)),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        follow_redirects=False,
        verify=_trusted(),
        # A proxy of the environment is for the outside world, never for this machine.
        trust_env=address.hostname not in ("localhost", "127.0.0.1", "::1"),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates we trust, read from disk once for all vendors."""
    return httpx.create_ssl_context()


async def _error_body(response: httpx.Response) -> bytes:
    """What an error says, or nothing: its status alone decides, even if its body is cut or endless."""
    try:
        return await _body(response, MAX_ERROR_BYTES) or b""
    except httpx.HTTPError:
        return b""


async def _body(response: httpx.Response, limit: int) -> bytes | None:
    """The unpacked body, or None as soon as it is longer than `limit` bytes. Raises httpx.DecodingError.

    Unpacked here, piece by piece: httpx would unpack all that has arrived before anybody can count it.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in ("identity", *PACKED):
        raise httpx.DecodingError(f"packed as {encoding[:40]!r}, which was not asked for", request=response.request)
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in PACKED else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += packed.decompress(chunk, limit - len(body) + 1) if packed else chunk
        except zlib.error as error:
            raise httpx.DecodingError(str(error), request=response.request) from None
        if len(body) > limit:
            return None
    return bytes(body)
