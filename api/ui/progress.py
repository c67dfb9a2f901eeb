"""How far a run is, and when it may be done. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.runs import RunStatus, RunView


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` of 1; `eta_s`: seconds until the end at this pace, never beyond its time budget; None: nothing to tell by yet."""

    share: float
    eta_s: float | None
    closed: int
    slices: int


def of(run: RunView) -> Progress:
    """By slices closed, or by companies created of those allowed, whichever is further."""
    slices = run.slices or []
    closed = sum(s.state != "open" for s in slices)
    if run.status.ended:
        return Progress(1.0, None, closed, len(slices))
    wanted = run.params.get("max_companies") or 0
    shares = [closed / len(slices)] if slices else []
    if wanted:
        shares.append(min(1.0, run.counts.companies_created / wanted))
    if limit := run.params.get("limit"):
        shares.append(min(1.0, run.counts.discovered / limit))
    share = min(max(shares, default=0.0), 0.99)
    if run.status is RunStatus.PENDING or share <= 0.02 or not run.duration_s:
        return Progress(share, None, closed, len(slices))
    eta_s = run.duration_s * (1 - share) / share
    if run.remaining_ms is not None:
        eta_s = min(eta_s, run.remaining_ms / 1000)
    return Progress(share, eta_s, closed, len(slices))
