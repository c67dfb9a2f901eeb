"""Our crawler beside Scrapy: the same sites on loopback, the same pages, the same concurrency, no delays for either."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from contracts.settings import Settings
from contracts.sites import SiteReport
from worker.bench.web import companies
from worker.providers.host_turns import LocalTurns
from worker.providers.sandbox.world import World
from worker.providers.site import SiteFetcher
from worker.providers.site_walk import SiteWalk

CONCURRENCY = 16
SITES = 300
Said = dict[str, float]


def has_scrapy() -> bool:
    """Whether Scrapy is there to be measured beside."""
    return importlib.util.find_spec("scrapy") is not None


def measure(*, repeat: int, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Pages a second of our walk (robots.txt, plan, sightings and corpus included), of Scrapy taking links, and of Scrapy reading
    as we do; in turns, medians. Raises RuntimeError when a crawl did not read what it should have.
    """
    many = max(4, int(SITES * scale))
    seen: dict[str, list[Said]] = {}
    with _web(many) as gateway:
        domains = [company.domain for company in companies(World(7), many)]
        for nth in range(1, repeat + 1):
            say(f"repetition {nth} of {repeat}")
            reports, own = asyncio.run(_walks(gateway, domains))
            _note(seen, "crawl", own, say)
            urls = {
                r.domain: [p.final_url.replace("https://", "http://") for p in r.pages if p.outcome == "ok"]
                for r in reports
            }
            for name, reading in (
                (("crawl scrapy links", False), ("crawl scrapy reading", True)) if has_scrapy() else ()
            ):
                beside = _scrapy(gateway, urls, reading=reading)
                if beside["pages"] != own["pages"]:
                    raise RuntimeError(
                        f"Scrapy read {beside['pages']} pages, our crawler {own['pages']}: not the same work"
                    )
                _note(seen, name, beside, say)
    return _report(seen, many)


async def _walks(gateway: str, domains: list[str]) -> tuple[list[SiteReport], Said]:
    settings = Settings(crawl_gateway=gateway, crawl_delay_s=0, crawl_enabled=True)
    fetcher = SiteFetcher(
        user_agent="HeadwaterBot/0.1",
        timeout_s=10,
        max_bytes=settings.crawl_max_bytes,
        gateway=gateway,
    )
    walk, reports, left = SiteWalk(fetcher, LocalTurns(), settings), list[SiteReport](), iter(domains)

    async def worker() -> None:
        for domain in left:
            reports.append(await walk.crawl(domain))

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[worker() for _ in range(CONCURRENCY)])
    spent = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    await walk.close()
    if any(report.outcome != "ok" for report in reports):
        raise RuntimeError("a plain site was not read: look at worker/bench/web.py")
    return reports, {"pages": sum(p.outcome == "ok" for r in reports for p in r.pages), **spent}


def _scrapy(gateway: str, urls: dict[str, list[str]], *, reading: bool) -> Said:
    asked = {"gateway": gateway, "concurrency": CONCURRENCY, "reading": reading, "sites": urls}
    command = [sys.executable, "-m", "worker.bench.scrapy_spider"]
    ended = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=600, check=False)  # noqa: S603
    if ended.returncode != 0 or not ended.stdout.strip():
        raise RuntimeError(f"Scrapy did not run: {ended.stderr[-2000:]}")
    said: Said = json.loads(ended.stdout.strip().splitlines()[-1])
    return said


def _note(seen: dict[str, list[Said]], name: str, said: Said, say: Callable[[str], None]) -> None:
    seen.setdefault(name, []).append(said)
    each_us = said["cpu_s"] / said["pages"] * 1e6
    say(f"  {name:<28} {said['pages'] / said['seconds']:>9,.0f} pages/s   {each_us:,.0f} us of processor each")


def _report(seen: dict[str, list[Said]], many: int) -> dict[str, Any]:
    def of(name: str) -> dict[str, Any] | None:
        rates = [said["pages"] / said["seconds"] for said in seen.get(name, [])]
        if not rates:
            return None
        cpu = statistics.median(said["cpu_s"] / said["pages"] * 1e6 for said in seen[name])
        return {
            "pages_per_s": round(statistics.median(rates)),
            "spread": [round(min(rates)), round(max(rates))],
            "cpu_us_a_page": round(cpu),
        }

    ratios = {
        name: round(
            statistics.median(
                (a["pages"] / a["seconds"]) / (b["pages"] / b["seconds"])
                for a, b in zip(seen["crawl"], seen[name], strict=True)
            ),
            2,
        )
        for name in ("crawl scrapy links", "crawl scrapy reading")
        if name in seen
    }
    return {
        "sites": many,
        "pages": seen["crawl"][0]["pages"],
        "concurrency": CONCURRENCY,
        "repetitions": len(seen["crawl"]),
        "own": of("crawl"),
        "scrapy_links": of("crawl scrapy links"),
        "scrapy_reading": of("crawl scrapy reading"),
        "ratio_to_scrapy_links": ratios.get("crawl scrapy links"),
        "ratio_to_scrapy_reading": ratios.get("crawl scrapy reading"),
    }


@contextmanager
def _web(many: int) -> Iterator[str]:
    command = [sys.executable, "-m", "worker.bench.web", str(many)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            word, _, url = process.stdout.readline().strip().partition(" ")
            if word != "ready":
                raise RuntimeError("the web to crawl did not start: run `python -m worker.bench.web 10` to see why")
            yield url
        finally:
            process.terminate()
