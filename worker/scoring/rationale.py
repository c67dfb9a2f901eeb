"""Why a lead scored as it did, in a few words: the band, then what spoke most for and against it. Pure, and the same every time."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.scoring import LEAST_COVERAGE, Contribution, Scored

FOR, AGAINST = 3, 2
#: Contributions nearer to nothing than this say nothing.
LEAST = 0.005
MAX = 1500


def of(scored: Scored) -> str:
    """The rationale. Log-odds are given with their sign; numbers stand as they are known."""
    if scored.rejected:
        why = "; ".join(r.words for r in scored.reasons if r.outcome == "FAILED") or scored.reasons[0].words
        return f"Rejected: {why}."[:MAX]
    parts = [f"{scored.band} ({_numbers(scored)})."]
    ups, downs = strongest(scored.contributions)
    if ups:
        parts.append(f"For it: {_list(ups)}.")
    if downs:
        parts.append(f"Against it: {_list(downs)}.")
    if scored.verdict == "DEFERRED":
        missing = "; ".join(r.words for r in scored.reasons)
        parts.append(f"Still open, so it is MEDIUM at most and not handed over: {missing}.")
    elif scored.coverage < LEAST_COVERAGE:
        parts.append("Too little is known for HIGH.")
    return " ".join(parts)[:MAX]


def strongest(contributions: Sequence[Contribution]) -> tuple[list[Contribution], list[Contribution]]:
    """The three that speak most for it and the two that speak most against it; of equals the first."""
    telling = [c for c in contributions if abs(c.log_odds) >= LEAST]
    ups = sorted((c for c in telling if c.log_odds > 0), key=lambda c: -c.log_odds)[:FOR]
    downs = sorted((c for c in telling if c.log_odds < 0), key=lambda c: c.log_odds)[:AGAINST]
    return ups, downs


def _numbers(scored: Scored) -> str:
    said = [f"score {scored.score:.2f}"]
    if scored.probability is not None:
        said.append(f"chance {scored.probability:.1%}")
    if scored.fit is not None:
        said.append(f"fit {scored.fit:.0%}")
    said.append(f"{scored.coverage:.0%} of what is asked is known")
    return ", ".join(said)


def _list(contributions: Sequence[Contribution]) -> str:
    return "; ".join(f"{c.words} ({c.log_odds:+.2f})" for c in contributions)
