"""The one door to vendors over HTTP: deadlines, a size cap, no redirects, refusals as errors, keys never shown.

Nothing is retried here: an item is what is billed, and only the caller knows whether it may be asked for twice.

answer                                   error
2xx with JSON                            none (unless the vendor says "no" with a 200: see `rules.py`)
a refusal                                by its class: see `rules.py`
refused, reset before a byte left        VendorDown(sent=False)      cannot have been billed
timeout or cut after a byte left         VendorDown(sent=True)       may have been billed
2xx, but no JSON, cut JSON, too big      BadAnswer                   has probably been billed
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from pydantic import SecretStr

from contracts.errors import BadAnswer, HeadwaterError, VendorDown, VendorRefused
from db import faults, spans
from worker.providers.answers import Json, is_json, parse_any
from worker.providers.guard import GuardedBackend, Refused
from worker.providers.keys import digest
from worker.providers.redaction import Redactor
from worker.providers.rules import Kind, Said, VendorRules, approach, departure, heard_hint, refusal

MAX_ANSWER_BYTES = 5_000_000
MAX_ERROR_BYTES = 16_384
MAX_CONNECT_S = 5.0
#: How long an idle connection is kept, in seconds. Many servers close theirs after 5: a request that meets that counts as sent, its
#: answer as lost.
KEEP_OPEN_S = 2.0
USER_AGENT = "headwater/0.1"
#: How an answer may be packed.
PACKED = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer that is no error. `kind` is "miss" or "suppressed" where the vendor says so, else None; `json` is None then,
    unless the body could be read.
    """

    status: int
    headers: Mapping[str, str]
    json: Any
    kind: Kind | None = None
    text: str = ""


class VendorClient:
    """One vendor's connection pool. `timeout_s` is the deadline of a whole call, in seconds, body included. `guarded`: the address
    is a tenant's word and not an operator's, so it is dialled only if it is on the open internet. `hidden`: what else is shown to
    nobody, should the vendor repeat it.

    Raises from `get`, `post` and `ask`: VendorBusy, VendorDown, VendorRefused, BadAnswer. Close with `close()`.
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
        guarded: bool = False,
        hidden: Sequence[SecretStr] = (),
    ) -> None:
        self._rules = rules
        self._key = key
        self._timeout_s = timeout_s
        self._max_bytes = max_answer_bytes
        self._redact = Redactor([*([key] if key else []), *hidden])
        if key and rules.key_place == "path":
            Redactor.hide(key)
        self._client = _open(rules, base_url, timeout_s, dict(headers or {}), guarded)

    @property
    def account(self) -> str | None:
        """Which account the key belongs to, as a digest that does not give the key away; None without a key."""
        return None if self._key is None else digest(self._key.get_secret_value())

    def __repr__(self) -> str:
        return f"<VendorClient {self._rules.vendor}>"

    async def get(self, path: str, params: Mapping[str, str]) -> Json:
        """Ask for `path` with `params`; the decoded JSON object of a 2xx answer."""
        return self._object(await self.ask("GET", path, params=params))

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Json:
        """Send `body` as JSON to `path`; the decoded JSON object of a 2xx answer."""
        return self._object(await self.ask("POST", path, json=body, headers=headers))

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | list[str]] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        text: bool = False,
        timeout_s: float | None = None,
    ) -> Heard:
        """One request. A miss or a suppression is an answer (`Heard.kind`). `text`: a 2xx need not be JSON. `content`: a
        body byte for byte (one that was signed).
        """
        trail, deadline = _Trail(), timeout_s or self._timeout_s
        how: dict[str, Any] = {"headers": {**(headers or {})}, "params": dict(params or {}), "content": content}
        if json is not None:
            how["json"] = json
        self._place_key(how)
        failure: HeadwaterError
        try:
            async with asyncio.timeout(deadline):
                request = self._client.build_request(
                    method, path, extensions={"trace": trail.note}, **{k: v for k, v in how.items() if v}
                )
                if (near := approach.get()) is not None:
                    await near()
                faults.reached(self._rules.vendor, "before")
                response = await self._client.send(request, stream=True)
                spans.tracer.heard(response.status_code)
                try:
                    answer = await self._read(response, text)
                finally:
                    await response.aclose()
                faults.reached(self._rules.vendor, "after")
                return answer
        except (TimeoutError, httpx.TimeoutException):
            failure = self._down("did not answer in time", f"within {deadline:g} s", trail.sent)
        except httpx.DecodingError:
            failure = self._bad("a body that does not unpack")
        except Refused as refused:
            words = f"{self._rules.vendor} was not asked: {refused}; correct its address"
            failure = VendorRefused(words, code="vendor_moved", vendor=self._rules.vendor)
        except httpx.TransportError as error:
            what = "cut the connection" if trail.sent else "cannot be reached"
            failure = self._down(what, self._redact(str(error)) or type(error).__name__, trail.sent)
        # Raised out here so that no httpx object, which holds the key, hangs on the error as its context.
        raise failure

    async def _read(self, response: httpx.Response, text: bool) -> Heard:
        body = await _body(response, self._max_bytes) if response.is_success else await _error_body(response)
        if body is None:
            raise self._bad(f"an answer of more than {self._max_bytes} bytes")
        said = Said(response.status_code, response.headers, body)
        if self._rules.hint is not None:
            heard_hint.set(self._rules.hint(said.headers))
        kind = self._rules.kind_of(said)
        if kind not in (None, "miss", "suppressed"):
            raise refusal(self._rules, kind, said, self._redact)
        return Heard(said.status, said.headers, self._json(said, kind, text), kind, _words(body) if text else "")

    def _json(self, said: Said, kind: Kind | None, text: bool) -> Any:
        readable = is_json(said.content_type)
        if not readable and kind is None and not text:
            raise self._bad("something that is not JSON")
        try:
            return parse_any(said.body) if readable else None
        except ValueError:
            if kind is not None or text:
                return None
        raise self._bad("JSON that cannot be read (cut short?)")

    def _object(self, heard: Heard) -> Json:
        if not isinstance(heard.json, dict):
            raise self._bad("JSON of another shape")
        return heard.json

    def _down(self, what: str, detail: str, sent: bool) -> VendorDown:
        text = f"{self._rules.vendor} {what} ({detail}); it will be asked again if that cannot cost twice"
        return VendorDown(text, sent=sent, vendor=self._rules.vendor)

    def _bad(self, what: str) -> BadAnswer:
        hint = f"look at its status page and at {self._rules.address_setting}"
        return BadAnswer(f"{self._rules.vendor} answered {what}: {hint}", vendor=self._rules.vendor)

    def _place_key(self, how: dict[str, Any]) -> None:
        if self._key is None:
            return
        place, _, name = self._rules.key_place.partition(":")
        key = self._key.get_secret_value()
        if place == "bearer":
            how["headers"]["Authorization"] = f"Bearer {key}"
        elif place == "basic":
            how["headers"]["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        elif place == "header":
            how["headers"][name] = key
        elif place == "query":
            how["params"][name] = key


def _words(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\0", "")


class _Trail:
    """Watches one call, to tell "cannot have arrived" from "may have arrived"."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, _info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            if (leave := departure.get()) is not None:
                await leave()
            self.sent = True


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """Dials what the guard has checked, so that a name that resolves to another address a moment later changes nothing."""

    def __init__(self, limits: httpx.Limits) -> None:
        super().__init__(verify=_trusted())
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trusted(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(),
        )


def _open(
    rules: VendorRules, base_url: str, timeout_s: float, headers: dict[str, str], guarded: bool
) -> httpx.AsyncClient:
    address = urlsplit(base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        hint = f"{rules.address_setting} is not an http(s) address: correct it"
        raise VendorRefused(hint, code="vendor_moved", vendor=rules.vendor)
    logging.getLogger("httpx").addFilter(Redactor.log_filter)
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=KEEP_OPEN_S)
    return httpx.AsyncClient(
        transport=_GuardedTransport(limits) if guarded else None,
        base_url=base_url,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip, deflate", **headers},
        timeout=httpx.Timeout(timeout_s, connect=min(MAX_CONNECT_S, timeout_s)),
        limits=limits,
        follow_redirects=False,
        verify=_trusted(),
        # A proxy of the environment is for the outside world, never for this machine; and it would resolve the name anew.
        trust_env=not guarded and address.hostname not in ("localhost", "127.0.0.1", "::1"),
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
