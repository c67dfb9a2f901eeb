"""Sentry: errors that nobody caught, and alerts, as envelopes to the project that SENTRY_DSN names. Off without it.

Source: Sentry's SDK documentation, "Envelopes" and "Event Payloads". A DSN is https://KEY@HOST/PROJECT; an envelope goes to
https://HOST/api/PROJECT/envelope/ with the key in X-Sentry-Auth. What leaves the house: the error's kind, its text without what
stands in quotes, where in our code it happened (file, function, line), and the ids of run, job, correlation and request. Never
arguments, local variables, headers, bodies or settings.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from pydantic import SecretStr

from contracts.errors import VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import Alert
from contracts.settings import Settings
from worker.providers.alert_words import details, plain
from worker.providers.keys import absent
from worker.providers.redaction import Redactor

CLIENT = "headwater/0.1"
TIMEOUT_S = 5.0
#: Errors that wait to be sent; more are dropped and counted: a storm must not become one of Sentry's as well.
WAITING = 100
FRAMES = 50
#: Bound by the frames around jobs and requests. Names of ours and ids only.
TAGS = ("runId", "job", "executionId", "correlationId", "requestId", "service", "event")
#: Of an error's text, what may be somebody's: all that is quoted, values in a database's detail, long digits.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|=\([^)]*\)|\b\d{6,}\b")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def address_of(dsn: str) -> tuple[str, str]:
    """(URL for envelopes, public key). Raises: ValueError for what is no DSN."""
    parts = urlsplit(dsn)
    prefix, _, project = parts.path.rstrip("/").rpartition("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or not project.isdigit():
        raise ValueError("SENTRY_DSN must be https://KEY@HOST/PROJECT: copy it from the project's settings")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{prefix}/api/{project}/envelope/", parts.username


def secrets_of(settings: Settings) -> list[SecretStr]:
    """Every secret among the settings."""
    values = (getattr(settings, name, None) for name in Settings.model_fields)
    return [value for value in values if isinstance(value, SecretStr) and len(value.get_secret_value()) > 3]


def envelope(event: Mapping[str, Any], dsn_sent_at: str | None = None) -> bytes:
    """An event in an envelope: a header, an item's header, the item; a line each."""
    sent_at = dsn_sent_at or datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    lines = (
        {"event_id": event["event_id"], "sent_at": sent_at},
        {"type": "event", "content_type": "application/json"},
        event,
    )
    return "\n".join(json.dumps(line, ensure_ascii=False, default=str) for line in lines).encode() + b"\n"


def event_of(error: BaseException, context: Mapping[str, Any], *, env: str, redact: Redactor) -> dict[str, Any]:
    """An error and what it was about. `context`: the log entry; only TAGS of it are looked at."""
    chain = list(_chain(error))
    tags = {name: str(context[name])[:200] for name in TAGS if context.get(name) is not None}
    return _event(env) | {
        "level": "error",
        "logger": str(context.get("logger", "headwater"))[:100],
        "tags": tags,
        "exception": {"values": [_exception(each, redact) for each in reversed(chain)]},
    }


def _event(env: str) -> dict[str, Any]:
    return {
        "event_id": uuid4().hex, "timestamp": time.time(), "platform": "python", "environment": env, "server_name": "headwater",
        "sdk": {"name": "headwater.envelope", "version": "0.1"},
    }  # fmt: skip


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < 5:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _exception(error: BaseException, redact: Redactor) -> dict[str, Any]:
    frames = [
        {
            "filename": _short(frame.f_code.co_filename), "function": frame.f_code.co_name, "lineno": line,
            "in_app": "site-packages" not in frame.f_code.co_filename,
        }
        for frame, line in walk_tb(error.__traceback__)
    ]  # fmt: skip
    kind = type(error)
    return {
        "type": kind.__name__, "module": kind.__module__, "value": words_of(str(error), redact),
        "stacktrace": {"frames": frames[-FRAMES:]},
    }  # fmt: skip


def words_of(text: str, redact: Redactor) -> str:
    """An error's text as it may leave: without secrets, quotes, addresses, numbers of people. Ids of ours stay."""
    kept: list[str] = []

    def put_by(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\x01{len(kept) - 1}\x02"

    text = _QUOTED.sub("[…]", _UUID.sub(put_by, redact(text[:2000])))
    text = plain(text)
    return re.sub("\x01(\\d+)\x02", lambda n: kept[int(n[1])], text)[:1000]


def _short(path: str) -> str:
    """A path without the machine it is on."""
    for root in sorted(filter(None, sys.path), key=len, reverse=True):
        if path.startswith(root + "/"):
            return path[len(root) + 1 :]
    return path.rpartition("/")[2]


class Reporter:
    """Sends errors from a thread of its own, so that whoever failed waits for nothing. `close()` gives what waits two seconds."""

    def __init__(self, settings: Settings) -> None:
        assert settings.sentry_dsn is not None
        self._url, self._key = address_of(settings.sentry_dsn.get_secret_value())
        self._env, self._redact = settings.env, Redactor(secrets_of(settings))
        self._waiting: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="sentry", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def report(self, error: BaseException, context: Mapping[str, Any]) -> None:
        """Have it sent. Never raises, never waits."""
        try:
            self._waiting.put_nowait(envelope(event_of(error, context, env=self._env, redact=self._redact)))
        except Exception:
            self.dropped += 1

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        try:
            self._waiting.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(2)

    def _work(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=not _is_here(self._url)) as client:
            while (body := self._waiting.get()) is not None:
                try:
                    # Its answer is not read: one that never ended would hold up all that wait.
                    with client.stream("POST", self._url, content=body, headers=_headers(self._key)):
                        pass
                except Exception:
                    self.dropped += 1


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _headers(key: str) -> dict[str, str]:
    return {
        "Content-Type": "application/x-sentry-envelope", "User-Agent": CLIENT,
        "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key}, sentry_client={CLIENT}",
    }  # fmt: skip


async def tell(settings: Settings, alert: Alert) -> None:
    """An alert as an event of its own, grouped by its key. The end of one is no event: Sentry resolves by itself.

    Raises: VendorRefused (also `vendor_absent`), VendorDown, VendorBusy.
    """
    if alert.resolved:
        return
    if settings.sentry_dsn is None:
        raise absent("sentry", "SENTRY_DSN is not set: set it, or use another channel")
    try:
        url, key = address_of(settings.sentry_dsn.get_secret_value())
    except ValueError as error:
        raise absent("sentry", str(error)) from None
    level = "fatal" if alert.severity == "critical" else alert.severity
    event = _event(settings.env) | {
        "level": level, "logger": "headwater.alerts", "message": {"formatted": plain(alert.summary)}, "fingerprint": [alert.key],
        "extra": details(alert), "tags": {"rule": plain(alert.component or "")},
    }  # fmt: skip
    status = await _status_of(url, key, envelope(event))
    if status == 429:
        raise VendorBusy("sentry says that it is too much at once", after_s=60.0, vendor="sentry")
    if status >= 500 or status == 408:
        raise VendorDown(f"sentry answered {status}", vendor="sentry")
    if status >= 300:
        raise VendorRefused(f"sentry answered {status}: check SENTRY_DSN", vendor="sentry")


async def _status_of(url: str, key: str, body: bytes) -> int:
    """What it answers, within TIMEOUT_S. Nothing but the status is waited for. Raises: VendorDown."""
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=not _is_here(url)) as client,
            client.stream("POST", url, content=body, headers=_headers(key)) as answer,
        ):
            return answer.status_code
    except (TimeoutError, httpx.HTTPError) as error:
        why = type(error).__name__
    raise VendorDown(f"sentry cannot be reached: {why}", vendor="sentry")
