"""Scrapy over the same pages, as a process.

Reads {"gateway", "concurrency", "reading", "sites": {domain: [url, ..]}} on stdin, prints {"pages", "seconds", "cpu_s"}.
`reading`: its callback reads pages as our crawler does; else it only takes the links, in its own way.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

SETTINGS = {
    "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "DOWNLOAD_DELAY": 0, "ROBOTSTXT_OBEY": True, "COOKIES_ENABLED": False,
    "RETRY_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "LOG_LEVEL": "ERROR", "AUTOTHROTTLE_ENABLED": False,
    "HTTPCACHE_ENABLED": False, "USER_AGENT": "HeadwaterBot/0.1",
}  # fmt: skip


def main() -> None:
    asked = json.load(sys.stdin)
    # Every request of Scrapy, also those for robots.txt, goes through the proxy that the environment names.
    os.environ["http_proxy"] = asked["gateway"]
    os.environ.pop("no_proxy", None)
    import scrapy
    from scrapy.crawler import CrawlerProcess

    from worker.enrichment import extract
    from worker.enrichment.page import read

    seen = {"pages": 0, "found": 0}

    class Spider(scrapy.Spider):
        name = "beside"

        async def start(self) -> Any:
            for domain, (home, *rest) in asked["sites"].items():
                yield scrapy.Request(home, self.parse, cb_kwargs={"domain": domain, "rest": rest}, dont_filter=True)

        def parse(self, response: Any, domain: str, rest: list[str]) -> Any:
            seen["pages"] += 1
            if asked["reading"]:
                at = datetime.now(UTC)
                page = read(response.text, response.url, kind="home", at=at, headers={}, token="headwaterbot")  # noqa: S106
                seen["found"] += len(extract.sightings(page, domain, country=None))
            else:
                seen["found"] += len(response.css("a::attr(href)").getall())
            for url in rest:
                yield scrapy.Request(url, self.parse, cb_kwargs={"domain": domain, "rest": []})

    process = CrawlerProcess({**SETTINGS, "CONCURRENT_REQUESTS": asked["concurrency"]})
    process.crawl(Spider)
    began, cpu = time.perf_counter(), time.process_time()
    process.start()
    spent = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps({**seen, **spent}))


if __name__ == "__main__":
    main()
