"""A vendor that says exactly what a test wants, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Saying:
    """`url` is its address; `asked` the bodies of the requests as JSON (None without one), `paths` their first lines."""

    url: str = ""
    asked: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@asynccontextmanager
async def saying(*answers: tuple[int, Any] | tuple[int, Any, dict[str, str]]) -> AsyncIterator[Saying]:
    """Answer with (status, JSON, headers) in turn, the last one for ever."""
    heard, turn = Saying(), iter(range(10**9))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
        body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
        heard.paths.append(head.partition("\r\n")[0])
        heard.asked.append(json.loads(body) if body else None)
        status, value, *more = answers[min(next(turn), len(answers) - 1)]
        said = json.dumps(value).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(said)), "Connection": "close"}
        headers |= more[0] if more else {}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    heard.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield heard
    finally:
        server.close()
