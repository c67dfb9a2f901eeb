"""The exam of `exam.py` for the connection to NATS: whatever answers at its address, it is an outage in words, soon and without the
password. What is published, and how often, is asked in `tests/streams`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from contracts.settings import Settings
from tests.providers.exam import SECRET, overheard, sat_alone, shown
from worker.providers.jetstream import Unreachable, open_connection

NAME = "jetstream.publish"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
INFO = (
    b'INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576,"auth_required":true}\r\n'
)


@asynccontextmanager
async def answering(talk: Talk) -> AsyncIterator[str]:
    """Somebody who takes connections and does as they like; gives the address, with a password of ours in it."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"nats://headwater:{SECRET}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()


def saying(*lines: bytes, stay: bool = False) -> Talk:
    """Say `lines`, one after each of the client's, and leave; `stay`: say nothing more instead."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            writer.write(line)
            await writer.drain()
            await reader.readline()
        if stay:
            await reader.read()

    return talk


async def unreachable(url: str) -> Unreachable:
    """What opening a connection there ends with, in time."""
    began = time.monotonic()
    with pytest.raises(Unreachable) as told:
        await open_connection(Settings(nats_url=SecretStr(url), nats_timeout_s=0.3))
    assert time.monotonic() - began < 4
    assert SECRET not in shown(told.value)
    assert str(told.value)
    return told.value


@pytest.mark.parametrize("lines", [(), (INFO,)])
@sat_alone(NAME, "cut")
async def test_a_connection_that_is_cut_is_an_outage(lines: tuple[bytes, ...]) -> None:
    async with answering(saying(*lines)) as url:
        await unreachable(url)
    await unreachable(f"nats://headwater:{SECRET}@127.0.0.1:9")


@pytest.mark.parametrize("lines", [(), (INFO,)])
@sat_alone(NAME, "slow")
async def test_who_is_silent_is_left_in_time(lines: tuple[bytes, ...]) -> None:
    async with answering(saying(*lines, stay=True)) as url:
        assert "no answer within" in str(await unreachable(url))


@sat_alone(NAME, "slow")
async def test_who_drips_is_left_in_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in INFO * 50:
            writer.write(bytes([letter]).replace(b"\n", b" "))
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(drip) as url:
        await unreachable(url)


@pytest.mark.parametrize(
    "said", [b"<html>We will be back soon</html>\r\n", b"INFO {cut\r\n", b"INFO []\r\n", b"\x00\xff\xfe\r\n", b"\r\n"]
)
@sat_alone(NAME, "garbage")
async def test_what_cannot_be_read_is_an_outage(said: bytes) -> None:
    async with answering(saying(said, said)) as url:
        await unreachable(url)


@sat_alone(NAME, "classes", "redaction")
async def test_no_password_is_in_a_log_or_an_error_even_if_the_server_repeats_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = f"-ERR 'Authorization Violation for {SECRET}'\r\n".encode()
    with overheard(caplog) as logged:
        for lines in ((INFO, wrong), (INFO, wrong, wrong), (wrong,)):
            async with answering(saying(*lines)) as url:
                await unreachable(url)
        assert SECRET not in logged()
