"""robots.txt by RFC 9309: groups, matches, statuses, sizes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from contracts.sites import Robots
from worker.providers.robots import MAX_BYTES, RobotsRules, read_text

AGENT = "FooBot/1.0 (+https://foo.invalid/bot)"


def rules(text: str | None, status: int | None = 200, agent: str = AGENT) -> RobotsRules:
    robots = Robots(origin="https://acme.co.za", status=status, text=text, fetched_at=datetime.now(UTC))
    return RobotsRules(robots, agent)


def allowed(text: str, path: str, agent: str = AGENT) -> bool:
    return rules(text, agent=agent).allows(f"https://acme.co.za{path}")


#: RFC 9309, section 5.1.
SIMPLE = """User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "expected"),
    [
        ("foobot", "/", False), ("foobot", "/example/page.html", True), ("FOOBOT", "/example/allowed.gif", True),
        ("foobot", "/publications/", False), ("barbot", "/example/page.html", False), ("bazbot", "/example/page.html", False),
        ("BazBot", "/example/other", True), ("quxbot", "/example/page.html", True), ("other", "/x.gif", False),
        ("other", "/x.gif?y", True), ("other", "/example/x", False), ("other", "/publications/x.html", True),
        ("other", "/", True),
    ],
)  # fmt: skip
def test_the_simple_example_of_the_standard(agent: str, path: str, expected: bool) -> None:  # S3.03
    assert allowed(SIMPLE, path, f"{agent}/2.1") is expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        # 5.2 the longest match wins, and of equal ones allow
        ("User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/no.gif", "/example/page/no.gif", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nAllow: /folder\nDisallow: /folder/secret", "/folder/x", True),
        ("User-agent: *\nDisallow: /\nAllow: /p", "/page", True),
        # 2.2.1 groups of one token are one group, ours before *; a token is compared whole, and without regard to case
        ("User-agent: foobot\nDisallow: /a\n\nUser-agent: other\nDisallow: /c\n\nUser-agent: FooBot\nDisallow: /b", "/b", False),
        ("User-agent: foobot\nDisallow: /a\n\nUser-agent: other\nDisallow: /c\n\nUser-agent: FooBot\nDisallow: /b", "/a", False),
        ("User-agent: foobot\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", True),
        ("User-agent: foo\nDisallow: /\n", "/x", True),
        ("User-agent: foobot-news\nDisallow: /\n", "/x", True),
        ("User-agent: foobot/9.9 (anything)\nDisallow: /\n", "/x", False),
        ("Disallow: /\n", "/x", True),
        # 2.2.2 special characters
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php?x=1", True),
        ("User-agent: *\nDisallow: /a*b*c", "/aXXbYYcZZ", False),
        ("User-agent: *\nDisallow: /x # why\n", "/x", False),
        ("User-agent: *\nDisallow:\n", "/x", True),
        # 2.2.2 percent-encoding is one with what it stands for
        ("User-agent: *\nDisallow: /foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("User-agent: *\nDisallow: /foo/bar/%62%61%7A", "/foo/bar/baz", False),
        ("User-agent: *\nDisallow: /a%3cd.html", "/a%3Cd.html", False),
        # 2.2.4 other lines end no group; 2.2.1 nor do empty ones
        ("User-agent: *\nSitemap: /s.xml\n\nDisallow: /x", "/x", False),
        ("User-agent: a\n\nUser-agent: *\nDisallow: /x", "/x", False),
        # as it comes: marks, line ends, garbage, HTML in its place
        ("\ufeffUser-agent: *\r\nDisallow: /x\r\n", "/x", False),
        ("User-agent: *\rDisallow: /x\r", "/x", False),
        ("<html><body>Disallow: /</body></html>", "/x", True),
        ("User-agent: *\nDisallow: /\n", "/robots.txt", True),
        ("\0\0User-agent\0: *", "/x", True),
    ],
)  # fmt: skip
def test_rules_of_the_standard(text: str, path: str, expected: bool) -> None:  # S3.03
    assert allowed(text, path) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, False), (204, True), (400, True), (401, True), (403, True), (404, True), (410, True), (429, False), (500, False),
     (503, False), (None, False)],
)  # fmt: skip
def test_the_status_decides_when_there_are_no_rules(status: int | None, expected: bool) -> None:  # S3.03
    text = "User-agent: *\nDisallow: /" if status == 200 else None
    assert rules(text, status).allows("https://acme.co.za/x") is expected
    assert rules(text, status).closed is (status in (429, 500, 503, None))


@pytest.mark.parametrize(
    ("text", "delay_s"),
    [
        ("User-agent: *\nCrawl-delay: 7", 7),
        ("User-agent: *\nCrawl-delay: 0.5", 0.5),
        ("User-agent: *\nCrawl-delay: 86400", 60),
        ("User-agent: *\nCrawl-delay: nan", 0),
        ("User-agent: *\nCrawl-delay: -3", 0),
        ("User-agent: foobot\nCrawl-delay: 2\n\nUser-agent: *\nCrawl-delay: 9", 2),
        ("User-agent: foobot\nDisallow: /x\n\nUser-agent: *\nCrawl-delay: 9", 0),
    ],
)
def test_a_crawl_delay_is_kept_up_to_a_minute(text: str, delay_s: float) -> None:  # S3.03
    assert rules(text).delay_s == delay_s


def test_half_a_megabyte_is_read_quickly_and_no_half_rule_with_it() -> None:  # S3.03
    line = "Disallow: /private/{:07d}/*/x\n"
    body = ("User-agent: *\n" + "".join(line.format(n) for n in range(40_000))).encode()
    assert len(body) > MAX_BYTES
    text = read_text(body)
    assert MAX_BYTES - 100 < len(text) <= MAX_BYTES
    assert text.endswith("/*/x")
    began = time.monotonic()
    assert not allowed(text, "/private/0000009/a/x")
    assert allowed(text, "/public")
    assert time.monotonic() - began < 3
