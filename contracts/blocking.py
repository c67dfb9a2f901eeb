"""Which records of a file are worth comparing: those that share something rare. Pure, in memory, for files of up to
some 100,000 rows.

An inverted index over words and trigrams of names, phones, houses and sites. What very many share says nothing and is not followed,
so the work grows with the rows and not with their square.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import log

from contracts.likeness import Rarity, Record

#: How many rows may share a key before it is not followed, and how many candidates a row is compared with.
MOST_SHARING = 120
NEAREST = 20
#: The rarest trigrams of a name that are followed.
TRIGRAMS = 10
#: Rows that a row's fuzzy keys may lead to, rarest key first: it bounds the work by the number of rows, not by its square. Up to
#: 24,000 rows it is never reached.
MOST_FOLLOWED = 2_000


def rarity(records: Sequence[Record]) -> Rarity:
    """How often each word stands in names of the file."""
    having: Counter[str] = Counter()
    for each in records:
        having.update(set(each.words))
    return Rarity(len(records), having)


def candidates(records: Sequence[Record], split: int | None = None) -> Iterator[tuple[int, int]]:
    """Pairs of positions (a < b) to compare, each once. `split`: only pairs with one position before and one at or after it."""
    sure, fuzzy = _index(records)
    total = len(records)
    for position, of in enumerate(records):
        near: set[int] = set()
        for key in _sure_keys(of):
            if len(sure[key]) <= MOST_SHARING:
                near.update(sure[key])
        score: defaultdict[int, float] = defaultdict(float)
        followed = 0
        for key in sorted(_fuzzy_keys(of), key=lambda k: (len(fuzzy[k]), k))[: TRIGRAMS + len(of.words)]:
            sharing = fuzzy[key]
            followed += len(sharing)
            if followed > MOST_FOLLOWED:
                break
            if 1 < len(sharing) <= max(MOST_SHARING, total // 200):
                worth = log(total / len(sharing)) + 0.1
                for other in sharing:
                    score[other] += worth
        others = (o for o in score if _apart(position, o, split))
        near.update(sorted(others, key=lambda o: (-score[o], o))[:NEAREST])
        # Each pair once: a row looks up those before it, and those after it only where they would not find it.
        for other in near:
            if _apart(position, other, split):
                yield (position, other) if position < other else (other, position)


def _apart(a: int, b: int, split: int | None) -> bool:
    return a != b and (split is None or (a < split) != (b < split))


def _index(records: Sequence[Record]) -> tuple[defaultdict[str, list[int]], defaultdict[str, list[int]]]:
    sure: defaultdict[str, list[int]] = defaultdict(list)
    fuzzy: defaultdict[str, list[int]] = defaultdict(list)
    for position, of in enumerate(records):
        for key in _sure_keys(of):
            sure[key].append(position)
        for key in _fuzzy_keys(of):
            fuzzy[key].append(position)
    return sure, fuzzy


def _sure_keys(of: Record) -> set[str]:
    keys = set()
    if of.name:
        keys.add("n" + of.name.replace(" ", ""))
    if of.phone:
        keys.add("p" + of.phone[-7:])
    if of.site:
        keys.add("s" + of.site)
    if of.numbers:
        street = [w for w in of.address.split() if w.isalpha() and len(w) > 2]
        keys.update(f"a{of.numbers[0]} {word[:5]}" for word in street[:2])
    return keys


def _fuzzy_keys(of: Record) -> set[str]:
    text = f"  {of.name} "
    return {"w" + w for w in of.words} | {text[i : i + 3] for i in range(len(text) - 2) if of.name}
