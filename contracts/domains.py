"""Whose domain a host belongs to, by the public suffix list inside the package; and which hosts are nobody's own site."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import idna

if TYPE_CHECKING:
    import tldextract


@cache
def _not_companies() -> frozenset[str]:
    path = Path(__file__).parent / "not_companies.txt"
    return frozenset(path.read_text(encoding="ascii").split())


@cache
def suffixes() -> tldextract.TLDExtract:
    """The public suffix list, offline. Private suffixes count, so that two shops of one host stay apart."""
    # It brings a whole HTTP client along, a quarter of a second for every process: only those who ask for a domain wait for it.
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def registrable_domain(host: str) -> str | None:
    """The domain somebody registered ("shop.x.co.za" -> "x.co.za"), lower case, in ASCII; None for IPs and odd names."""
    parts = suffixes()(host.strip().rstrip("."))
    if not parts.domain or not parts.suffix:
        return None
    try:
        return idna.encode(f"{parts.domain}.{parts.suffix}".lower(), uts46=True).decode()
    except idna.IDNAError:
        return None


def company_domain(url: str) -> str | None:
    """The registrable domain of a page that can be a company's own; None for hosts that never are."""
    domain = registrable_domain(urlsplit(url).hostname or "")
    return None if domain is None or domain in _not_companies() or len(domain) > 253 else domain
