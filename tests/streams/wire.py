"""A server that speaks the wire protocol of NATS with just enough of JetStream, on a real socket, and fails as it is told.

Source: the NATS client protocol (INFO, CONNECT, PING, SUB, PUB, HPUB, MSG, HMSG) and the JetStream wire API (stream info, create
and update as JSON requests on `$JS.API`, publish acknowledgements as JSON replies, 503 in a status header where nobody listens).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

API = "$JS.API.STREAM."
NOT_FOUND = {"code": 404, "err_code": 10059, "description": "stream not found"}

#: What may happen to a published message: stored and told; stored, but nobody says so; stored, and the connection ends; nobody
#: listens; swallowed by a connection that stays open.
Fate = Literal["store", "lose_answer", "cut", "no_responders", "swallow"]


@dataclass
class Stored:
    subject: str
    id: str
    body: dict[str, Any]
    seq: int


@dataclass
class Wire:
    """`fates` and `errors` are taken one a message, then `usual`. `seen` is the duplicate window: clear it, and it is over."""

    port: int = 0
    config: dict[str, Any] | None = None
    messages: list[Stored] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    fates: list[Fate] = field(default_factory=list)
    usual: Fate = "store"
    errors: list[dict[str, Any]] = field(default_factory=list)
    published: int = 0
    duplicates: int = 0
    connections: int = 0
    api: list[str] = field(default_factory=list)
    jetstream: bool = True
    silent: bool = False
    max_payload: int = 1_048_576
    #: Set when a message came.
    came: asyncio.Event = field(default_factory=asyncio.Event)
    #: Set when somebody connected.
    met: asyncio.Event = field(default_factory=asyncio.Event)
    #: While there is one that is not set, nobody is greeted.
    held: asyncio.Event | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        return [each.id for each in self.messages]

    def cut(self) -> None:
        """End every connection."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.met.set()
        self._open.add(writer)
        subscriptions: dict[str, str] = {}
        try:
            if self.held is not None:
                await self.held.wait()
            if self.silent:
                await reader.read()
                return
            info = {"server_id": "W", "version": "2.15.0", "proto": 1, "headers": True, "max_payload": self.max_payload,
                    "jetstream": self.jetstream, "host": "127.0.0.1", "port": self.port}  # fmt: skip
            writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
            while line := await reader.readline():
                words = line.decode().split()
                match words[:1]:
                    case ["PING"]:
                        writer.write(b"PONG\r\n")
                    case ["SUB"]:
                        subscriptions[words[1]] = words[-1]
                    case ["PUB" | "HPUB"]:
                        await self._published(reader, writer, words, subscriptions)
                    case _:
                        pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went, or the test is over
        finally:
            self._open.discard(writer)
            writer.close()

    async def _published(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: list[str], to: dict[str, str]
    ) -> None:
        raw = (await reader.readexactly(int(words[-1]) + 2))[:-2]
        head, body = (raw[: int(words[-2])], raw[int(words[-2]) :]) if words[0] == "HPUB" else (b"", raw)
        if len(raw) > self.max_payload:
            writer.write(b"-ERR 'Maximum Payload Violation'\r\n")
            writer.close()
            return
        subject, reply = words[1], words[2]
        sid = next(sid for pattern, sid in to.items() if reply.startswith(pattern.rstrip("*>")))
        about_us = subject.startswith("$JS.API.")
        answer = self._asked(subject, body) if about_us else self._stored(writer, subject, head, body)
        if answer is None:
            return
        if answer == "no_responders":
            writer.write(f"HMSG {reply} {sid} 16 16\r\nNATS/1.0 503\r\n\r\n\r\n".encode())
            return
        said = json.dumps(answer).encode()
        writer.write(f"MSG {reply} {sid} {len(said)}\r\n".encode() + said + b"\r\n")

    def _asked(self, subject: str, body: bytes) -> dict[str, Any] | Literal["no_responders"]:
        if not self.jetstream:
            return "no_responders"
        verb = subject.removeprefix(API).split(".")[0]
        self.api.append(verb)
        if verb in ("CREATE", "UPDATE"):
            self.config = json.loads(body)
        if self.config is None:
            return {"error": NOT_FOUND}
        return {"config": self.config, "state": {"messages": len(self.messages)}}

    def _stored(
        self, writer: asyncio.StreamWriter, subject: str, head: bytes, body: bytes
    ) -> dict[str, Any] | Literal["no_responders"] | None:
        self.published += 1
        self.came.set()
        if self.errors:
            return {"error": self.errors.pop(0)}
        fate = self.fates.pop(0) if self.fates else self.usual
        if fate == "swallow":
            return None
        if fate == "no_responders" or self.config is None:
            return "no_responders"
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
        stream = self.config["name"]
        if headers["Nats-Expected-Stream"] != stream:
            return {"error": {"code": 400, "err_code": 10060, "description": "expected stream does not match"}}
        id_ = headers["Nats-Msg-Id"]
        again = id_ in self.seen
        self.duplicates += again
        if not again:
            self.messages.append(Stored(subject, id_, json.loads(body), len(self.messages) + 1))
            self.seen[id_] = len(self.messages)
        if fate == "cut":
            writer.transport.abort()
            return None
        if fate == "lose_answer":
            return None
        return {"stream": stream, "seq": self.seen[id_]} | ({"duplicate": True} if again else {})


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await server.wait_closed()
