"""Clients of an HTTP address, in a process of their own: `python -m front.bench.load PORT CLIENTS SECONDS`, the request on stdin.

Each client keeps one connection and sends the same request again as soon as it is answered. Prints {"answered", "refused",
"took_s"} as JSON. No HTTP library: its cost would hide what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

_LENGTH = b"content-length: "


async def _client(port: int, request: bytes, until: float) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = refused = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        await reader.readexactly(int(head[at : head.index(b"\r", at)]))
        if head.startswith(b"http/1.1 2"):
            answered += 1
        else:
            refused += 1
    writer.close()
    return answered, refused


async def _load(port: int, clients: int, seconds: float, request: bytes) -> dict[str, float]:
    began = time.perf_counter()
    counts = await asyncio.gather(*[_client(port, request, began + seconds) for _ in range(clients)])
    return {
        "answered": sum(answered for answered, _ in counts),
        "refused": sum(refused for _, refused in counts),
        "took_s": time.perf_counter() - began,
    }


if __name__ == "__main__":
    port, clients, seconds = sys.argv[1:]
    load = _load(int(port), int(clients), float(seconds), sys.stdin.buffer.read())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load)))
