"""Does a tender fit a profile? NAICS code by its beginning, and the country where the work is done. Pure.

`fit` is the weighted share of what is asked for and known: a code that agrees to the sixth digit counts in full, a sector of two
digits as a third. What is not known counts neither way. Profiles say nothing about set-asides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAICS_WEIGHT = 0.7
COUNTRY_WEIGHT = 0.3
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one profile says about one notice, with the reasons in words."""

    matched: bool
    fit: float
    reasons: tuple[str, ...]


def hold(
    wanted_codes: Sequence[str],
    wanted_countries: Sequence[str],
    *,
    naics: Sequence[str],
    country: str | None,
    active: bool | None,
) -> Verdict:
    """Hold a notice against a profile. It matches when a code does, no other country is named and it is not known to be over."""
    reasons: list[str] = []
    pair = _closest(wanted_codes, naics)
    reasons.append(f"naics {pair[1]} falls under {pair[0]}" if pair else "naics: under none of the profile's codes")
    score, known = (NAICS_WEIGHT * len(pair[0]) / _DIGITS if pair else 0.0), NAICS_WEIGHT
    elsewhere = False
    if wanted_countries:
        if country is None:
            reasons.append("country: not said")
        else:
            elsewhere = country not in wanted_countries
            reasons.append(f"country {country} is {'not ' if elsewhere else ''}a target")
            known += COUNTRY_WEIGHT
            score += 0.0 if elsewhere else COUNTRY_WEIGHT
    if active is False:
        reasons.append("no longer active")
    return Verdict(pair is not None and not elsewhere and active is not False, round(score / known, 4), tuple(reasons))


def verdict(pair: Mapping[str, Any]) -> dict[str, Any]:
    """A pair of notice and profile, as the database gives it, with what is to be written of it."""
    said = hold(
        pair["naics_codes"],
        pair["target_countries"],
        naics=pair["naics"],
        country=pair["country"],
        active=pair["active"],
    )
    return {
        "opportunity_id": str(pair["opportunity_id"]),
        "profile_id": str(pair["profile_id"]),
        "profile_version": pair["profile_version"],
        "hash": pair["content_hash"].hex(),
        "matched": said.matched,
        "fit": said.fit,
        "reasons": list(said.reasons),
    }


def _closest(wanted: Sequence[str], given: Sequence[str]) -> tuple[str, str] | None:
    """The longest wanted code that a given one begins with, and the given one."""
    pairs = [(w, g) for w in wanted for g in given if g.startswith(w)]
    return max(pairs, key=lambda pair: (len(pair[0]), pair), default=None)
