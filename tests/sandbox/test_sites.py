"""The sandbox's sites: reached by name, the same every time, most of them plain, and true to the world behind them."""

from __future__ import annotations

import html
import json
import re
from collections import Counter

import httpx
import pytest

from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.sandbox import people, sites
from worker.providers.sandbox.vendor import Asked
from worker.providers.sandbox.world import Company, World


@pytest.fixture(scope="module")
def world() -> World:
    return World(7)


def shown(world: World, company: Company, path: str, host: str | None = None) -> tuple[int, str]:
    where = host or sites.home_host(world, company)
    answer = sites.answer(Asked(world, "GET", path, {}, [], {}, b"", "", {}), company, where)
    return answer.status, answer.body.decode("utf-8", "replace")


def general(world: World, kind: str) -> list[Company]:
    every = (c for c in world.companies("ZA") if c.category == "GENERAL")
    return [c for c in every if sites.kind(world, c) == kind]


def test_seven_in_ten_sites_can_simply_be_crawled(world: World) -> None:  # S3.03
    kinds = Counter(sites.kind(world, c) for c in world.companies("ZA") if c.category == "GENERAL")
    share = {name: count / kinds.total() for name, count in kinds.items()}
    assert 0.64 < sum(share[k] for k in ("plain", "delay", "charset", "huge", "trap", "slow")) < 0.8
    assert all(share[k] > 0 for k in ("shell", "forbidden", "captcha", "throttled", "moved", "closed", "unsure"))


def test_a_site_names_people_and_numbers_of_the_world_and_nobody_who_objected(world: World) -> None:  # S3.03
    seen = 0
    for company in general(world, "plain")[:60]:
        staff = people.people_of(world, company)
        status, text = shown(world, company, "/team")
        assert status == 200
        known = {p.email for p in staff if not p.objected}
        assert set(re.findall(r"mailto:([^\"]+)", text)) <= known
        names = {person.name for person in staff if person.name in html.unescape(text)}
        assert names == {person.name for person in staff if not person.objected}
        assert people.phone(world, company, "office") in text
        seen += len(known)
    assert seen > 100


def test_a_site_describes_itself_in_the_same_words_twice(world: World) -> None:
    company = general(world, "plain")[0]
    for path in ("/", "/contact", "/robots.txt"):
        assert shown(world, company, path) == shown(World(7), company, path)
    assert shown(world, company, "/nowhere")[0] == 404
    described = [shown(world, c, "/")[1] for c in general(world, "plain")[:40]]
    told = [json.loads(found[1]) for text in described if (found := re.search(r"ld\+json\">(.*?)</script>", text))]
    assert 8 < len(told) < 32
    assert all(t["@type"] == "Organization" and t["address"]["addressCountry"] == "ZA" for t in told)


def test_sites_are_reached_by_name_and_vendors_are_not_mistaken_for_them(
    sandbox: RunningSandbox, world: World
) -> None:  # S3.03
    company = general(world, "plain")[0]
    host = sites.home_host(world, company)
    sent = {"Host": host, "X-Forwarded-Proto": "https"}
    page = httpx.get(f"{sandbox.url}/about-us", headers=sent, trust_env=False, follow_redirects=False)
    if page.status_code == 301:
        page = httpx.get(f"{sandbox.url}/about-us", headers={**sent, "X-Forwarded-Proto": "http"}, trust_env=False)
    assert page.status_code == 200
    assert "About us" in page.text
    other = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
    moved = httpx.get(f"{sandbox.url}/", headers={**sent, "Host": other}, trust_env=False, follow_redirects=False)
    assert moved.status_code == 301
    assert moved.headers["location"].split("/")[2] == host
    assert httpx.get(f"{sandbox.url}/usage", trust_env=False).json()["key"]["usage"] == 0
    assert sandbox.totals("site")["requests"] >= 2


def test_hard_sites_are_hard_in_the_way_they_say(world: World) -> None:  # S3.03 S3.14
    def first(kind: str, path: str = "/") -> tuple[int, str]:
        return shown(world, general(world, kind)[0], path)

    assert first("forbidden")[0] == 403
    assert first("throttled")[0] == 429
    assert first("closed", "/robots.txt")[1].splitlines() == ["User-agent: *", "Disallow: /"]
    assert first("unsure", "/robots.txt")[0] == 503
    assert "Crawl-delay: 1" in first("delay", "/robots.txt")[1]
    assert len(first("huge")[1]) > 3_000_000
    assert first("trap")[1].count("/calendar/") == 199
    assert first("moved")[0] == 301
    assert "robot" in first("captcha")[1]
    assert re.sub(r"<[^>]+>", "", first("shell")[1]).strip().endswith("This site needs JavaScript.")
    assert 'charset="windows-1252"' in first("charset")[1]
