"""Pages of strangers: nothing leads into a private network, nothing is too big or too slow, only text is read."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.settings import Settings
from tests.providers.strangers import Strangers, http, strangers
from worker.providers.crawler import absent, make
from worker.providers.guard import Refused, is_open, target
from worker.providers.host_turns import LocalTurns
from worker.providers.site import SiteFetcher

__all__ = ["strangers"]
PUBLIC = "93.184.215.14"


def fetcher_at(gateway: str | None, **more: Any) -> SiteFetcher:
    chosen: dict[str, Any] = {"user_agent": "HeadwaterBot/0.1", "timeout_s": 2, "max_bytes": 100_000, **more}
    return SiteFetcher(gateway=gateway, **chosen)


@pytest.fixture
async def fetcher(strangers: Strangers) -> AsyncIterator[SiteFetcher]:
    opened = fetcher_at(strangers.url)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "0.0.0.0",
        "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "203.0.113.7", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "nonsense",
    ],
)  # fmt: skip
def test_addresses_of_private_networks_are_closed(address: str) -> None:  # S3.03
    assert not is_open(address)


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_open(address: str) -> None:  # S3.03
    assert is_open(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://acme.co.za/", "file:///etc/passwd", "gopher://acme.co.za/", "javascript:alert(1)", "//acme.co.za/", "acme.co.za",
        "http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://[::1]/",
        "http://①②⑦.0.0.1/", "http://127.0.0.1./", "http://acme.co.za@10.0.0.1/", "http://user:pw@acme.co.za/",
        "http://acme.co.za:22/", "http://acme.co.za:8080/", "https://acme.co.za:80/", "http://acme.co.za:99999/",
        "http://localhost/", "http://printer.local/", "http://metadata.google.internal/", "http://intranet/", "http://co.za/",
        "http://acme.co.za\\@10.0.0.1/", "http:///path", "https://" + "a" * 70 + ".com/", "https://acme.co.za/" + "x" * 2000,
        "https://www.linkedin.com/company/acme", "https://za.linkedin.com/in/x", "https://opencorporates.com/companies/za/1",
    ],
)  # fmt: skip
def test_urls_that_are_no_public_site_are_refused(url: str) -> None:  # S3.03
    with pytest.raises(Refused):
        target(url)


def test_urls_are_asked_for_in_ascii_and_without_a_fragment() -> None:
    assert target("HTTPS://Bücher.de:443/über uns?q=ä#top").url == "https://xn--bcher-kva.de/%C3%BCber%20uns?q=%C3%A4"
    assert target("http://acme.co.za").url == "http://acme.co.za/"
    assert target("https://shop.acme.co.za/a%20b").domain == "acme.co.za"


class Resolver:
    """The system's resolver and dialler, watched: names have the `answers` given, and every dialled address is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str], port: int = 9) -> None:
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        left, loop = list(answers), asyncio.get_running_loop()
        real = loop.create_connection

        async def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
            self.asked.append(host)
            found = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

        async def create_connection(factory: Any, host: str, number: int, **more: Any) -> Any:
            self.dialled.append((host, number))
            return await real(factory, "127.0.0.1", port)

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "create_connection", create_connection)


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["10.0.0.8"], [PUBLIC, "169.254.169.254"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_into_a_private_network_is_not_dialled(
    answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # S3.03
    seen, fetcher = Resolver(monkeypatch, answers), fetcher_at(None)
    found = await fetcher.fetch("http://acme.co.za/")
    assert (found.trouble, seen.dialled) == ("refused", [])
    assert not any(address in (found.reason or "") for address in answers)


async def test_the_checked_address_is_dialled_and_the_name_is_not_asked_for_again(
    strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:  # S3.03
    # A name that answers differently the second time: what was checked is what is dialled.
    port = int(strangers.url.rpartition(":")[2])
    strangers.pages["acme.co.za/"] = http(200, "<p>hello</p>")
    seen, fetcher = Resolver(monkeypatch, [PUBLIC], ["127.0.0.1"], port=port), fetcher_at(None)
    found = await fetcher.fetch("http://acme.co.za/")
    assert (found.text, seen.asked, seen.dialled) == ("<p>hello</p>", ["acme.co.za"], [(PUBLIC, 80)])
    assert strangers.asked == ["http://acme.co.za/"]


async def test_a_redirect_is_checked_like_the_first_address(
    strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:  # S3.03
    port = int(strangers.url.rpartition(":")[2])
    strangers.pages["acme.co.za/"] = http(302, location="http://intern.acme.co.za/", connection="close")
    seen, fetcher = Resolver(monkeypatch, [PUBLIC], ["192.168.0.10"], port=port), fetcher_at(None)
    found = await fetcher.fetch("http://acme.co.za/", within="acme.co.za")
    assert (found.trouble, [address for address, _ in seen.dialled]) == ("refused", [PUBLIC])


async def test_tls_asks_for_the_name_though_an_address_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:  # S3.03
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    seen = Resolver(monkeypatch, [PUBLIC], port=server.sockets[0].getsockname()[1])
    found = await fetcher_at(None).fetch("https://www.acme.co.za/")
    server.close()
    assert (names, seen.dialled, found.trouble) == (["www.acme.co.za"], [(PUBLIC, 443)], "unreachable")


async def test_with_a_gateway_every_name_is_asked_for_there(
    strangers: Strangers, fetcher: SiteFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:  # S3.03: demo and tests stay off the internet
    def resolve(*_: Any, **__: Any) -> Any:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    strangers.pages["www.nedbank.co.za/about"] = http(200, "<p>About</p>")
    found = await fetcher.fetch("https://www.nedbank.co.za/about")
    assert (found.text, found.final_url) == ("<p>About</p>", "https://www.nedbank.co.za/about")
    assert strangers.asked == ["https://www.nedbank.co.za/about"]


async def test_redirects_stay_within_the_site_and_come_to_an_end(
    strangers: Strangers, fetcher: SiteFetcher
) -> None:  # S3.03
    strangers.pages |= {
        "acme.co.za/": http(301, location="https://www.acme.co.za/"),
        "www.acme.co.za/": http(302, location="/en/"),
        "www.acme.co.za/en/": http(200, "<p>hello</p>"),
        "away.co.za/": http(301, location="https://other.com/"),
        "loop.co.za/": http(302, location="/"),
        "bad.co.za/": http(302, location="http://[::1]/"),
    }
    found = await fetcher.fetch("http://acme.co.za/", within="acme.co.za")
    assert (found.final_url, found.text) == ("https://www.acme.co.za/en/", "<p>hello</p>")
    away = await fetcher.fetch("https://away.co.za/", within="away.co.za")
    assert (away.trouble, away.final_url) == ("off_site", "https://other.com/")
    assert not any("other.com" in asked for asked in strangers.asked)
    loop = await fetcher.fetch("https://loop.co.za/", within="loop.co.za")
    assert (loop.trouble, strangers.asked.count("https://loop.co.za/")) == ("missing", 6)
    assert (await fetcher.fetch("https://bad.co.za/")).trouble == "refused"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (http(200, "%PDF", content_type="application/pdf"), "dropped"),
        (http(200, "<p>x</p>", content_disposition="attachment; filename=x.html"), "dropped"),
        (http(200, "x", content_encoding="br"), "dropped"),
        (http(200, "no gzip", content_encoding="gzip"), "dropped"),
        (http(401), "blocked"), (http(403), "blocked"), (http(429, retry_after="30"), "blocked"), (http(503), "blocked"),
        (http(404), "missing"), (http(410), "missing"), (http(500), "missing"), (http(304), "missing"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "unreachable"),
    ],
)  # fmt: skip
async def test_what_is_no_page_is_named_for_what_it_is(
    strangers: Strangers, fetcher: SiteFetcher, answer: bytes, trouble: str
) -> None:  # S3.03 S3.14
    async def said(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    strangers.pages["acme.co.za/"] = said
    found = await fetcher.fetch("http://acme.co.za/")
    assert (found.trouble, found.text) == (trouble, None)
    assert found.reason
    if b" 429 " in answer:
        assert found.retry_after_s == 30


async def test_what_unpacks_without_end_is_cut(strangers: Strangers, fetcher: SiteFetcher) -> None:  # S3.03
    bomb = gzip.compress(b"<p>" + b"a" * 50_000_000)
    strangers.pages["acme.co.za/"] = http(200, bomb, content_encoding="gzip")
    strangers.pages["flat.co.za/"] = http(200, zlib.compress(b"<p>packed</p>"), content_encoding="deflate")
    tracemalloc.start()
    found = await fetcher.fetch("http://acme.co.za/")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
    assert found.truncated
    assert len(found.text or "") == 100_000
    assert (await fetcher.fetch("http://flat.co.za/")).text == "<p>packed</p>"


async def test_drips_are_cut_off_in_time(strangers: Strangers) -> None:  # S3.03 S3.14
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    strangers.pages["acme.co.za/"] = drip
    began, fetcher = time.monotonic(), fetcher_at(strangers.url, timeout_s=0.3)
    assert (await fetcher.fetch("http://acme.co.za/")).trouble == "unreachable"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Über".encode(), "text/html", "Über"),
        ("Über".encode(), "text/html; charset=iso-8859-1", "Über"),
        ("Über".encode("cp1252"), "text/html; charset=ISO-8859-1", "Über"),
        ("“Über”".encode("cp1252"), "text/html", "“Über”"),
        (b'<meta charset="koi8-r">' + "Привет".encode("koi8-r"), "text/html", '<meta charset="koi8-r">Привет'),
        ("公司".encode("gb18030"), "text/html; charset=gb2312", "公司"),
        ("Über".encode("utf-16"), "text/html", "Über"),
        (b"\xef\xbb\xbf<p>", "text/html", "<p>"),
        (b"a\x00b", "text/html", "ab"),
        ("Ü".encode("cp1252") + b"+ADw-", "text/html; charset=utf-7", "Ü+ADw-"),
        (b"\xdc616263", "text/html; charset=hex", "Ü616263"),
    ],
)
async def test_letters_are_read_as_a_browser_would(
    strangers: Strangers, fetcher: SiteFetcher, body: bytes, content_type: str, text: str
) -> None:  # S3.03
    strangers.pages["acme.co.za/"] = http(200, body, content_type=content_type)
    assert (await fetcher.fetch("http://acme.co.za/")).text == text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(crawl_enabled=False), "CRAWL_ENABLED"),
        (Settings(tavily_base_url="http://127.0.0.1:5052"), "CRAWL_GATEWAY"),
        (Settings(gleif_base_url="http://localhost:5052"), "CRAWL_GATEWAY"),
        (Settings(crawl_gateway="https://127.0.0.1:1"), "CRAWL_GATEWAY"),
    ],
)
def test_the_crawler_says_which_setting_is_in_the_way(settings: Settings, said: str) -> None:
    # S3.03: invented sites are never asked for on the internet
    assert said in (absent(settings) or "")
    assert make(settings, LocalTurns()) is None


def test_a_plain_installation_has_a_crawler() -> None:
    assert absent(Settings()) is None
