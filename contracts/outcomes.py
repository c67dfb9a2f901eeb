"""How a run ends, and its statistics: pure rules over its row and its slices (R1, R5, S0.02, S0.14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.runs import Counts, RunParams, RunStatus, RunView, SliceView

TIME_BUDGET = "time_budget"
MAX_COMPANIES = "max_companies"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A terminal status with its reasons. `error` names what went wrong, None when nothing did."""

    status: RunStatus
    error_code: str | None = None
    error: str | None = None
    stop_reason: str | None = None


def outcome(counts: Counts, slices: Sequence[SliceView], *, cancelled: bool, late: bool = False) -> Outcome:
    """Decide the terminal status of a run whose last slice has just closed.

    Time ran out: `failed(timeout)` when nothing was kept, else `partial(time_budget)` (R5). Slices in error: `partial`, or `failed`
    when every slice failed and nothing was kept (R1). A slice whose job was cancelled was not read to its end either.
    `late`: the whole run is past its time, whether or not it has slices.
    """
    if cancelled or (slices and all(s.state == "cancelled" for s in slices)):
        return Outcome(RunStatus.CANCELLED, stop_reason="cancelled")
    kept = counts.discovered > 0
    broken = [s for s in slices if s.state in ("error", "dead", "cancelled")]
    if late or any(s.stop_reason == TIME_BUDGET for s in slices):
        detail = "the time budget ran out before every slice was read; raise max_runtime_seconds or narrow the run"
        if not kept:
            return Outcome(RunStatus.FAILED, "timeout", detail, TIME_BUDGET)
        return Outcome(RunStatus.PARTIAL, "timeout", detail, TIME_BUDGET)
    capped = next((s.stop_reason for s in slices if s.stop_reason), None)
    if broken:
        named = "; ".join(dict.fromkeys(f"{s.channel}: {s.error or s.state}" for s in broken))
        if len(broken) == len(slices) and not kept:
            return Outcome(
                RunStatus.FAILED, broken[0].error_code or "error", f"every slice failed: {named}"[:4000], capped
            )
        return Outcome(
            RunStatus.PARTIAL, "slices_failed", f"{len(broken)} of {len(slices)} slices failed: {named}"[:4000], capped
        )
    return Outcome(RunStatus.COMPLETED, stop_reason=capped)


def stats(
    params: RunParams, counts: Counts, slices: Sequence[SliceView], ended: Outcome, duration_s: float
) -> dict[str, Any]:
    """The stats JSON of S0.02; `wouldCost` and `stopReason` are additions."""
    errors: list[dict[str, str]] = [
        {"type": s.error_code or "error", "message": s.error or s.state, "channel": s.channel}
        for s in slices
        if s.state in ("error", "dead") or (s.state == "cancelled" and s.error)
    ]
    if ended.error_code == "timeout":
        errors.append({"type": "timeout", "message": ended.error or ""})
    if ended.status is RunStatus.FAILED and not errors:
        errors.append({"type": ended.error_code or "error", "message": ended.error or ""})
    channel_results: dict[str, int] = {str(c): 0 for c in params.channels}
    for s in slices:
        channel_results[s.channel] = channel_results.get(s.channel, 0) + s.found
    return {
        "channelResults": channel_results,
        "totalDiscovered": counts.discovered,
        "totalAfterDedupe": counts.after_dedupe,
        "companiesCreated": counts.companies_created,
        "companiesSkipped": counts.companies_skipped,
        "contactsCreated": counts.contacts_created,
        "contactsSkipped": counts.contacts_skipped,
        "leadsCreated": counts.leads_created,
        "leadsSkipped": counts.leads_skipped,
        "errors": errors,
        "durationMs": round(duration_s * 1000),
        "wouldCost": sum(s.would_cost for s in slices),
        "stopReason": ended.stop_reason,
        "config": {
            "maxCompanies": params.max_companies,
            "maxQueries": params.max_queries,
            "maxRuntimeSeconds": params.max_runtime_seconds,
            "channels": [str(c) for c in params.channels],
        },
    }


def stats_of(run: RunView) -> dict[str, Any]:
    """The stats of a run: its own once it has ended, else how far it is by now (R21)."""
    if run.stats is not None:
        return run.stats
    so_far = Outcome(run.status)
    return stats(RunParams.model_validate(run.params), run.counts, run.slices or [], so_far, run.duration_s or 0.0)
