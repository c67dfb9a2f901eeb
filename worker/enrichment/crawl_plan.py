"""Which pages of a site to read, and in which order: the home page, then a few that say who, where and what. Pure.

The same links give the same plan, in the same order, on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from contracts.sites import PageKind
from worker.enrichment.page import Link

#: Kinds in the order in which they are worth a request.
KEY_PAGES: tuple[PageKind, ...] = (
    "contact", "about", "impressum", "team", "products", "pricing", "cases", "careers",
)  # fmt: skip
MAX_DEPTH = 4
#: Parameters of a page's query: more are a filter or a trap.
MAX_ASKED = 5
MAX_URL = 500

#: What such pages are called, in the languages of the markets we know. "-" stands for any of hyphen, underscore, space.
_WORDS: dict[PageKind, str] = {
    "contact": "contact-?(?:us)?|contacts|get-in-touch|kontakt|contacto|contatti|contactez|contato|hubungi(?:-kami)?",
    "about": "about-?(?:us)?|who-we-are|our-(?:story|company)|company(?:-profile)?|profile|(?:ü|ue|u)ber-uns|unternehmen|"
    "quienes-somos|sobre(?:-nos)?|chi-siamo|a-propos|tentang(?:-kami)?",
    "impressum": "impressum|imprint|legal-?notice|mentions-l[eé]gales|aviso-legal|note-legali",
    "team": "(?:our-|meet-the-)?(?:team|people|staff)|leadership|management|directors|equipe|équipe|equipo",
    "products": "products?(?:-(?:and|&)-services)?|services?|solutions?|what-we-do|catalog(?:ue)?|range|produkte|leistungen|"
    "productos|servicios|prodotti|produk|layanan",
    "pricing": "pricing|prices?|price-list|plans|rates|preise|precios|tarifs|harga",
    "cases": "case-?stud(?:y|ies)|customers|(?:our-)?clients|references|referenzen|portfolio|projects|success-stories|testimonials",
    "careers": "careers?|jobs|vacanc(?:y|ies)|join-us|work-(?:with|for)-us|karriere|stellen(?:angebote)?|empleo|karir",
}
_SPELT = {kind: words.replace("-", "[-_ ]") for kind, words in _WORDS.items()}
_EXACT = {kind: re.compile(rf"(?i)(?:{words})") for kind, words in _SPELT.items()}
_INSIDE = {kind: re.compile(rf"(?i)(?<!\w)(?:{words})(?!\w)") for kind, words in _SPELT.items()}
#: Asked for when the home page links to no page of the kind.
_GUESSES: tuple[tuple[PageKind, str], ...] = (("contact", "/contact"), ("about", "/about"))
_MEDIA = re.compile(
    r"(?i)\.(?:jpe?g|png|gif|webp|svg|ico|bmp|tiff?|avif|css|js|mjs|json|xml|rss|atom|pdf|docx?|xlsx?|pptx?|csv|zip|gz|tar|rar|7z|"
    r"mp[34]|m4[av]|avi|mov|wmv|webm|ogg|wav|woff2?|ttf|eot|exe|dmg|apk|ics|vcf|txt)$"
)
_TRACKING = re.compile(
    r"(?i)^(?:utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|ref|source|sessionid|phpsessid|sid|jsessionid)$"
)
_INDEX = re.compile(r"(?i)/(?:index|default|home)\.(?:html?|php|aspx?)$")
_SESSION = re.compile(r"(?i);jsessionid=[^/?]*")


@dataclass(frozen=True, slots=True)
class Planned:
    """A page to ask for. `guessed`: nothing links to it; a 404 says nothing about the site."""

    url: str
    kind: PageKind
    guessed: bool = False


def plan(
    home: str,
    links: Iterable[Link],
    *,
    domain: str,
    pages: int,
    base: str | None = None,
    nofollow: bool = False,
    guess: bool = True,
) -> list[Planned]:
    """At most `pages` - 1 key pages of `domain`, best first: one of each kind, then second ones. `home` is not among them.

    `guess`: ask for what most sites have even though nothing links to it.
    """
    ranked: dict[PageKind, list[tuple[int, int, str]]] = {}
    seen = {key(home)}
    start = (canonical(base, base=home, domain=domain) or home) if base else home
    for link in [] if nofollow else links:
        url = canonical(link.href, base=start, domain=domain)
        if url is None or key(url) in seen:
            continue
        if (found := _kind(url, link.words)) is not None:
            seen.add(key(url))
            ranked.setdefault(found[0], []).append((-found[1], len(url), url))
    chosen = [Planned(sorted(ranked[k])[0][2], k) for k in KEY_PAGES if k in ranked]
    room = max(0, pages - 1)
    if len(chosen) < room and guess and not nofollow:
        # A guess costs a request and often finds nothing: only for what matters most.
        chosen += [Planned(urljoin(home, p), k, True) for k, p in _GUESSES if k not in ranked]
    if len(chosen) < room:
        chosen += [Planned(url, k) for k in KEY_PAGES for _, _, url in sorted(ranked.get(k, []))[1:3]]
    return _once(chosen, {key(home)})[:room]


def canonical(href: str, *, base: str, domain: str) -> str | None:
    """`href` seen from `base` as a URL of `domain` or a host under it, without fragment, tracking and session; None for anything
    else: other sites, media, other schemes, paths without end.
    """
    try:
        parts = urlsplit(urljoin(base, href.strip()))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.username is not None or not belongs(host, domain):
        return None
    path = _SESSION.sub("", parts.path) or "/"
    if port not in (None, 80, 443) or _MEDIA.search(path) or path.count("/") > MAX_DEPTH + 1:
        return None
    asked = [(k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.match(k)]
    if len(asked) > MAX_ASKED:
        return None
    url = f"{parts.scheme}://{host}{path}" + (f"?{urlencode(asked)}" if asked else "")
    return url if len(url) <= MAX_URL else None


def key(url: str) -> str:
    """What two spellings of one page share: no scheme, www, index page or slash at the end."""
    parts = urlsplit(url)
    path = _INDEX.sub("", parts.path).rstrip("/").lower()
    return f"{(parts.hostname or '').removeprefix('www.')}{path}" + (f"?{parts.query}" if parts.query else "")


def belongs(host: str, domain: str) -> bool:
    """Whether `host` is `domain` or under it."""
    host, domain = host.lower(), domain.lower()
    return host == domain or host.endswith(f".{domain}")


def kind_of(url: str, words: str = "") -> PageKind:
    """What a link promises; `other` when it promises nothing."""
    found = _kind(url, words)
    return found[0] if found is not None else "other"


@lru_cache(maxsize=8192)  # the same menu stands on every page
def _kind(url: str, words: str) -> tuple[PageKind, int] | None:
    """The kind, and how plainly it is said: the words of the link whole, the last part of its path, or either in passing."""
    parts = urlsplit(url)
    last = re.sub(r"(?i)\.(?:html?|php|aspx?)$", "", parts.path.rstrip("/").rpartition("/")[2])
    said = words.strip(" »›→>:.!")
    best: tuple[int, int, PageKind] | None = None
    for order, kind in enumerate(KEY_PAGES):
        score = 4 * bool(_EXACT[kind].fullmatch(said)) + 3 * bool(_EXACT[kind].fullmatch(last))
        score = score or (1 if len(said) <= 40 and _INSIDE[kind].search(said) else 0)
        score = score or (1 if _INSIDE[kind].search(last.replace("_", "-")) else 0)
        if score and (best is None or score > best[0]):
            best = (score, -order, kind)
    if best is None:
        return None
    # Deep and questioned pages are variants: the plain one says it better.
    return best[2], best[0] * 10 - 2 * parts.path.rstrip("/").count("/") - (5 if parts.query else 0)


def _once(chosen: Sequence[Planned], seen: set[str]) -> list[Planned]:
    found: list[Planned] = []
    for each in chosen:
        if key(each.url) not in seen:
            seen.add(key(each.url))
            found.append(each)
    return found
