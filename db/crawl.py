"""What our crawler read of companies' sites: how each walk went, its pages, and whether they changed. No text unless asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.sites import SiteReport
from contracts.texts import storable
from db.sql import load
from db.transaction import Tx

SQL = load("crawl")


@dataclass(frozen=True, slots=True)
class Saved:
    """How many of a walk's pages had a new text, and how many the one that was known. `stale`: a later walk stood there already."""

    changed: int = 0
    unchanged: int = 0
    stale: bool = False


async def save(
    tx: Tx, tenant: UUID, report: SiteReport, *, company: UUID | None = None, with_corpus: bool = False
) -> Saved:
    """Store a walk in place of the one before; saving it twice changes nothing. `with_corpus`: its text as well.

    A page that could not be read this time keeps what was known of it.
    """
    site = await tx.fetchval(
        SQL["save_site"],
        tenant, report.domain, company, report.outcome, _short(report.reason), report.home_url, report.moved_to, report.language,
        storable(report.description, 4000) if report.description else None,
        storable(report.corpus, len(report.corpus)) if with_corpus and report.corpus else None,
        report.requests, report.seconds, report.started_at,
    )  # fmt: skip
    if site is None:
        return Saved(stale=True)
    # By the page that answered: two addresses of one page are one.
    pages = {page.final_url: page for page in reversed(report.pages)}
    rows = [
        (
            url, hashlib.sha256(url.encode("utf-8", "replace")).digest(), page.kind, page.outcome, page.status, _short(page.reason),
            page.text_hash, page.chars, _signals(report, url), page.at,
        )
        for url, page in pages.items()
    ]  # fmt: skip
    said = await tx.fetch(
        SQL["save_pages"], tenant, site, *([list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 10)
    )
    changed = sum(bool(row["changed"]) for row in said)
    return Saved(changed=changed, unchanged=len(said) - changed)


async def site(tx: Tx, tenant: UUID, domain: str) -> dict[str, Any] | None:
    """How the last walk over `domain` went; None when it was never walked."""
    row = await tx.fetchrow(SQL["site"], tenant, domain)
    return dict(row) if row is not None else None


async def report(tx: Tx, tenant: UUID, domain: str) -> SiteReport | None:
    """The last walk over `domain` as far as it is kept: what was read off its pages, its text only where it was asked for.

    None when it was never walked, or too long ago.
    """
    stands = await site(tx, tenant, domain)
    if stands is None:
        return None
    sightings = [
        {**signal, "url": page["url"]} for page in await pages(tx, tenant, domain) for signal in page["signals"] or ()
    ]
    named = {name: stands[name] for name in ("domain", "outcome", "reason", "home_url", "moved_to", "language")}
    about = {"description": stands["description"], "corpus": stands["corpus"] or "", "started_at": stands["crawled_at"]}
    measured = {"requests": stands["requests"], "seconds": stands["seconds"]}
    return SiteReport.model_validate({**named, **about, **measured, "sightings": sightings})


async def pages(tx: Tx, tenant: UUID, domain: str) -> list[dict[str, Any]]:
    """The pages known of `domain`, in the order they were read."""
    return [dict(row) for row in await tx.fetch(SQL["pages"], tenant, domain)]


async def forget(tx: Tx, tenant: UUID, days: int) -> int:
    """Delete walks older than `days`. Returns how many."""
    return len(await tx.fetch(SQL["forget"], tenant, days))


def _signals(report: SiteReport, url: str) -> str:
    seen = [s.model_dump(mode="json", exclude={"url"}, exclude_none=True) for s in report.sightings if s.url == url]
    return json.dumps([_plain(each) for each in seen], ensure_ascii=False)


def _plain(sighting: dict[str, Any]) -> dict[str, Any]:
    return {name: storable(value, 2000) if isinstance(value, str) else value for name, value in sighting.items()}


def _short(text: str | None) -> str | None:
    return storable(text, 300) if text else None
