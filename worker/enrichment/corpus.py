"""The site as one text: main text of its pages in the order they were read, each line once. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from worker.enrichment.page import Page

#: Shorter lines are buttons and labels; names and titles of people have two words.
MIN_WORDS = 2
#: Long enough to be a sentence about a company rather than a slogan.
MIN_SENTENCE = 60
MAX_DESCRIPTION = 600


def merge(pages: Iterable[Page], *, limit: int) -> str:
    """At most `limit` characters: for each page a line with its kind and URL, then its lines; what was said before is left out."""
    seen: set[str] = set()
    parts: list[str] = []
    room = limit
    for page in pages:
        lines = [line for line in page.lines if _says_something(line)]
        fresh = [line for line in dict.fromkeys(lines) if line.casefold() not in seen]
        seen.update(line.casefold() for line in fresh)
        if not fresh:
            continue
        for line in (f"# {page.kind}: {page.url}", *fresh):
            if room <= 0:
                return "\n".join(parts)[:limit]
            parts.append(line[:room])
            room -= len(line) + 1
    return "\n".join(parts)[:limit]


def describe(pages: Iterable[Page]) -> str | None:
    """The company in its own words, by rules: the description in the home page's head, else the first sentences that are long
    enough, the about page first.
    """
    read = list(pages)
    for page in read:
        if page.kind == "home":
            for name in ("description", "og:description", "twitter:description"):
                if len(said := page.metas.get(name, "")) >= MIN_SENTENCE // 2:
                    return said[:MAX_DESCRIPTION]
    for page in sorted(read, key=lambda p: p.kind != "about"):
        for line in page.lines:
            if len(line) >= MIN_SENTENCE and "." in line:
                return line[:MAX_DESCRIPTION]
    return None


def _says_something(line: str) -> bool:
    """Words enough, or digits, or an address: a telephone number in a line of its own must stay."""
    return len(line.split()) >= MIN_WORDS or any(c.isdigit() for c in line) or "@" in line or len(line) >= 25
