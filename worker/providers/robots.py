"""What a robots.txt allows, by RFC 9309: Protego matches paths, the rules about status, size and groups are ours.

answer of /robots.txt            what it means (RFC 9309, section 2.3.1)
2xx                              its rules hold; the first 500 KiB are read
more than five redirects, 4xx    there are no rules
429, 5xx, no answer              everything is disallowed until it can be read
"""

from __future__ import annotations

import re

import protego

from contracts.sites import Robots

MAX_BYTES = 500 * 1024
MAX_REDIRECTS = 5
#: How long one may be remembered, in seconds.
KEEP_S = 86_400.0
#: A longer Crawl-delay is cut to this.
MAX_DELAY_S = 60.0

_GROUP = re.compile(r"(?i)^\s*user[- ]?agent\s*[:\s]\s*(.*)$")
_TOKEN = re.compile(r"[A-Za-z_-]+")
#: Protego would also end lines where RFC 9309 does not.
_NO_LINE_END = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


class RobotsRules:
    """The rules of one origin for us. `agent` is the User-Agent header; its product token names our group."""

    def __init__(self, robots: Robots, agent: str) -> None:
        self._token = product_token(agent)
        status = robots.status
        #: Nothing may be fetched, because nobody could tell what may.
        self.closed = status is None or status == 429 or status >= 500
        said = robots.text if status is not None and 200 <= status < 300 else None
        self._parsed = protego.Protego.parse(_ours(said, self._token)) if said else None

    def allows(self, url: str) -> bool:
        """Whether `url` may be fetched. /robots.txt itself always may."""
        if self.closed:
            return url.endswith("/robots.txt")
        return self._parsed is None or self._parsed.can_fetch(url, self._token)

    @property
    def delay_s(self) -> float:
        """Its Crawl-delay in seconds, at most MAX_DELAY_S; 0 when it has none. Not in the RFC, but it was asked for."""
        said = self._parsed.crawl_delay(self._token) if self._parsed is not None else None
        return min(max(said or 0.0, 0.0), MAX_DELAY_S)


def product_token(agent: str) -> str:
    """ "HeadwaterBot/0.1 (+https://…)" -> "headwaterbot"."""
    found = _TOKEN.match(agent)
    return found[0].lower() if found else "*"


def _ours(text: str, token: str) -> str:
    """`text` with the groups of other crawlers out of reach: Protego takes a token for ours when it is only its beginning."""
    lines = []
    for line in re.split(r"\r\n|\r|\n", _NO_LINE_END.sub(" ", text.removeprefix("\ufeff"))):
        if found := _GROUP.match(line):
            named = found[1].partition("#")[0].strip()
            product = _TOKEN.match(named)
            mine = product is not None and product[0].lower() == token
            lines.append(f"User-agent: {token if mine else '*' if named == '*' else '~'}")
        else:
            lines.append(line)
    return "\n".join(lines)


def read_text(body: bytes) -> str:
    """The rules in `body`: UTF-8, at most MAX_BYTES, without a last line that was cut in two."""
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    return body.decode("utf-8", "replace").replace("\0", "")
