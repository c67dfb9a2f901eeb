"""Several hosts on one machine: each has an address of its own, reaches database and vendors only over it, and can be cut off.

`namespaces`: a network namespace and a pair of virtual cards each, so that cutting one off is pulling its cable: nobody is told.
`loopback`: an address 127.0.0.N each; cutting one off ends its connections and takes no others.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["loopback", "namespaces"]
_LOCAL = re.compile(r"127\.0\.0\.1:(\d+)")


class NoHosts(Exception):
    """This machine does not let us make them; the message says why."""


@dataclass
class Host:
    """`prefix` starts a command there; `own` is its address, `towards` the one where it reaches what stands on 127.0.0.1 here."""

    name: str
    own: str
    towards: str
    prefix: Sequence[str] = ()
    card: str | None = None
    relays: list[Relay] = field(default_factory=list)

    def seen_from(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment with our addresses as they are reached from there."""
        return {name: _LOCAL.sub(rf"{self.towards}:\1", value) for name, value in environment.items()}

    def cut_off(self) -> None:
        if self.card:
            _ip("link", "set", self.card, "down")
        for relay in () if self.card else self.relays:
            relay.cut()

    def back(self) -> None:
        if self.card:
            _ip("link", "set", self.card, "up")
        for relay in self.relays:
            relay.cut_off = False


class Relay:
    """Takes connections at an address and passes them on to the same port of 127.0.0.1. On a thread of its own."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port, self.cut_off = address, port, False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._serve, address, port)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)

    def cut(self) -> None:
        self.cut_off = True
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._abort)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut_off:
            writer.transport.abort()
            return
        there, on = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers |= {writer, on}
        with suppress(OSError):
            await asyncio.gather(_copy(reader, on), _copy(there, writer))
        self._writers -= {writer, on}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


@contextmanager
def hosts(kind: Kind, names: Sequence[str], environment: Mapping[str, str]) -> Iterator[list[Host]]:
    """So many hosts, which reach whatever `environment` names at 127.0.0.1. Raises: NoHosts where none can be made."""
    ports = sorted({int(port) for value in environment.values() for port in _LOCAL.findall(value)})
    with ExitStack() as stack:
        made = []
        for nth, name in enumerate(names):
            host = (
                stack.enter_context(_namespace(name, nth))
                if kind == "namespaces"
                else Host(name, f"127.0.0.{nth + 12}", f"127.0.0.{nth + 12}")
            )
            for port in ports:
                host.relays.append(Relay(host.towards, port))
                stack.callback(host.relays[-1].close)
            made.append(host)
        yield made


@contextmanager
def _namespace(name: str, nth: int) -> Iterator[Host]:
    # By our pid, so that suites side by side do not meet.
    pid = os.getpid()
    space, card = f"headwater-{pid}-{name}", f"hw{pid}-{nth}"
    net = f"10.{128 + (pid >> 8) % 128}.{pid % 256}"
    ours, theirs = f"{net}.{4 * nth + 1}", f"{net}.{4 * nth + 2}"
    try:
        _ip("netns", "add", space)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoHosts(f"no network namespace can be made here: {error}") from None
    try:
        _ip("link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("addr", "add", f"{ours}/30", "dev", card)
        _ip("link", "set", card, "up")
        for words in (
            ("addr", "add", f"{theirs}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", space, *words)
        yield Host(name, theirs, ours, ("ip", "netns", "exec", space), card)
    except subprocess.CalledProcessError as error:
        raise NoHosts(f"no virtual card can be made here: {error.stderr}") from None
    finally:
        subprocess.run(["ip", "link", "del", card], capture_output=True)
        subprocess.run(["ip", "netns", "del", space], capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
