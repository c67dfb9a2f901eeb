"""A web of strangers on one loopback port: what each host and path answers, down to the byte; CRAWL_GATEWAY leads here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def http(status: int, body: bytes | str = b"", **headers: str) -> bytes:
    """An HTTP/1.1 answer; header names with underscores for hyphens."""
    raw = body.encode() if isinstance(body, str) else body
    said = {"content_type": "text/html; charset=utf-8", "content_length": str(len(raw)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode("latin-1") + raw


class Strangers:
    """`pages["host/path"]` is what is answered there, 404 elsewhere; `asked` is what came: "scheme://host/path"."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.url = ""
        self.most_at_once = 0
        self._at_once = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Strangers]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        yield self
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                said = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                path, host = first.split()[1], said["host"]
                self.asked.append(f"{said.get('x-forwarded-proto', 'http')}://{host}{path}")
                self.agents.add(said.get("user-agent", ""))
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                # Long enough that a second request would meet this one.
                await asyncio.sleep(0.002)
                self._at_once -= 1
                answer = self.pages.get(host + path, http(404, "<h1>nothing here</h1>"))
                if callable(answer):
                    await answer(writer)
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def strangers() -> AsyncIterator[Strangers]:
    async with Strangers().open() as web:
        yield web
