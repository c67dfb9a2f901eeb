"""The web search vendor: `POST /search` and `GET /usage` in Tavily's wire format, over the sites of the
world.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.people import company_at
from worker.providers.sandbox.reading import page_text
from worker.providers.sandbox.words import place, stems, terms
from worker.providers.sandbox.world import LANDS, TRADES, Company, World

MAX_RESULTS = 20
#: How much of the web each engine knows: two channels see overlapping, not equal, parts of it.
COVERAGE = 0.72
ENOUGH = 14
_CLOTHING = frozenset(stem for trade in TRADES for stem in stems(trade)) | {"clothes", "garment", "textile"}

_TEXTS = (
    "{name} is based in {city}, {land}. Ask us for {trades}: samples within a week. {mail}",
    "{brand}: {trades} for teams of ten to ten thousand, delivered from {city} across {land}. {mail}",
    "Looking for {trades}? {name}, {city} ({land}), quotes within a day. {mail}",
)
_TITLES = ("{name}", "Home | {name}", "{trade} in {city} - {brand}", "{brand} | {trade}", "About us | {name}")
_PAGES = (
    "https://www.{d}/",
    "http://{d}",
    "https://{d}/about-us",
    "https://www.{d}/products/?utm_source=search",
)


def search(world: World, channel: str | None, bearer: str, body: bytes) -> Answer:
    """Answer one search of `channel`. Keys start with "tvly-"; anything else is turned away."""
    if not bearer.startswith("tvly-"):
        return json_answer(401, {"detail": {"error": "Unauthorized: missing or invalid API key."}})
    try:
        asked = json.loads(body)
        query, wanted = asked["query"], asked.get("max_results", 5)
    except (ValueError, KeyError, TypeError, AttributeError):
        return json_answer(422, {"detail": [{"loc": ["body", "query"], "msg": "Field required", "type": "missing"}]})
    if not isinstance(query, str) or not query.strip():
        return json_answer(400, {"detail": {"error": "Query is missing."}})
    if not isinstance(wanted, int) or not 0 <= wanted <= MAX_RESULTS:
        return json_answer(400, {"detail": {"error": "Max results must be between 0 and 20."}})
    credits = 2.0 if asked.get("search_depth") == "advanced" else 1.0
    results = list(_found(world, channel or "", query, asked))[:wanted]
    if asked.get("include_raw_content"):
        results = [{**hit, "raw_content": page_text(world, hit["url"])} for hit in results]
    value: dict[str, Any] = {
        "query": query,
        "follow_up_questions": None,
        "answer": None,
        "images": [],
        "results": [{**hit, "score": round(0.96 - 0.027 * rank, 4)} for rank, hit in enumerate(results)],
        "response_time": 0.42,
        "request_id": hashlib.sha256(body).hexdigest()[:32],
    }
    if asked.get("include_usage"):
        value["usage"] = {"credits": int(credits)}
    return json_answer(200, value, credits=credits)


def _found(world: World, channel: str, query: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Hits anywhere, at the sites of given companies, or on given networks."""
    hosts = asked.get("include_domains")
    if not hosts:
        yield from results_of(world, channel, query, asked.get("country"))
        return
    companies = [company for host in hosts if (company := company_at(world, host))]
    yield from (_site(world, channel, company) for company in companies)
    if not companies:
        yield from social_pages(world, channel, query, hosts)


def results_of(
    world: World, channel: str, query: str, country: str | None = None, most: int = MAX_RESULTS - 4
) -> Iterator[dict[str, Any]]:
    """Hits, best first: `most` sites, with two directories and two repeated sites among them."""
    code, city, rest = place(query, country)
    known = [
        c for c in _ranked(world, channel, terms(rest), code, city) if world.luck("index", channel, c.lei) < COVERAGE
    ]
    for rank, company in enumerate(known[:most]):
        yield _site(world, channel, company)
        if rank == 0:
            yield _directory("www.yellowpages.co.za", f"search?what={'+'.join(terms(query)[:3])}", query)
            yield {
                **_site(world, channel, company),
                "url": f"http://www.{company.domain}/?utm_source=ad&utm_medium=x",
            }
        if rank == 2:
            yield {
                **_site(world, channel, company),
                "url": f"https://{company.domain}/contact",
                "title": "Contact us",
            }
            yield _directory("za.linkedin.com", f"company/{company.domain.partition('.')[0]}", company.brand)


def social_pages(world: World, channel: str, query: str, hosts: list[str]) -> Iterator[dict[str, Any]]:
    """Hits on social networks: most are companies' pages, some of them state a site; a person and a single post among them."""
    code, city, rest = place(query, None)
    for rank, company in enumerate(_ranked(world, channel, terms(rest), code, city)):
        host = hosts[int(world.luck("network", company.lei) * len(hosts))]
        slug = company.domain.partition(".")[0]
        path = {"linkedin.com": f"company/{slug}", "tiktok.com": f"@{slug}", "youtube.com": f"@{slug}"}.get(host, slug)
        site = f" Website: www.{company.domain}." if world.luck("states", company.lei) < 0.7 else ""
        trades = " and ".join(company.trades) or "services"
        yield {
            "title": f"{company.brand} | {host.partition('.')[0].title()}",
            "url": f"https://www.{host}/{path}/?ref=search",
            "content": f"{company.brand}, {company.city}, {LANDS[company.country][0]}. {trades.capitalize()}.{site}",
            "raw_content": None,
        }
        if rank == 1:
            person = {
                "title": "Thandi Nkosi - Buyer",
                "content": "Buyer in Cape Town, South Africa",
                "raw_content": None,
            }
            yield {**person, "url": "https://za.linkedin.com/in/thandi-nkosi-1"}
            yield {
                **person,
                "title": f"A post by {company.brand}",
                "url": "https://www.facebook.com/groups/workwear/posts/1",
            }


def _ranked(world: World, channel: str, words: list[str], code: str | None, city: str | None) -> list[Company]:
    scored = [(score_of(c, words, city), c) for c in world.companies(code) if c.category == "GENERAL"]
    if len([s for s, _ in scored if s > 0]) < ENOUGH and code not in (None, "ZA") and _CLOTHING & set(words):
        # A small market is served from the big one next door.
        exporters = (c for c in world.companies("ZA") if c.trades)
        scored += [(0.5, c) for c in exporters if world.luck("exports", code, c.lei) < 0.25]
    ranked = [(score + world.luck("order", channel, c.lei) * 0.9, c) for score, c in scored if score > 0]
    return [c for _, c in sorted(ranked, key=lambda pair: (-pair[0], pair[1].lei))]


def score_of(company: Company, words: list[str], city: str | None) -> float:
    """How well `company` fits the stems of a query: its trades before its name before its sectors; 0 for not at all."""
    trades, names = set(stems(" ".join(company.trades))), set(stems(company.name))
    sectors = set(stems(" ".join(company.sectors).replace("_", " ")))
    score = 0.0
    for word in words:
        if word in trades:
            score += 3
        elif word in names:
            score += 2
        elif word in sectors:
            score += 1.5
        elif word in _CLOTHING and trades:
            score += 1
    return score + (2 if score and city == company.city else 0)


def _site(world: World, channel: str, company: Company) -> dict[str, Any]:
    def pick(what: str, options: tuple[str, ...]) -> str:
        return options[int(world.luck(what, channel, company.lei) * len(options))]

    trades = company.trades or (company.sectors[0].replace("_", " ") if company.sectors else "services",)
    facts = {
        "name": company.name,
        "brand": company.brand,
        "city": company.city,
        "land": LANDS[company.country][0],
        "trades": " and ".join(trades),
        "trade": trades[0].capitalize(),
        "mail": f"Write to info@{company.domain}" if company.has_mail else "",
    }
    return {
        "title": pick("title", _TITLES).format(**facts),
        "url": pick("page", _PAGES).format(d=company.domain),
        "content": pick("text", _TEXTS).format(**facts).strip(),
        "raw_content": None,
    }


def _directory(host: str, path: str, subject: str) -> dict[str, Any]:
    return {
        "title": f"{subject.title()} | Directory",
        "url": f"https://{host}/{path}",
        "content": f"Compare addresses, reviews and prices for {subject}. Contact: listings@gmail.com",
        "raw_content": None,
    }
