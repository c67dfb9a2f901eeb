"""Labels: what a lead turned out to be, by kind; and the examples that models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.learning import FeedbackRow, LabelRow, label_of
from db import merges
from db.sql import load
from db.transaction import Tx

SQL = load("labels")

#: Leads that one training looks at, at most: the newest.
MOST = 200_000
_ICP = {"PASSED": 1.0, "REJECTED": 0.0}


@dataclass(frozen=True, slots=True)
class Case:
    """A lead at the moment somebody decided about it. `vector` is None where nothing was known of it then."""

    lead_id: UUID
    decided_at: datetime
    icp_profile_id: UUID | None
    labels: list[dict[str, Any]]
    snapshot_id: UUID | None
    vector: dict[str, Any] | None
    verdict: str | None
    model_version_id: UUID | None
    probability: float | None
    score: float | None
    rules_score: float | None


async def from_feedback(tx: Tx, tenant: UUID, said: FeedbackRow) -> list[str]:
    """Write the labels of a piece of feedback: its own, and the profile's word on the lead at that moment. Returns their kinds.

    They are those of the lead that stands for it by now.
    """
    lead_id = await merges.lead_root(tx, tenant, said.lead_id) or said.lead_id
    kind, value = label_of(said.verdict)
    name = f"{said.source}:{said.source_event}"[:200]
    await tx.execute(
        SQL["write"], tenant, lead_id, kind, value, said.weight, said.source, name, said.event_at, said.known_at
    )
    seen = await tx.fetchrow(SQL["verdict"], tenant, lead_id, said.event_at)
    if seen is None or seen["verdict"] not in _ICP:
        return [kind]
    at = seen["created_at"]
    await tx.execute(
        SQL["write"],
        tenant,
        lead_id,
        "icp",
        _ICP[seen["verdict"]],
        1.0,
        "icp_profile",
        f"snapshot:{seen['id']}",
        at,
        at,
    )
    return [kind, "icp"]


async def of_lead(tx: Tx, tenant: UUID, lead_id: UUID) -> list[LabelRow]:
    """The labels of a lead, newest first."""
    return [LabelRow.model_validate(dict(r)) for r in await tx.fetch(SQL["of_lead"], tenant, lead_id)]


async def cases(tx: Tx, tenant: UUID) -> list[Case]:
    """Every lead that was decided on, oldest decision first."""
    rows = await tx.fetch(SQL["examples"], tenant, MOST)
    return [Case(**dict(r)) for r in reversed(rows)]
