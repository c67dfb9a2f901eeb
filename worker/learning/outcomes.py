"""What a lead turned out to be: labels -> an example, or the reason why it is none.

Either once it is old enough to tell, or, weighted, before: then a positive known at an age by which a share F of all positives
are known stands for 1/F of them. Its row's loss is (1/F) log p + (1 - 1/F) log(1 - p), whose mean over what is known by now is
that over what will be known: so such a positive brings an echo, the same row as a negative of weight 1 - 1/F. All weights of a
row add up to its own, which keeps the loss convex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from contracts.features import model_row
from worker.learning import delay

#: Evidence in order of strength: of the strongest kind there is, the latest word counts.
STRENGTH = ("outcome", "reply", "judgement", "contact")
Reason = Literal["young", "no_snapshot", "bad_data", "outside_icp", "never_worked"]


class Decided(Protocol):
    """A lead when somebody decided about it, as `db.labels` reads it."""

    @property
    def lead_id(self) -> UUID: ...
    @property
    def decided_at(self) -> datetime: ...
    @property
    def icp_profile_id(self) -> UUID | None: ...
    @property
    def labels(self) -> list[dict[str, Any]]: ...
    @property
    def vector(self) -> dict[str, Any] | None: ...
    @property
    def model_version_id(self) -> UUID | None: ...
    @property
    def probability(self) -> float | None: ...
    @property
    def rules_score(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Example:
    """A lead: what was known of it when it was decided on, and what it turned out to be. `weight` below 0: the echo of a positive.

    `segments`: the part of the tenant's leads it belongs to, by `icp_profile`, `country` and `industry`, where that is known.
    """

    lead_id: UUID
    decided_at: datetime
    vector: Mapping[str, Any]
    positive: bool
    weight: float
    model_version_id: UUID | None = None
    probability: float | None = None
    rules_score: float | None = None
    segments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnedOut:
    """By the strongest evidence. `known_at`: when we could have known."""

    positive: bool
    weight: float
    known_at: datetime | None


def examples(
    cases: Iterable[Decided], now: datetime, *, target: str, maturity: timedelta
) -> tuple[list[Example], Counter[str]]:
    """Mature leads in the order they were decided on, and how many others there were by reason.

    A young lead is no negative, and no positive either: keeping only its positives would overstate the share of them.
    """
    found: list[Example] = []
    others: Counter[str] = Counter()
    for case in sorted(cases, key=lambda c: (c.decided_at, str(c.lead_id))):
        said = outcome(case.labels, target)
        reason = _left_out(case, said, now, maturity)
        if reason is not None or said is None or case.vector is None:
            others[reason or "never_worked"] += 1
            continue
        found.append(_example(case, case.vector, said))
    return found, others


def weighted(
    cases: Iterable[Decided], now: datetime, *, target: str, maturity: timedelta
) -> tuple[list[Example], Counter[str], delay.Arrival | None]:
    """Young leads as well, their positives weighted by 1/F(age) until they are mature; leads of an age with too small an F are
    left out.

    None for F: too few positives to tell how long they take, so only mature leads are there.
    """
    cases = list(cases)
    all_ages, others = examples(cases, now, target=target, maturity=timedelta(0))
    known_at = {c.lead_id: said.known_at for c in cases if (said := outcome(c.labels, target)) is not None}
    late = [((known_at[e.lead_id] or e.decided_at) - e.decided_at, now - e.decided_at) for e in all_ages if e.positive]
    by = delay.arrival([(_days(took), _days(age)) for took, age in late if took <= maturity])
    if by is None:
        return *examples(cases, now, target=target, maturity=maturity), None
    found: list[Example] = []
    for e in all_ages:
        share = 1.0 if now - e.decided_at >= maturity else by.known_by(_days(now - e.decided_at))
        if share < delay.LEAST_KNOWN:
            others["young"] += 1
        elif e.positive and share < 1:
            found.append(replace(e, weight=e.weight / share))
            found.append(replace(e, weight=e.weight * (1 - 1 / share), positive=False))
        else:
            found.append(e)
    return found, others, by


def _days(span: timedelta) -> float:
    return span / timedelta(days=1)


def _example(case: Decided, vector: Mapping[str, Any], said: TurnedOut) -> Example:
    parts = {
        "icp_profile": case.icp_profile_id,
        "country": vector.get("companyCountry"),
        "industry": vector.get("companyIndustry"),
    }
    return Example(
        case.lead_id, case.decided_at, model_row(vector), said.positive, said.weight, case.model_version_id, case.probability,
        case.rules_score, {by: str(part) for by, part in parts.items() if part is not None},
    )  # fmt: skip


def outcome(labels: Sequence[Mapping[str, Any]], target: str) -> TurnedOut | None:
    """None when nobody ever worked the lead."""
    for kind in STRENGTH:
        said = [label for label in labels if label["kind"] == kind]
        if not said:
            continue
        last = said[-1]
        told = kind != "contact" and not (target == "won" and kind != "outcome")
        known_at = datetime.fromisoformat(last["known_at"]) if "known_at" in last else None
        return TurnedOut(told and float(last["value"]) >= 0.5, float(last["weight"]), known_at)
    return None


def _left_out(case: Decided, said: TurnedOut | None, now: datetime, maturity: timedelta) -> Reason | None:
    by_kind = {label["kind"]: float(label["value"]) for label in case.labels}
    if said is None:
        return "bad_data" if "data_quality" in by_kind else "never_worked"
    if by_kind.get("data_quality") == 0.0:
        return "bad_data"
    if case.vector is None:
        return "no_snapshot"
    if by_kind.get("icp") == 0.0:
        return "outside_icp"  # hard filters decide about it before any model does: it teaches nothing
    if now - case.decided_at < maturity:
        return "young"
    return None
