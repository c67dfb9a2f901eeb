"""What a pair's probability means, and which pairs and groups follow from many of them. Pure.

>= 0.9 the same company, 0.5 to 0.9 a person decides, below that nothing. Groups grow only through pairs of 0.9 or
more, and only while
nobody in the group is too unlike anybody else in it: chains of small steps may otherwise join what has nothing in common.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

SAME = 0.9
REVIEW = 0.5
#: The least probability between any two of a group (its diameter), and the most members it may have.
FLOOR = 0.05
MOST_MEMBERS = 50

T = TypeVar("T", bound=Hashable)
Score = Callable[[T, T], float]


def groups(pairs: Mapping[tuple[T, T], float], score: Score[T]) -> list[list[T]]:
    """Groups of two or more, each joined by its surest pairs first. `score` tells pairs that nobody scored yet.

    A pair that would stretch a group beyond FLOOR joins nothing.
    """
    member_of: dict[T, list[T]] = {}
    for (a, b), sure in sorted(pairs.items(), key=lambda item: -item[1]):
        if sure < SAME:
            break
        one, other = member_of.setdefault(a, [a]), member_of.setdefault(b, [b])
        if one is other or len(one) + len(other) > MOST_MEMBERS:
            continue
        if all(_known(pairs, x, y, score) >= FLOOR for x in one for y in other if {x, y} != {a, b}):
            one += other
            member_of.update(dict.fromkeys(other, one))
    found = {id(group): group for group in member_of.values() if len(group) > 1}
    return list(found.values())


def implied(pairs: Mapping[tuple[T, T], float], score: Score[T]) -> dict[tuple[T, T], float]:
    """Likely pairs, with those that follow from a group: they are as sure as it takes to be in one, REVIEW at least."""
    likely = {pair: p for pair, p in pairs.items() if p >= REVIEW}
    for group in groups(pairs, score):
        for n, a in enumerate(group):
            for b in group[n + 1 :]:
                if (a, b) not in likely and (b, a) not in likely:
                    likely[a, b] = max(REVIEW, _known(pairs, a, b, score))
    return likely


def consistent(pairs: Mapping[tuple[T, T], float], score: Score[T]) -> dict[tuple[T, T], float]:
    """Likely pairs across two files, surest first. A second partner is kept only where it is likely the first one's double:
    if b and c are both a, then b is c.
    """
    kept: dict[tuple[T, T], float] = {}
    left: dict[T, list[T]] = {}
    right: dict[T, list[T]] = {}
    for (a, b), sure in sorted(pairs.items(), key=lambda item: -item[1]):
        if sure < REVIEW:
            break
        rivals: Iterable[tuple[T, T]] = [(b, x) for x in left.get(a, ())] + [(a, x) for x in right.get(b, ())]
        if all(score(x, y) >= REVIEW for x, y in rivals):
            kept[a, b] = sure
            left.setdefault(a, []).append(b)
            right.setdefault(b, []).append(a)
    return kept


def _known(pairs: Mapping[tuple[T, T], float], a: T, b: T, score: Score[T]) -> float:
    if (a, b) in pairs:
        return pairs[a, b]
    return pairs[b, a] if (b, a) in pairs else score(a, b)
