"""Vendors gone mad: whatever they answer is a page that the database can keep, or one of the errors we have names for."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from pydantic import SecretStr
from pydantic_core import from_json

from contracts.errors import BadAnswer, VendorBusy, VendorDown, VendorRefused
from contracts.providers import Channel, CompanySearch, Page
from contracts.runs import CreateRun
from contracts.settings import Settings
from db import leads, runs, slices
from db.slices import Slice
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.fuzz.drawn import drawn
from tests.providers.sandbox_fixture import KEY, RunningSandbox, sandbox, sandbox_server  # noqa: F401
from worker.discovery import plan
from worker.providers.company_file import CompanyFile
from worker.providers.gleif import GleifSearch
from worker.providers.tavily import TavilySearch

NAMED = (VendorBusy, VendorDown, VendorRefused, BadAnswer)
QUERY = "workwear manufacturers Johannesburg"
#: JSON texts that may stand anywhere in an answer.
JUNK = [
    "null", "true", "-1", "0", "1e400", "-1e400", "NaN", "Infinity", "1" + "0" * 400, "1" * 5000, '""', '" "', "[]", "{}", "[null]",
    '"' + "x" * 50_000 + '"', r'"a\u0000b"', r'"\ud800"', r'"\udc00\ud800"', '"\u202e\u0007🙂"', '"' + "🙂" * 600 + '"',
    "[" * 150 + "]" * 150, "[" * 3000 + "]" * 3000, '{"a":' * 240 + "1" + "}" * 240, '"https://["', '"//"',
    '"https://' + "a." * 3000 + 'co.za/"', '"https://\u0130.co.za/%00?\u0000"'.replace("\0", r"\u0000"), '"ZZ"', '"ß"',
]  # fmt: skip
Answer = Callable[[asyncio.StreamWriter], Any]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A vendor that reads a request and then does as it likes; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            done = answer(writer)
            if asyncio.iscoroutine(done):
                await done
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    said = headers or (b"Content-Type: application/json",)
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 200 OK", *said, length, b"Connection: close", b"", body])


def adapters(url: str, timeout_s: float = 20) -> list[Any]:
    key = SecretStr(KEY)
    tavily = [TavilySearch(channel, url, key, timeout_s=timeout_s) for channel in (Channel.GOOGLE, Channel.KEYWORD)]
    return [GleifSearch(url, timeout_s=timeout_s), *tavily]


async def outcome(port: CompanySearch) -> Page | str:
    """A page, or the code of a named error. Anything else fails the test."""
    try:
        return await port.search(QUERY, cursor=None, limit=20)
    except NAMED as error:
        refusal = error
    assert KEY not in f"{refusal} {refusal.members}"
    assert len(str(refusal)) < 2000
    return refusal.code


def real_answers(url: str) -> dict[str, dict[str, Any]]:
    """What the sandbox says, by vendor."""
    asked = {
        "gleif": urllib.request.Request(f"{url}/api/v1/lei-records?page[size]=5&filter[fulltext]=workwear"),
        "tavily": urllib.request.Request(
            f"{url}/search",
            json.dumps({"query": QUERY, "max_results": 5, "include_usage": True}).encode(),
            {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        ),
    }
    found = {}
    for vendor, request in asked.items():
        with urllib.request.urlopen(request) as answer:
            found[vendor] = json.load(answer)
    return found


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, item in inner for place in _places(item, (*path, name)))]


def _written(value: Any, path: tuple[Any, ...], target: tuple[Any, ...], how: str, junk: str) -> str:
    """`value` as JSON text, with what stands at `target` changed."""
    if path == target:
        if how == "retype":
            return junk
        if how == "wrap":
            return f"[{json.dumps(value)}]"
    if isinstance(value, dict):
        members = []
        for name, item in value.items():
            if how == "drop" and (*path, name) == target:
                continue
            text = f"{json.dumps(name)}:{_written(item, (*path, name), target, how, junk)}"
            members.append(text)
            if how == "double" and (*path, name) == target:
                members += [text, f"{json.dumps(name)}:{junk}"]
        if how == "add" and path == target:
            members.append(f'"added":{junk}')
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        items = [_written(item, (*path, nth), target, how, junk) for nth, item in enumerate(value)]
        return "[" + ",".join(items * (300 if how == "repeat" and path == target else 1)) + "]"
    return json.dumps(value)


def mutations(answer: dict[str, Any]) -> st.SearchStrategy[str]:
    hows = ["retype", "retype", "retype", "drop", "double", "add", "add", "wrap", "repeat"]
    return st.builds(
        lambda target, how, junk: _written(answer, (), target, how, junk),
        st.sampled_from(_places(answer)),
        st.sampled_from(hows),
        st.sampled_from(JUNK),
    )


async def _slice(pool: Pool, tenant: UUID) -> Slice:
    asked = CreateRun.model_validate({"channels": ["register"], "queries": ["q"]})
    params = runs.params_of(asked, Settings.model_construct())
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(tx, tenant, params, mode="test", dry_run=False, triggered_by="api")
        await runs.begin(tx, tenant, run_id, 60)
        (slice_id,) = await slices.plan(tx, tenant, run_id, plan.slices(params))
        found = await slices.get(tx, tenant, slice_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "cases", [60, pytest.param(1500, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["some", "many"]
)
@pytest.mark.parametrize("vendor", ["gleif", "tavily"])
async def test_any_answer_is_a_page_the_database_keeps_or_a_named_error(
    conn: Connection,
    pool: Pool,
    tenant: UUID,
    sandbox: RunningSandbox,  # noqa: F811
    vendor: str,
    cases: int,
) -> None:
    # S2.02 S2.14
    bodies = drawn(mutations(real_answers(sandbox.url)[vendor]), cases)
    standing = [b""]
    of = await _slice(pool, tenant)
    pages = 0
    async with answering(lambda writer: writer.write(ok(standing[0]))) as url:
        ports = [port for port in adapters(url) if port.vendor == vendor]
        for nth, body in enumerate(bodies):
            standing[0] = body.encode("utf-8", "surrogatepass")
            page = await outcome(ports[nth % len(ports)])
            if isinstance(page, str):
                continue
            pages += 1
            assert Page.model_validate(from_json(page.model_dump_json())) == page, "a replay would read another page"
            async with transaction(pool, tenant) as tx:
                await runs.lock(tx, tenant, of.run_id)
                await leads.save_page(tx, tenant, of, vendor, page.companies, room=1000, icp_profile_id=None)
        for port in ports:
            await port.close()
    assert pages > cases / 20
    async with transaction(pool, tenant) as tx:  # and what was kept can be read
        for lead in await leads.list_(tx, tenant, limit=200):
            assert await leads.show(tx, tenant, lead["id"])


BOMB = gzip.compress(b'{"results": "' + b"x" * 200_000_000 + b'"}', 9)
WIRE = {
    "nothing": b"",
    "garbage": b"\x00\x01\x02\x03" * 100,
    "http/1.0": b"HTTP/1.0 200\r\n\r\nhello",
    "http/0.9": b"hello",
    "informed for ever": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000,
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nxxxx",
    "teapot": b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n",
    "599": b"HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n",
    "999": b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
    "000": b"HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "elsewhere, to a file": b"HTTP/1.1 301 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "elsewhere, nowhere": b"HTTP/1.1 307 x\r\nLocation: \xff\xfe::://\r\nContent-Length: 0\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(100_000)) + b"\r\n{}",
    "one endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000_000,
    "html": ok(b"<html>down</html>", b"Content-Type: text/html"),
    "odd type": ok(b"{}", b"Content-Type: \xff\xfe;;;=,"),
    "two types": ok(b"{}", b"Content-Type: text/html", b"Content-Type: application/json"),
    "no utf": ok(b'{"results": ["\xff\xfe"]}'),
    "bom": ok(b"\xef\xbb\xbf{}"),
    "bomb": ok(BOMB, b"Content-Type: application/json", b"Content-Encoding: gzip"),
    "cut gzip": ok(BOMB[:1000], b"Content-Type: application/json", b"Content-Encoding: gzip"),
    "no gzip": ok(b"{}", b"Content-Type: application/json", b"Content-Encoding: gzip"),
    "odd encoding": ok(b"{}", b"Content-Type: application/json", b"Content-Encoding: br, x, deflate"),
    "twelve megabytes": ok(b'{"results": "' + b"x" * 12_000_000 + b'"}'),
    "cut": ok(b'{"results": []}')[:-4],
    "longer than it says": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}{}{}",
    "odd length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}",
    "odd chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n{}\r\n",
    "chunks without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n2\r\n{}\r\n",
    "an error in a bomb": BOMB and ok(BOMB, b"Content-Encoding: gzip").replace(b"200 OK", b"500 x", 1),
    "an error that is odd": ok(b'{"detail": {"a": [[[["\\u0000\\ud800"]]]]}}').replace(b"200 OK", b"400 x", 1),
    "an error that is deep": ok(b'{"detail":' * 800 + b"1" + b"}" * 800).replace(b"200 OK", b"400 x", 1),
    **{
        f"wait {said!r:.30}": b"HTTP/1.1 429 x\r\nRetry-After: " + said + b"\r\nContent-Length: 0\r\n\r\n"
        for said in (b"1e400", b"-5", b"9" * 400, b"nan", b"soon", b"\xff", b"Thu, 99 Foo 2026", b"Fri, 31 Dec 9999 23:59:59 -2359",
                     b"Mon, 01 Jan 0001 00:00:00 +2359", b"")
    },
}  # fmt: skip


@pytest.mark.parametrize("what", WIRE)
async def test_whatever_comes_over_the_wire_has_a_name(what: str) -> None:
    # S2.02 S2.14
    async with answering(lambda writer: writer.write(WIRE[what])) as url:
        for port in adapters(url)[:2]:
            with pytest.raises(NAMED) as refused:
                await port.search(QUERY, cursor=None, limit=20)
            after_s = getattr(refused.value, "after_s", None)
            assert after_s is None or 0 <= after_s <= 3600
            await port.close()


def most_mb(*, anew: bool = False) -> int:
    """The most memory this process ever had, in MB; `anew` forgets what was."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


async def test_a_bomb_is_not_unpacked() -> None:
    before = most_mb(anew=True)
    async with answering(lambda writer: writer.write(WIRE["bomb"])) as url:
        port = adapters(url)[1]
        assert await outcome(port) == "bad_answer"
        await port.close()
    assert most_mb() - before < 60


@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX: ", ok(b"x" * 1000)[:-1000], b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_a_vendor_that_drips_is_left_at_the_deadline(start: bytes) -> None:
    # S2.14
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(b"x" if b"100 Continue" not in start else start)
            await writer.drain()
            await asyncio.sleep(0.05)

    async with answering(drip) as url:
        port = adapters(url, timeout_s=0.5)[0]
        began = time.monotonic()
        assert await outcome(port) in ("vendor_down", "bad_answer")
        assert time.monotonic() - began < 10
        await port.close()


def _files() -> st.SearchStrategy[bytes]:
    junk = st.sampled_from(['"', ",", "\n", "\r", "\0", "\ufeff", "'", ";", "x" * 200_000, "🙂", "\x1a", "=1+1"])
    rows = st.lists(st.tuples(junk, junk, junk).map(",".join), max_size=5).map("\n".join)
    head = st.sampled_from(
        ["lei,legal_name,country\n", "lei,legal_name,country,country\n", "\ufefflei,legal_name,country\r\n", ""]
    )
    text = st.tuples(head, rows).map("".join).map(str.encode)
    return st.one_of(text, st.binary(max_size=200), text.map(gzip.compress), text.map(lambda b: gzip.compress(b)[:-3]))


async def test_any_file_is_a_page_or_a_named_error(tmp_path: Path) -> None:
    # S2.14
    for nth, content in enumerate(drawn(_files(), 150)):
        path = tmp_path / f"{nth}.csv{'.gz' if nth % 2 else ''}"
        await asyncio.to_thread(path.write_bytes, content)
        await outcome(CompanyFile(path))
