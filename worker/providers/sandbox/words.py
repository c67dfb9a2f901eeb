"""How the stand-in vendors read words. Deliberately their own: the adapters have another reader."""

from __future__ import annotations

import re

from worker.providers.sandbox.world import LANDS

_STOP = frozenset(
    [
        "a",
        "and",
        "best",
        "company",
        "for",
        "in",
        "manufacturer",
        "of",
        "supplier",
        "the",
        "to",
        "near",
        "with",
        "firm",
    ]
)


def stems(text: str) -> list[str]:
    """The words of `text`, lower case, without a plural's ending, in order."""
    words = re.findall(r"[a-z0-9]+", text.casefold())
    return [_stem(word) for word in words]


def terms(query: str) -> list[str]:
    """The stems of `query` that a search engine would look up, each once."""
    return [stem for stem in dict.fromkeys(stems(query)) if stem not in _STOP]


def place(query: str, country: str | None) -> tuple[str | None, str | None, str]:
    """(country code, city, rest of the query) named in `query`, or the code of the country name `country`."""
    rest, code, town = query.casefold(), None, None
    for land, (name, _, cities) in LANDS.items():
        for city in cities:
            if town is None and city.casefold() in rest:
                rest, code, town = rest.replace(city.casefold(), " "), code or land, city
        if name.casefold() in rest:
            rest, code = rest.replace(name.casefold(), " "), land
    asked = next((land for land, (name, _, _) in LANDS.items() if name.casefold() == (country or "").casefold()), None)
    return code or asked, town, rest


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
