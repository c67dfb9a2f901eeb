"""The one HTTP door, against a server that says exactly the bytes a test wants."""

from __future__ import annotations

import ast
import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorDown, VendorRefused
from worker.providers.answers import retry_after_s
from worker.providers.http import KEEP_OPEN_S, VendorClient
from worker.providers.redaction import shapes
from worker.providers.rules import VendorRules, approach

ROOT = Path(__file__).parents[2]
KEY = "sk-live-0123456789abcdef"
RULES = VendorRules(vendor="acme", address_setting="ACME_BASE_URL", key_setting="ACME_KEY")


@asynccontextmanager
async def vendor(said: bytes, *, cut: bool = False) -> AsyncIterator[VendorClient]:
    """A client of a vendor that answers every request with the bytes `said`; with `cut` it resets the
    connection.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = asked.lower().partition(b"authorization: ")[2].partition(b"\r\n")[0]
        writer.write(said.replace(b"%KEY%", key))
        if cut:
            writer.transport.abort()
            return
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = VendorClient(
        RULES, f"http://127.0.0.1:{port}/v1", timeout_s=5, key=SecretStr(KEY), max_answer_bytes=10_000
    )
    try:
        yield client
    finally:
        await client.close()
        server.close()


def http(status: str, kind: str, body: bytes, *extra: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *extra, "", ""]
    return "\r\n".join(head).encode() + body


async def failure(said: bytes, *, cut: bool = False) -> HeadwaterError:
    async with vendor(said, cut=cut) as client:
        with pytest.raises(HeadwaterError) as caught:
            await client.get("/things", {"q": "x"})
    return caught.value


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"text"', b"null", b'{"a": NaN}', b'{"a": 1e999}', b"{", b"", b"\xff\xfe{}", b'{"a":' * 5000],
)
async def test_what_is_not_one_json_object_of_finite_numbers_is_a_bad_answer(body: bytes) -> None:
    assert isinstance(await failure(http("200 OK", "application/json", body)), BadAnswer)


async def test_an_answer_bomb_is_dropped_at_the_cap() -> None:
    bomb = gzip.compress(b'{"a": "' + b"x" * 1_000_000 + b'"}')
    error = await failure(http("200 OK", "application/json", bomb, "Content-Encoding: gzip"))
    assert isinstance(error, BadAnswer)
    assert "more than 10000 bytes" in error.detail


async def test_a_body_that_does_not_unpack_is_a_bad_answer() -> None:
    error = await failure(http("200 OK", "application/json", b"not gzip", "Content-Encoding: gzip"))
    assert isinstance(error, BadAnswer)


async def test_a_connection_reset_after_the_request_may_have_billed() -> None:
    error = await failure(b"", cut=True)
    assert isinstance(error, VendorDown)
    assert error.sent


async def test_an_error_in_plain_text_is_quoted_and_one_in_html_is_not() -> None:
    text = await failure(http("401 Unauthorized", "text/plain", b"no such\n key"))
    assert "acme answered 401: no such key · check ACME_KEY" in text.detail
    html = await failure(http("502 Bad Gateway", "text/html", b"<h1>oops</h1>"))
    assert "oops" not in html.detail


async def test_an_error_that_claims_to_be_json_and_is_not_keeps_its_status() -> None:
    error = await failure(http("403 Forbidden", "application/json", b"<html>"))
    assert isinstance(error, VendorRefused)
    assert error.members["status"] == 403


@pytest.mark.parametrize("body", [b"cut here", b"x" * 100_000])
async def test_a_refusal_stays_a_refusal_when_its_body_is_cut_or_endless(body: bytes) -> None:
    said = http("401 Unauthorized", "text/plain", body).replace(b"Content-Length: ", b"Content-Length: 9")
    error = await failure(said)
    assert isinstance(error, VendorRefused)
    assert error.code == "vendor_auth"


async def test_a_vendor_that_echoes_the_key_does_not_get_it_into_the_error() -> None:
    said = b'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{"detail": "bad header %KEY%!"}'
    error = await failure(said)
    assert isinstance(error, VendorRefused)
    assert KEY not in error.detail
    assert "***" in error.detail


@pytest.mark.parametrize("shown", [4, 12, len(KEY) - 1])
async def test_a_key_that_is_cut_off_with_the_rest_is_not_shown_in_part(shown: int) -> None:
    words = "x" * (300 - shown - 1) + " " + KEY + " is wrong"
    for kind, body in (("text/plain", words), ("application/json", f'{{"detail": "{words}"}}')):
        error = await failure(http("400 Bad Request", kind, body.encode()))
        assert KEY[:4] not in error.detail
        assert len(error.detail) < 500


async def test_the_client_shows_no_key_when_printed() -> None:
    async with vendor(b"") as client:
        assert KEY not in f"{client!r} {vars(client)!r}"


async def test_a_url_in_the_log_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpx")
    async with vendor(http("200 OK", "application/json", b"{}")) as client:
        assert await client.get("/things", {"q": "x", "api_key": "hush-hush-1"}) == {}
    assert "/v1/things?q=x&api_key=***" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("GET https://x.y/z?key=abc&q=1", "GET https://x.y/z?key=***&q=1"),
        ("https://user:pass@x.y/", "https://***@x.y/"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
        ("b'Bearer abc.def_ghi'", "b'Bearer ***'"),
        ("a monkey=banana story", "a monkey=banana story"),
    ],
)
def test_key_shapes_are_blanked(said: str, shown: str) -> None:
    assert shapes(said) == shown


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("-3", 0.0),
        ("99999999", 3600.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_on_the_vendors_clock(said: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": said, "date": "Wed, 21 Oct 2015 07:28:00 GMT"}) == seconds


async def test_a_throttle_without_a_hint_leaves_the_wait_to_the_caller() -> None:
    error = await failure(http("429 Too Many Requests", "application/json", b"{}"))
    assert isinstance(error, VendorBusy)
    assert error.after_s is None


@asynccontextmanager
async def keeping_open() -> AsyncIterator[tuple[VendorClient, list[int]]]:
    """A client of a vendor that never closes a connection, and its connections: how many requests each has brought."""
    brought: list[int] = []
    said = http("200 OK", "application/json", b"{}")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(brought)
        brought.append(0)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                brought[number] += 1
                writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = VendorClient(RULES, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=5)
    try:
        yield client, brought
    finally:
        await client.close()
        server.close()


async def test_a_connection_that_was_idle_for_long_is_not_used_for_a_paid_request() -> None:
    # S3.05: the vendor may be closing it just now, and nobody could tell whether the request has arrived
    async with keeping_open() as (client, brought):
        for _ in range(2):
            await client.ask("GET", "x")
        assert brought == [2]
        await asyncio.sleep(KEEP_OPEN_S + 0.1)
        await client.ask("GET", "x")
        assert brought == [2, 1]


async def test_a_request_waits_for_its_slot_before_it_takes_a_connection() -> None:
    # S3.05: not with one in its hand that the vendor closes meanwhile
    async with keeping_open() as (client, brought):
        seen: list[int] = []

        async def near() -> None:
            await asyncio.sleep(0.01)
            seen.append(len(brought))

        before = approach.set(near)
        try:
            await client.ask("GET", "x")
        finally:
            approach.reset(before)
        assert (seen, brought) == ([0], [1])


def test_only_the_http_door_imports_httpx() -> None:
    found = set()
    for path in [p for root in ("api", "contracts", "db", "worker") for p in (ROOT / root).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "httpx" for name in names):
                found.add(path.relative_to(ROOT).as_posix())
    # What is no vendor's API has a door of its own: pages of strangers, files that a vendor hands over, webhooks of tenants, the
    # errors of our own processes.
    doors = {"http.py", "site.py", "file_fetch.py", "tenant_webhook.py", "sentry.py"}
    assert found == {f"worker/providers/{name}" for name in doors}  # C.01
