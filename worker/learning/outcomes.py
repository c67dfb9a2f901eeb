"""What a lead turned out to be, once it is old enough to tell: labels -> an example, or the reason why it is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

from contracts.features import model_row

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
    """A mature lead: what was known of it when it was decided on, and what it turned out to be."""

    lead_id: UUID
    decided_at: datetime
    vector: Mapping[str, Any]
    positive: bool
    weight: float
    model_version_id: UUID | None = None
    probability: float | None = None
    rules_score: float | None = None


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
        found.append(
            Example(
                case.lead_id, case.decided_at, model_row(case.vector), said[0], said[1], case.model_version_id, case.probability,
                case.rules_score,
            )
        )  # fmt: skip
    return found, others


def outcome(labels: Sequence[Mapping[str, Any]], target: str) -> tuple[bool, float] | None:
    """(positive?, weight) by the strongest evidence; None when nobody ever worked the lead."""
    for kind in STRENGTH:
        said = [label for label in labels if label["kind"] == kind]
        if not said:
            continue
        last = said[-1]
        if kind == "contact" or (target == "won" and kind != "outcome"):
            return False, float(last["weight"])
        return float(last["value"]) >= 0.5, float(last["weight"])
    return None


def _left_out(case: Decided, said: tuple[bool, float] | None, now: datetime, maturity: timedelta) -> Reason | None:
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
