"""Where our crawler may go: the open internet by name, and nowhere else.

A company's site is a stranger's text that ends up in our requests, so it could point at machines only we can reach. Names are
resolved here and nowhere after: the connection goes to the address that was checked, so a second answer of the DNS changes nothing.
With a gateway, every connection goes to that one address and no name is ever looked up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import httpcore
import idna

from worker.providers.web_hit import registrable_domain

#: They forbid crawlers (providers.md section 14): their URLs are identifiers only.
FORBIDDEN_DOMAINS = frozenset({"linkedin.com", "lnkd.in", "opencorporates.com"})
MAX_URL = 2000
#: Addresses of a name that are tried, one after the other.
MAX_TRIES = 3
_PORTS = {"http": 80, "https": 443}
_NUMERIC_END = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)\.?$")
#: Public by their numbers, private by their use: old relays into IPv4, the protocol block, a cloud's metadata service.
_NEVER_V4 = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "240.0.0.0/4")))
_ONLY_V6 = ipaddress.IPv6Network("2000::/3")
#: An IPv4 address hides in these: 6to4 and Teredo; documentation and the benchmark net beside them.
_NEVER_V6 = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/23", "2001:db8::/32", "3fff::/20")))
#: Characters that quoting leaves alone in a path and a query; "%" because what is quoted already stays so.
_KEPT = "/%:@!$&'()*+,;=~-._"


class Refused(Exception):
    """We do not go there. The message is the reason, without the address it hides."""


class Target:
    """A URL that may be asked for: `origin` is scheme://host, `path` has the query, all in ASCII."""

    __slots__ = ("domain", "host", "path", "scheme")

    def __init__(self, scheme: str, host: str, path: str, domain: str) -> None:
        self.scheme, self.host, self.path, self.domain = scheme, host, path, domain

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def url(self) -> str:
        return self.origin + self.path


def target(url: str) -> Target:
    """`url` read as a browser would, if it may be asked for. Raises Refused: other schemes, user names, addresses in digits,
    odd ports, names nobody can have registered, sites that forbid crawlers.
    """
    try:
        parts = urlsplit(url.strip())
        port, given = parts.port, parts.hostname or ""
    except ValueError:
        raise Refused("not a web address") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or len(url) > MAX_URL:
        raise Refused("neither http nor https" if scheme not in _PORTS else "a URL without end")
    if "@" in parts.netloc or "\\" in url:
        raise Refused("a user name in the URL")
    if port not in (None, _PORTS[scheme]):
        raise Refused("an odd port")
    host = _host(given)
    domain = registrable_domain(host)
    if domain is None:
        raise Refused("no registered domain")
    if domain in FORBIDDEN_DOMAINS:
        raise Refused(f"{domain} forbids crawlers")
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT + '?')}" if parts.query else "")
    return Target(scheme, host, path, domain)


def _host(given: str) -> str:
    if ":" in given or _NUMERIC_END.search(given):
        raise Refused("an address in digits")
    try:
        host = idna.encode(given.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise Refused("a name that cannot be") from None
    # Full-width digits and dots become plain ones only here.
    if _NUMERIC_END.search(host):
        raise Refused("an address in digits")
    return host


def is_open(address: str) -> bool:
    """Whether `address` (v4 or v6, as the resolver gives it) is on the open internet for everybody alike."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_open(str(ip.ipv4_mapped))
        return ip in _ONLY_V6 and ip.is_global and not any(ip in net for net in _NEVER_V6)
    return ip.is_global and not ip.is_multicast and not any(ip in net for net in _NEVER_V4)


async def addresses(host: str) -> list[str]:
    """What `host` resolves to. Raises Refused if any of it is not open, httpcore.ConnectError if there is nothing."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise httpcore.ConnectError("the name does not resolve") from None
    each = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(is_open(address) for address in each):
        raise Refused("its name leads into a private network")
    return each[:MAX_TRIES]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Dials checked addresses only, or with `gateway` (host, port) that one address for every name."""

    def __init__(self, gateway: tuple[str, int] | None = None) -> None:
        self._plain = httpcore.AnyIOBackend()
        self._gateway = gateway

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if self._gateway is not None:
            name, number = self._gateway
            return await self._plain.connect_tcp(name, number, timeout, local_address, socket_options)
        last: Exception = httpcore.ConnectError("the name does not resolve")
        for address in await addresses(host):
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def gateway_of(setting: str | None) -> tuple[str, int] | None:
    """(host, port) of CRAWL_GATEWAY. Raises ValueError when it is no plain http address."""
    if not setting:
        return None
    parts = urlsplit(setting)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("CRAWL_GATEWAY is not an http address: correct it or unset it")
    return parts.hostname, parts.port or 80
