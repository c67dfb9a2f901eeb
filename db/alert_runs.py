"""Runs as the rules of alerts see them: how they ended, how long they took, what they went through, what of it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.alert_rules import SLO_DAYS, Ended, Month
from contracts.alerts import AlertedRun
from db.sql import load
from db.transaction import Tx

SQL = load("alert_runs")
#: Runs that "nothing found" is measured over, and the streak counted through.
HISTORY = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """A run that ended and its like. `scope` names the kind, of a business job the job; `ago_s`: seconds since its end."""

    scope: str
    is_business_job: bool
    ago_s: float
    history: list[Ended]
    month: Month


async def subject(tx: Tx, tenant: UUID, run_id: UUID) -> Subject | None:
    """What the end of a run is judged by. None: it is gone, going on again, dry or cancelled."""
    row = await tx.fetchrow(SQL["subject"], tenant, run_id)
    if row is None:
        return None
    kind, job = row["kind"], row["job"]
    history = [Ended(**dict(r)) for r in await tx.fetch(SQL["history"], tenant, kind, job, HISTORY)]
    month = await tx.fetchrow(SQL["month"], tenant, kind, job, SLO_DAYS)
    assert month is not None
    scope = f"{kind}:{job}" if job else kind
    return Subject(scope, kind == "job", row["ago_s"], history, Month(**dict(month)))


async def named(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> list[AlertedRun]:
    """Those of the runs that still stand, in the order given."""
    return [AlertedRun(**dict(r)) for r in await tx.fetch(SQL["named"], tenant, list(ids))] if ids else []
