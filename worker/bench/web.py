"""The sandbox's plain sites for measurements: rendered once, then served from memory, so that the crawler is what is measured.

As a process: `python -m worker.bench.web SITES` prints `ready URL` and serves until it is told to stop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from worker.providers.sandbox import sites
from worker.providers.sandbox.vendor import Asked
from worker.providers.sandbox.world import LANDS, Company, World

PATHS = ("/robots.txt", "/", "/about-us", "/contact", "/team", "/products", "/careers", "/pricing", "/clients")
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"


def companies(world: World, many: int) -> list[Company]:
    """The first `many` companies with a plain site."""
    every = (c for land in LANDS for c in world.companies(land))
    plain = (c for c in every if c.category == "GENERAL" and sites.kind(world, c) == "plain")
    return [company for _, company in zip(range(many), plain, strict=False)]


def rendered(world: World, company: Company) -> dict[str, bytes]:
    """path -> answer, whole, for every page that the company's site has."""
    found = {}
    for path in PATHS:
        asked = Asked(world, "GET", path, {}, [], {}, b"", "", {})
        answer = sites.answer(asked, company, sites.home_host(world, company))
        if answer.status == 200:
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
            )
            found[path] = head.encode() + answer.body
    return found


class _Connection(asyncio.Protocol):
    def __init__(self, pages: Mapping[str, Mapping[str, bytes]]) -> None:
        self._pages, self._buffer = pages, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = self._buffer[:end].decode("latin-1"), self._buffer[end + 4 :]
            first, *lines = head.split("\r\n")
            host = next((line[5:].strip() for line in lines if line[:5].lower() == "host:"), "")
            # A proxy is asked for whole URLs.
            path = first.split(" ")[1].removeprefix(f"http://{host}") or "/"
            self._transport.write(self._pages.get(host.removeprefix("www."), {}).get(path, _MISSING))


async def serve(many: int) -> None:
    """Serve `many` sites on a free loopback port."""
    world = World(7)
    pages = {company.domain: rendered(world, company) for company in companies(world, many)}
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(pages), "127.0.0.1", 0)
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
