"""What a query in words asks for: where, and which words carry meaning.

"corporate clothing suppliers South Africa" -> words (corporate, clothing), country ZA
"workwear manufacturers Johannesburg"       -> words (workwear), country ZA, city Johannesburg

A register or a file cannot answer the sentence: it holds names and countries. So the place becomes a filter,
words that only say "a firm that sells" are dropped, and what remains is searched as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.providers.places import mentions

_WORD = re.compile(r"[^\W_][\w&'’-]*")

_FILLER = """
a an and are at best by companies company business businesses buy corporation dealer dealers directory
distributor distributors do enterprise enterprises exporter exporters find firm firms for from in industry is
leading list local maker makers manufacturer manufacturers me my near of on online or our producer producers
provider providers quality quote quotes retailer retailers sale seller sellers service services shop shops
stockist stockists store stores supplier suppliers supply that the to top trader traders vendor vendors wanted
who wholesale wholesaler wholesalers with"""
_SAYS_NOTHING = frozenset(_FILLER.split())


@dataclass(frozen=True)
class Wanted:
    """`words` are lower case, in order, each once; `country` is ISO 3166-1 alpha-2."""

    words: tuple[str, ...]
    country: str | None
    city: str | None

    @property
    def text(self) -> str:
        return " ".join(self.words)


def read(query: str) -> Wanted:
    """Read a query. Several places: the first country named wins, and a city counts only if it lies there."""
    places = mentions(query)
    country = next((p.country for p in places if p.city is None), places[0].country if places else None)
    city = next((p.city for p in places if p.city and p.country == country), None)
    rest = list(query)
    for place in places:
        rest[place.start : place.end] = " " * (place.end - place.start)
    words = [w.casefold() for w in _WORD.findall("".join(rest))]
    return Wanted(tuple(dict.fromkeys(w for w in words if w not in _SAYS_NOTHING)), country, city)
