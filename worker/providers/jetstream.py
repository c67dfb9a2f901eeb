"""One connection to NATS: it makes or checks the stream when it opens, and publishes with a receipt for each message.

It never reconnects by itself: whoever holds it closes it at the first doubt and opens another, behind a breaker. So a
connection in use has always seen its stream, and a half-open one lives no longer than one time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import nats.errors
import structlog
from nats.aio.client import Client

from contracts.settings import Settings
from contracts.streams import AROUND_BYTES, Answer, Message, StreamReport, answer_of, unfit
from worker.providers.nats_login import login

log = structlog.get_logger("jetstream")
#: A connection that says nothing to so many pings, so many seconds apart, is dead.
PING_S, PINGS = 5, 2
#: How long a connection that is given up may take to close, in seconds.
CLOSE_S = 1.0
_NOT_FOUND, _NAME_IN_USE = 10059, 10058
_NS = 1_000_000_000


class Unreachable(Exception):
    """NATS is not there, says no to us, or has no stream that is fit. The message says which; it holds no password."""


class Connection:
    """Open with `open_connection`, close with `close`. `gone` is set when it is over."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self.gone = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._client.is_connected and not self.gone.is_set()

    async def close(self) -> None:
        """Give it up. What has no receipt yet has none."""
        self.gone.set()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client.close(), CLOSE_S)

    async def publish(self, messages: Sequence[Message]) -> list[Answer]:
        """Send them at once; gives one answer each, within the time-out. `outage` of one may yet have arrived."""
        if not self.is_open:
            return [Answer("outage", "the connection is lost")] * len(messages)
        tasks = [asyncio.create_task(self._publish(each)) for each in messages]
        everything = asyncio.ensure_future(asyncio.wait(tasks))
        over = asyncio.create_task(self.gone.wait())
        try:
            limit_s = self._settings.nats_timeout_s + CLOSE_S
            await asyncio.wait({everything, over}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            for task in tasks:
                task.cancel()
            await everything
        lost = Answer("outage", "the connection was lost before the answer came")
        return [lost if task.cancelled() else task.result() for task in tasks]

    async def _publish(self, message: Message) -> Answer:
        room = self._client.max_payload - AROUND_BYTES
        if len(message.body) > room:  # the server would end the connection, and with it all that is under way
            return Answer("refused", f"it has {len(message.body)} bytes, and this server takes {room}")
        headers = {"Nats-Msg-Id": message.id, "Nats-Expected-Stream": self._settings.nats_stream}
        try:
            said = await self._client.request(
                message.subject, message.body, timeout=self._settings.nats_timeout_s, headers=headers
            )
            return answer_of(_read(said.data), self._settings.nats_stream)
        except nats.errors.NoRespondersError:
            return Answer("outage", f"no stream takes {message.subject}")
        except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
            return Answer("outage", _words(error, self._settings))

    async def ready(self, *, make: bool = True) -> StreamReport:
        """The stream as it is; with `make` it is made where there is none. Raises: Unreachable when it cannot be asked."""
        s, made = self._settings, False
        told = await self._api(f"STREAM.INFO.{s.nats_stream}", {})
        if make and _code(told) == _NOT_FOUND:
            told = await self._api(f"STREAM.CREATE.{s.nats_stream}", wanted(s))
            made = _code(told) is None
            if _code(told) == _NAME_IN_USE:  # another worker has just made it
                told = await self._api(f"STREAM.INFO.{s.nats_stream}", {})
        if "error" in told:
            raise Unreachable(f"stream {s.nats_stream}: {told['error'].get('description')}")
        config: dict[str, Any] = told["config"]
        return StreamReport(
            stream=s.nats_stream, subjects=config.get("subjects") or [], made=made,
            max_age_s=config.get("max_age", 0) / _NS, duplicate_window_s=config.get("duplicate_window", 0) / _NS,
            replicas=config.get("num_replicas", 1), messages=told["state"]["messages"],
            server=str(self._client.connected_server_version), unfit=unfit(config, f"{s.nats_subject_prefix}.>"),
        )  # fmt: skip

    async def mend(self) -> StreamReport:
        """Make the stream, or change what makes it unfit. Raises: Unreachable, also where it may not be changed."""
        await self.ready()
        told = await self._api(f"STREAM.INFO.{self._settings.nats_stream}", {})
        config, ours = told["config"], wanted(self._settings)
        if unfit(config, ours["subjects"][0]):
            subjects = [*(config.get("subjects") or []), *ours["subjects"]]
            changed = {name: ours[name] for name in ("max_age", "duplicate_window")} | {"no_ack": False}
            if not unfit(config | changed, ours["subjects"][0]):
                subjects = config["subjects"]
            told = await self._api(
                f"STREAM.UPDATE.{self._settings.nats_stream}", config | changed | {"subjects": subjects}
            )
            if "error" in told:
                raise Unreachable(f"stream {self._settings.nats_stream}: {told['error'].get('description')}")
        return await self.ready(make=False)

    async def _api(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                f"$JS.API.{what}", json.dumps(body).encode() if body else b"", timeout=self._settings.nats_timeout_s
            )
            return _read(answer.data)
        except nats.errors.NoRespondersError:
            raise Unreachable("this NATS server has no JetStream: start it with -js") from None
        except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(_words(error, self._settings)) from None


def wanted(s: Settings) -> dict[str, Any]:
    """The stream we make. Ages are nanoseconds in this API."""
    return {
        "name": s.nats_stream, "subjects": [f"{s.nats_subject_prefix}.>"], "retention": "limits", "storage": "file",
        "discard": "old", "max_age": int(s.nats_max_age_s * _NS), "duplicate_window": int(s.nats_duplicate_window_s * _NS),
        "num_replicas": s.nats_replicas, "max_msgs": -1, "max_bytes": -1, "max_consumers": -1,
    }  # fmt: skip


async def dial(settings: Settings) -> Connection:
    """A connection to the first of `NATS_URL` that answers; nothing is asked of the stream yet. Raises: Unreachable."""
    client = Client()
    made = Connection(client, settings)

    async def over() -> None:
        made.gone.set()

    async def trouble(error: Exception) -> None:
        log.warning("nats_trouble", error=_words(error, settings))

    try:
        who = await login(settings)
        async with asyncio.timeout(settings.nats_timeout_s):
            await client.connect(
                settings.nats_servers, **who, name="headwater", allow_reconnect=False, ping_interval=PING_S,
                max_outstanding_pings=PINGS, connect_timeout=max(1, int(settings.nats_timeout_s)),
                error_cb=trouble, closed_cb=over, disconnected_cb=over,
            )  # fmt: skip
        return made
    except Exception as error:  # the library raises whatever it meets in what a server says
        words = _words(error, settings)
    await made.close()
    # Raised out here so that no error of the library's, which may hold what the server said, hangs on it as its context.
    raise Unreachable(words)


async def open_connection(settings: Settings) -> Connection:
    """A connection whose stream is there and fit; it is made where there is none. Raises: Unreachable."""
    made = await dial(settings)
    try:
        report = await made.ready()
        if report.unfit:
            raise Unreachable(f"stream {report.stream} is unfit: {'; '.join(report.unfit)}")
    except BaseException:
        await made.close()
        raise
    if report.made:
        log.info("stream_made", stream=report.stream, subjects=report.subjects)
    return made


def _read(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("an answer that is no object")  # noqa: TRY004 - as if it were no JSON
    return found


def _code(told: dict[str, Any]) -> int | None:
    error = told.get("error")
    return error.get("err_code") if isinstance(error, dict) else None


def _words(error: BaseException, settings: Settings) -> str:
    """What went wrong, without the addresses, which may hold passwords, and without a password that a server repeats."""
    said = str(error) or type(error).__name__
    for each in settings.nats_servers:
        said = said.replace(each, "NATS_URL")
        parts = urlsplit(each)
        # Without a password the user is a token.
        secret = parts.password or (parts.username or "")
        for shape in filter(None, (secret, unquote(secret))):
            said = said.replace(shape, "***")
    if isinstance(error, TimeoutError):
        return f"no answer within {settings.nats_timeout_s:g} s"
    return said[:300]
