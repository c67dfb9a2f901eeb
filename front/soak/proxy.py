"""A TCP proxy before Postgres that misbehaves on command: delays, cuts, goes silent, swallows notifications."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

#: First packet of protocol 3: its length, the version, then names and values.
_VERSION_3 = b"\x00\x03\x00\x00"
#: What a server says when somebody notified.
_NOTIFICATION = b"A"
#: Sessions that wait for notifications have this word in their name.
LISTENER = "listen"


class Link:
    """One client's connection through the proxy. `name` is its application_name, once it has said so without TLS."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.name = ""
        #: Nothing passes any more, and neither end is told.
        self.silent = False
        self.connected = False
        self.client = _End(self, towards_server=True)
        self.server = _End(self, towards_server=False)

    def cut(self) -> None:
        """End both sides at once, as a broken network device does."""
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()


class _End(asyncio.Protocol):
    """What one side sends; it is written to the other one."""

    def __init__(self, link: Link, *, towards_server: bool) -> None:
        self.link, self._towards_server = link, towards_server
        self.transport: asyncio.Transport | None = None
        self._late: deque[tuple[float, bytes | None]] = deque()
        self._partial = b""
        #: What the client said before the server was there.
        self.early: list[bytes | None] = []

    @property
    def other(self) -> _End:
        return self.link.server if self._towards_server else self.link.client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._towards_server:
            self.link.proxy.accepted(self.link)
        else:
            self.link.connected = True
            said, self.other.early = self.other.early, []
            for data in said:
                self.send(data)

    def data_received(self, data: bytes) -> None:
        link = self.link
        if link.silent:
            return
        if self._towards_server and not link.name:
            link.name = _application(data)
        if not self._towards_server and LISTENER in link.name:
            data = self._without_notifications(data)
        self._pass_on(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.transport = None
        if not self.link.silent:
            self._pass_on(None)
        if self.other.transport is None:
            self.link.proxy.forget(self.link)

    def pause_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.transport is not None:
            with suppress(RuntimeError):  # it was not paused
                self.other.transport.resume_reading()

    def _pass_on(self, data: bytes | None) -> None:
        """Now, or in order after what is late already; None is the end."""
        delay_s = self.link.proxy.delay_s
        if not delay_s and not self._late:
            self._write(data)
            return
        loop = asyncio.get_running_loop()
        self._late.append((loop.time() + delay_s, data))
        if len(self._late) == 1:
            loop.call_later(delay_s, self._catch_up)

    def _catch_up(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and self._late[0][0] <= loop.time() + 0.001:
            self._write(self._late.popleft()[1])
        if self._late:
            loop.call_later(self._late[0][0] - loop.time(), self._catch_up)

    def _write(self, data: bytes | None) -> None:
        if self._towards_server and not self.link.connected:
            self.early.append(data)
        elif self.other.transport is not None and not self.link.silent:
            self.other.send(data)

    def send(self, data: bytes | None) -> None:
        """To this side; None is the end."""
        assert self.transport is not None
        if data is None:
            self.transport.close()
        elif data:
            self.transport.write(data)

    def _without_notifications(self, data: bytes) -> bytes:
        """Whole messages only; while the proxy is deaf, none that notifies."""
        data, kept = self._partial + data, b""
        while len(data) >= 5:
            size = 1 + struct.unpack_from("!I", data, 1)[0]
            if len(data) < size:
                break
            if self.link.proxy.deaf and data[:1] == _NOTIFICATION:
                self.link.proxy.notifications_dropped += 1
            else:
                kept += data[:size]
            data = data[size:]
        self._partial = data
        return kept


class Proxy:
    """Listens on a port of 127.0.0.1 and leads to `host`:`port`. Its attributes may be changed at any time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        #: Everything takes this much longer in each direction, in seconds.
        self.delay_s = 0.0
        #: Sessions that listen hear nothing.
        self.deaf = False
        self.notifications_dropped = 0
        self.port = 0

    async def start(self) -> None:
        """Take a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self).client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        self.cut(self.links())

    def links(self, word: str = "") -> list[Link]:
        """Links whose session's name contains `word`, in the order of their names; silent ones are left out."""
        return sorted((each for each in self._links if word in each.name and not each.silent), key=lambda at: at.name)

    def cut(self, links: Iterable[Link]) -> None:
        """Break these off: both sides are told at once."""
        for each in list(links):
            each.cut()

    def silence(self, links: Iterable[Link]) -> None:
        """Let nothing more through and tell nobody, as when a peer or a cable has gone: half-open connections."""
        for each in links:
            each.silent = True

    def heal(self) -> None:
        """No delay, no deafness; what was half-open is cut."""
        self.delay_s, self.deaf = 0.0, False
        self.cut(each for each in self._links if each.silent)

    def accepted(self, link: Link) -> None:
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def forget(self, link: Link) -> None:
        self._links.discard(link)

    async def _connect(self, link: Link) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: link.server, self._host, self._port
            )
        except OSError:
            link.cut()
            return
        # Without a listener there, the kernel may connect a socket of the same port with itself.
        if transport.get_extra_info("sockname") == transport.get_extra_info("peername"):
            link.cut()
        elif link.client.transport is None:
            transport.abort()


def _application(data: bytes) -> str:
    """The application_name in a client's first packet; "" in any other."""
    if len(data) < 8 or data[4:8] != _VERSION_3:
        return ""
    words = data[8:].split(b"\0")
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    return pairs.get(b"application_name", b"?").decode(errors="replace")
