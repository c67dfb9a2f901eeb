"""Companies by their public pages on social networks, as a web search lists them. Off unless SOCIAL_CHANNEL_ENABLED is true.

Nothing is ever fetched from those networks: the address of a page is an identifier, and what is known is what the search engine
shows of it. A company's own domain is taken only where the page states it. Pages of people, groups and single posts are left out.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from contracts.providers import FoundCompany, Terms
from worker.providers.query import Wanted
from worker.providers.web_company import WebHit, whereabouts
from worker.providers.web_hit import company_domain, normal_url, registrable_domain

#: The networks that are searched, and how the path of a company's page begins there.
HOSTS: dict[str, str] = {
    "facebook.com": "/",
    "instagram.com": "/",
    "linkedin.com": "/company/",
    "x.com": "/",
    "tiktok.com": "/@",
    "youtube.com": "/@",
}
CONFIDENCE = 0.4
#: Parts of paths that are no company's page.
_NO_COMPANY = re.compile(
    r"(?i)^/(in|pub|people|groups?|events?|posts?|p|reels?|stories|explore|hashtag|search|watch|share|sharer|login|help|"
    r"marketplace|status|jobs|pages|photo|photos|videos?|shorts|public|profile\.php|permalink\.php|story\.php)(/|$)"
)
_ADDRESS = re.compile(
    r"(?i)(?<![\w@.-])(?:https?://)?(?:www\.)?((?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24})(?![\w@-])(?!\.\w)"
)
_SEPARATOR = re.compile(r"\s+[-–—|·•]+\s+|\s*\|\s*|\s*\(@|:\s+")


def companies(hits: Iterable[WebHit], wanted: Wanted) -> list[FoundCompany]:
    """The companies whose pages were hit, each page once."""
    found: dict[str, FoundCompany] = {}
    for hit in hits:
        url = page_of(hit.url)
        name = _SEPARATOR.split(" ".join(hit.title.split()))[0][:500].strip()
        if url and name and url not in found:
            found[url] = _company(hit, url, name, wanted)
    return list(found.values())


def page_of(url: str) -> str | None:
    """One spelling for a company's page on a listed network, None for anything else there or elsewhere."""
    normal = normal_url(url)
    if normal is None:
        return None
    parts = urlsplit(normal)
    host = registrable_domain(parts.hostname or "")
    start = HOSTS.get(host or "")
    if start is None or not parts.path.startswith(start) or _NO_COMPANY.match(parts.path):
        return None
    handle = parts.path[len(start) :].partition("/")[0]
    return f"https://{host}{start}{handle}" if handle else None


def stated_domain(text: str) -> str | None:
    """The first address of a site in `text` that can be a company's own."""
    for match in _ADDRESS.finditer(text):
        if domain := company_domain(f"https://{match[1].lower()}"):
            return domain
    return None


def _company(hit: WebHit, url: str, name: str, wanted: Wanted) -> FoundCompany:
    domain = stated_domain(hit.text)
    country, city = whereabouts(domain, f"{hit.title} \n {hit.text}", wanted)
    return FoundCompany(
        external_id=url,
        name=name,
        country=country,
        city=city,
        domain=domain,
        confidence=min(hit.confidence, CONFIDENCE),
        terms=Terms.CRAWLED,
        raw=hit.raw,
    )
