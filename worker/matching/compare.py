"""What a scan decides about pairs: the same company, a person's question, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from contracts.duplicates import Scorer
from contracts.likeness import Record, contradictions, features, record
from contracts.matching import Suspect, Verdict
from contracts.pairs import REVIEW, SAME, groups

Pair = tuple[UUID, UUID]


def folded(of: Suspect) -> Record:
    """A company as it is compared."""
    return record(
        of.name,
        country=of.country,
        city=of.city,
        address=of.address,
        phone=of.phone,
        website=of.domain,
        registries=of.registries,
    )


def told(a: UUID, b: UUID, known: Mapping[UUID, Suspect], score: Scorer) -> Verdict:
    """The verdict on one pair, a before b, with its reasons."""
    one, other = folded(known[a]), folded(known[b])
    said = {name: round(value, 4) for name, value in features(one, other, score.rarity).items()}
    return Verdict(
        a_id=a, b_id=b, probability=score(one, other), features=said, contradictions=contradictions(one, other)
    )


def judge(pairs: Sequence[Pair], known: Mapping[UUID, Suspect], score: Scorer) -> list[Verdict]:
    """Verdicts of 0.5 and more. Of two different registry ids there is none: they are two companies."""
    found = []
    for a, b in pairs:
        if a in known and b in known and not _two_registries(known[a], known[b]):
            verdict = told(a, b, known, score)
            if verdict.probability >= REVIEW:
                found.append(verdict)
    return found


def sure(
    verdicts: Sequence[Verdict], known: Mapping[UUID, Suspect], score: Scorer, apart: Collection[Pair] = ()
) -> list[list[UUID]]:
    """Groups to merge without asking, each sorted, the oldest first: joined by pairs of 0.9 or more that nothing
    contradicts, and with no two
    members that contradict each other, are too unlike, or were told `apart` (a, b) by a person.
    """

    def fit(a: UUID, b: UUID) -> float:
        pair = (a, b) if a < b else (b, a)
        verdict = told(*pair, known, score)
        return 0.0 if pair in apart or verdict.contradictions else verdict.probability

    edges = {(v.a_id, v.b_id): v.probability for v in verdicts if v.probability >= SAME and not v.contradictions}
    return sorted(sorted(group) for group in groups(edges, fit))


def _two_registries(a: Suspect, b: Suspect) -> bool:
    return bool(a.registries and b.registries and not a.registries & b.registries)
