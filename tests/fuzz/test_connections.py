"""Clients that speak HTTP badly, slowly, hugely or all at once: each is answered or cut off, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, PASSWORD, email
from tests.conftest import Databases
from tests.fuzz.door import Door, standing

HOST = b"Host: x\r\n"
POST = b"POST /v1/auth/login HTTP/1.1\r\n" + HOST
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
CLOSE = b"Connection: close\r\n"
#: Requests that cannot be read, or could be read in two ways: refused, and nothing after them is looked at.
UNREADABLE = {
    "garbage": b"\x00\x01\x02 garbage\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http/3.7": b"GET /healthz HTTP/3.7\r\n" + HOST + b"\r\n",
    "lower case method": b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw bytes in the path": b"GET /v1/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 6\r\n\r\n{}" + GET + b"\r\n",
    "negative length": POST + b"Content-Length: -5\r\n\r\n{}",
    "signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
    "no chunks at the end": POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
    "blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
    "vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
    "folded header": GET + b"X: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "nul in a header": GET + b"X: a\x00b\r\n\r\n",
    "chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n{}\r\n0\r\n\r\n" + GET + b"\r\n",
    "chunk of a huge size": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def door(databases: Databases, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One API process for the module, which must outlive it. Clients get 2 s."""
    url = databases.create(template)
    folder = tmp_path_factory.mktemp("connections")
    with standing(url, folder / "api.log", API_BODY_TIMEOUT_S="2", LOGIN_ATTEMPTS="1000") as opened:
        yield opened
        opened.still_stands()
    databases.drop(url)


def heard(connection: socket.socket) -> bytes:
    """Everything the server says until it hangs up."""
    said = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            said += part
    return said


def asked(door: Door, data: bytes) -> bytes:
    with door.connect() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return heard(connection)


def statuses(said: bytes) -> list[int]:
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


@contextmanager
def many(door: Door, count: int, data: bytes = b"") -> Iterator[list[socket.socket]]:
    """That many connections at once, each having sent `data`."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(door.connect())
            if data:
                opened[-1].sendall(data)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def answers_others(door: Door) -> None:
    assert httpx.get(f"{door.base_url}/healthz", timeout=30).status_code == 200
    assert httpx.get(f"{door.base_url}/v1/leads", headers=door.as_(Role.VIEWER), timeout=30).status_code == 200


@pytest.mark.parametrize("shape", UNREADABLE)
def test_what_is_no_http_is_refused_with_a_problem_and_nothing_after_it_is_answered(door: Door, shape: str) -> None:
    # S2.14
    said = asked(door, UNREADABLE[shape])
    head, _, body = said.partition(b"\r\n\r\n")
    assert statuses(said) == [400]
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == 400
    answers_others(door)


def test_pipelined_requests_get_their_own_answers_before_the_garbage_behind_them_gets_its(door: Door) -> None:
    said = asked(door, (GET + b"\r\n") * 50 + b"garbage\r\n\r\n")
    assert statuses(said) == [200] * 50 + [400]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (GET + b"".join(b"X%d: a\r\n" % n for n in range(50_000)) + b"\r\n", 431, "headers_too_large"),
        (b"GET /healthz?" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "address_too_long"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "address_too_long"),
    ],
)
def test_headers_and_addresses_are_bounded(door: Door, request_: bytes, status: int, code: str) -> None:
    # S2.14
    said = asked(door, request_)
    assert statuses(said) == [status]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == code


@pytest.mark.parametrize("start", [GET + b"X: ", b"GET /", POST + b"Transfer-Encoding: chunked\r\n\r\n1;"])
def test_headers_without_end_take_no_memory(door: Door, start: bytes) -> None:
    before = door.memory_mb()
    with door.connect() as connection:
        with suppress(ConnectionError):
            connection.sendall(start + b"a" * 24_000_000)
        assert set(statuses(heard(connection))) <= {400, 431}
    assert door.memory_mb() - before < 10


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key", "Content-Type", "x-job-secret"])
def test_a_header_that_decides_stands_there_once(door: Door, name: str) -> None:
    mine = f"Authorization: {door.as_(Role.OWNER)['Authorization']}\r\n".encode()
    said = asked(
        door, b"GET /v1/auth/me HTTP/1.1\r\n" + HOST + mine + CLOSE + f"{name}: a\r\n{name}: b\r\n\r\n".encode()
    )
    assert statuses(said) == [400]
    assert b'"repeated_header"' in said


def test_a_trailer_is_no_header(door: Door) -> None:
    mine = f"Authorization: {door.as_(Role.OWNER)['Authorization']}\r\n".encode()
    start = b"POST /v1/auth/logout HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    assert statuses(asked(door, start + mine + b"\r\n")) == [401]


@pytest.mark.parametrize("wish", [b"websocket", b"h2c"])
def test_there_is_nothing_to_upgrade_to(door: Door, wish: bytes) -> None:
    said = asked(door, GET + b"Connection: Upgrade\r\nUpgrade: " + wish + b"\r\n\r\n" + GET + b"\r\n")
    assert statuses(said) == [200]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("start", "drip", "says"),
    [
        pytest.param(b"", b"", [], id="silence", marks=SLOW),
        pytest.param(b"", b"\r\n", [], id="blank lines", marks=SLOW),
        pytest.param(b"GET /healthz HT", b"", [408], id="half a line", marks=SLOW),
        pytest.param(GET + b"X: ", b"a", [408], id="headers"),
        pytest.param(GET + b"\r\n", b"\r\n", [200], id="after an answer", marks=SLOW),
        pytest.param(POST + b"Content-Length: 100000\r\n\r\n", b"{", [400], id="body"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n", [400], id="chunks", marks=SLOW),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a", [400], id="trailers", marks=SLOW),
    ],
)
def test_two_hundred_slow_clients_are_cut_off_and_hold_nobody_up(
    door: Door, start: bytes, drip: bytes, says: list[int]
) -> None:
    # S2.14
    files = door.open_files()
    with many(door, 200, start) as slow:
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            for connection in slow:
                with suppress(OSError):
                    connection.sendall(drip)
            answers_others(door)
        for connection in slow:
            connection.settimeout(60)
            assert statuses(heard(connection)) == says
    wait_for_files(door, files)


def wait_for_files(door: Door, files: int) -> None:
    """Every connection is given back, those of the pool apart."""
    deadline = time.monotonic() + 60
    while door.open_files() > files + 12:
        assert time.monotonic() < deadline, f"{door.open_files()} files are open, {files} were"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_client_that_does_not_take_its_answer_is_cut_off(door: Door) -> None:
    files = door.open_files()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(door.address)
        connection.sendall((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 200)
        wait_for_files(door, files - 12)


def test_a_thousand_idle_connections_disturb_nobody(door: Door) -> None:
    files = door.open_files()
    with many(door, 1000):
        answers_others(door)
    wait_for_files(door, files)


@pytest.mark.parametrize("how", ["declared", "chunked", "lying", "gzip"])
def test_ten_megabytes_are_refused_however_they_come(door: Door, how: str) -> None:
    # S2.14
    large = b"x" * 10_000_000
    before = door.memory_mb()
    match how:
        case "declared":
            said = asked(door, POST + b"Content-Length: 10000000\r\n\r\n" + large)
        case "chunked":
            chunks = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(160)) + b"0\r\n\r\n"
            said = asked(door, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        case "lying":
            said = asked(door, POST + b"Content-Length: 2\r\n\r\n{}" + large)
        case _:
            said = asked(door, POST + CLOSE + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    assert statuses(said)[0] == (413 if how in ("declared", "chunked") else 400)
    assert door.memory_mb() - before < 20
    answers_others(door)


def test_bodies_held_at_once_are_bounded(door: Door) -> None:
    before = door.memory_mb()
    nearly = POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 990_000
    with many(door, 200, nearly) as senders:
        answers_others(door)
        assert door.memory_mb() - before < 150
        for connection in senders:
            connection.settimeout(60)
        said = [statuses(heard(connection)) for connection in senders]
    assert {tuple(each) for each in said} <= {(400,), (503,)}
    assert (503,) in {tuple(each) for each in said}


@pytest.mark.parametrize("how", ["declared", "chunked"])
def test_a_body_that_is_refused_anyway_takes_nobodys_place(door: Door, how: str) -> None:
    # It is read on for a while, so that its sender sees the answer; nothing of it is kept meanwhile.
    if how == "declared":
        too_large = POST + b"Content-Length: 20000000\r\n\r\n" + b"x" * 1_000_000
    else:
        too_large = POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 18
    with many(door, 100, too_large):
        answers_others(door)
        said = asked(door, POST + CLOSE + b"Content-Length: 1000000\r\n\r\n" + b" " * 999_998 + b"{}")
    assert statuses(said) == [400]


@pytest.mark.parametrize("after", [0, 10, 60, 120])
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(door: Door, after: int) -> None:
    keys = door.belongings(HOME)["api_keys"]
    body = b'{"name": "half a key"}'
    request = (
        b"POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: "
        + door.as_(Role.OWNER)["Authorization"].encode()
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    for _ in range(20):
        with door.connect() as connection:
            connection.sendall((request + body)[: after or -1])
    answers_others(door)
    assert door.belongings(HOME)["api_keys"] == keys


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_logins_at_once(databases: Databases, template: str, tmp_path: Path) -> None:
    # S2.14: right and wrong ones mixed; the right ones get in, if not at once; the process answers others meanwhile
    url = databases.create(template)
    with standing(url, tmp_path / "api.log", LOGIN_ATTEMPTS="1000") as door:
        before = door.memory_mb()
        tls = httpx.create_ssl_context()  # not used, but a thousand of them would take longer than the logins

        def log_in(number: int) -> tuple[bool, list[int]]:
            right = number % 2 == 0
            body = {
                "email": email(Role.OWNER),
                "password": PASSWORD if right else f"{PASSWORD}{number}",
                "tenant": (HOME, ABROAD)[number % 4 // 2],
            }
            said: list[int] = []
            waits = 0.0
            deadline = time.monotonic() + 400
            client = httpx.Client(base_url=door.base_url, timeout=120, verify=tls)
            while not said or said[-1] in (429, 503):
                assert time.monotonic() < deadline
                time.sleep(waits)  # as the answer before asked for
                answer = client.post("/v1/auth/login", json=body)
                said.append(answer.status_code)
                waits = float(answer.headers.get("retry-after", 0))
                assert answer.status_code not in (429, 503) or waits > 0
            client.close()
            return right, said

        with ThreadPoolExecutor(1000) as crowd:
            under_way = [crowd.submit(log_in, number) for number in range(1000)]
            most = 0
            while not all(each.done() for each in under_way):
                assert door.client.get("/healthz").status_code == 200
                most = max(most, door.memory_mb() - before)
                time.sleep(0.1)
            ended = [each.result() for each in under_way]
        assert {(right, said[-1]) for right, said in ended} == {(True, 200), (False, 401)}
        assert any(503 in said for _, said in ended), "nobody was asked to come back"
        assert most < 400
        door.still_stands()
    databases.drop(url)
