"""Public tenders: one shared store under the reserved tenant `system`, a copy for each tenant whose profiles they concern.

Fetching and evaluating are work of the reserved tenant for all (`act_for_all`); reading is each tenant's own, behind its wall.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from contracts.events import OpportunitiesShared
from contracts.findings import FoundOpportunity
from contracts.opportunities import (
    Amendment,
    EvaluationRow,
    HouseRun,
    LastRun,
    OpportunityDetail,
    OpportunityRow,
    OpportunityRun,
)
from contracts.runs import RunParams
from contracts.tenants import SYSTEM_TENANT
from db import outbox, runs
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("opportunities")

#: Time one run may take, in seconds, and notices of one page.
RUNTIME_S = 3600
PAGE = 1000
#: Members of the vendor's own record whose change is a change of the notice, beside what we read out of it.
_TELLING = ("archiveDate", "award", "baseType", "classificationCode", "resourceLinks", "typeOfSetAsideDescription")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a slice was read, and the range it was last asked for to its end; `place`: where it was left half way.

    `moved_at`: when calls were last spent on it.
    """

    watermark: date | None
    asked_from: date | None
    asked_to: date | None
    place: str | None = None
    moved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What a page did to the store. `repeated`: notices that an earlier page of the same window had."""

    given: int
    new: int
    updated: int
    unchanged: int
    repeated: int

    @property
    def found(self) -> int:
        return self.new + self.updated + self.unchanged


async def request_run(
    tx: Tx,
    *,
    triggered_by: str,
    requested_by: str | None = None,
    mode: str = "manual",
    occurrence_key: str | None = None,
) -> tuple[UUID, bool]:
    """Start a run for all tenants, in a transaction of the reserved tenant; the one under way stands in for a second.

    Returns (id, is it new).
    """
    await tx.execute(SQL["one_at_a_time"])
    under_way: UUID | None = await tx.fetchval(SQL["under_way"], SYSTEM_TENANT)
    if under_way is not None:
        return under_way, False
    params = RunParams(
        channels=(), queries=(), max_companies=1, max_queries=1, max_runtime_seconds=RUNTIME_S, page_size=PAGE
    )
    return await runs.start(
        tx, SYSTEM_TENANT, params, mode=mode, dry_run=False, triggered_by=triggered_by, kind="opportunities",
        requested_by=requested_by, occurrence_key=occurrence_key,
    )  # fmt: skip


async def codes(tx: Tx) -> tuple[list[str], date]:
    """The NAICS codes of all active tenants' profiles, in order, and today's date (UTC). System role."""
    row = await tx.fetchrow(SQL["codes"])
    assert row is not None
    return list(row["codes"]), row["today"]


async def cursors(tx: Tx, tenant: UUID, source: str, slices: Sequence[str]) -> dict[str, Cursor]:
    """How far each of these slices was read; absent: never."""
    rows = await tx.fetch(SQL["cursors"], tenant, source, list(slices))
    return {
        r["slice"]: Cursor(**{name: r[name] for name in ("watermark", "asked_from", "asked_to", "place", "moved_at")})
        for r in rows
    }


async def advance_cursor(
    tx: Tx, tenant: UUID, source: str, slice_: str, *, newest: date | None, asked: tuple[date, date], run_id: UUID
) -> None:
    """A slice was read to its end. `newest` posting seen, None when there was none: then only the range is noted (R6)."""
    await tx.execute(SQL["advance_cursor"], tenant, source, slice_, newest, *asked, run_id)


async def keep_place(tx: Tx, tenant: UUID, source: str, slice_: str, place: str, *, run_id: UUID) -> None:
    """A slice was left half way: the next run goes on at `place`. How far it was read to its end stays as it was."""
    await tx.execute(SQL["keep_place"], tenant, source, slice_, place, run_id)


async def forget_place(tx: Tx, tenant: UUID, source: str, slice_: str) -> None:
    """The next run begins a slice anew, one lag before the newest posting of what was read to its end."""
    await tx.execute(SQL["forget_place"], tenant, source, slice_)


async def note_plan(tx: Tx, tenant: UUID, run_id: UUID, codes: Sequence[str], since: date, until: date) -> None:
    """Write what a run is about to read onto its row (S1.01)."""
    await tx.execute(SQL["note_plan"], tenant, run_id, list(codes), since, until)


async def save(
    tx: Tx, tenant: UUID, source: str, notices: Sequence[FoundOpportunity], *, slice_id: UUID, window: str
) -> Saved:
    """Upsert a page of notices by their ids; a content hash tells what changed."""
    rows = [{**n.model_dump(mode="json"), "hash": content_hash(n)} for n in sorted(notices, key=lambda n: n.notice_id)]
    row = await tx.fetchrow(SQL["save"], tenant, source, slice_id, window, rows)
    assert row is not None
    return Saved(**dict(row))


def content_hash(notice: FoundOpportunity) -> str:
    """SHA-256, in hex, over what a reader of the notice would call its content."""
    said = notice.model_dump(mode="json", exclude={"raw"})
    telling = {name: notice.raw.get(name) for name in _TELLING}
    return hashlib.sha256(to_json([dict(sorted(said.items())), telling])).hexdigest()


async def count(tx: Tx, tenant: UUID, run_id: UUID, **added: int) -> None:
    """Add to a run's counters: opportunities_found, _new, _updated, _unchanged, evaluations_created."""
    await tx.execute(SQL["count"], tenant, run_id, added)


async def share(tx: Tx, run_id: UUID) -> int:
    """Let every tenant concerned be evaluated. System role. Returns how many."""
    tenants = [r["tenant_id"] for r in await tx.fetch(SQL["concerned"])]
    events = [OpportunitiesShared(run_id=run_id, for_tenant=t) for t in tenants]
    if events:
        await outbox.emit_many(tx, SYSTEM_TENANT, events, correlation_id=run_id)
    return len(events)


async def share_again(tx: Tx, run_id: UUID, tenant: UUID, round_: int) -> None:
    """There is more for one tenant than one round takes."""
    event = OpportunitiesShared(run_id=run_id, for_tenant=tenant, round=round_)
    await outbox.emit(tx, SYSTEM_TENANT, event, correlation_id=run_id)


async def copy(tx: Tx, tenant: UUID, most: int, *, only: Sequence[str] | None = None) -> int:
    """Give a tenant its own rows of what concerns it and it does not have, or not as it is now. System role.

    `only`: of these notices.
    """
    status: str = await tx.execute(SQL["copy"], SYSTEM_TENANT, tenant, most, None if only is None else list(only))
    return int(status.rsplit(" ", 1)[-1])


async def unheld(tx: Tx, tenant: UUID, most: int) -> list[Mapping[str, Any]]:
    """Pairs of a notice and a profile of that tenant that are still to be held against each other."""
    return [dict(r) for r in await tx.fetch(SQL["unheld"], tenant, most)]


async def evaluate(tx: Tx, tenant: UUID, verdicts: Sequence[Mapping[str, Any]], run_id: UUID) -> int:
    """Write evaluations; the same pair again replaces what was said. Returns how many."""
    status: str = await tx.execute(SQL["evaluate"], tenant, list(verdicts), run_id)
    return int(status.rsplit(" ", 1)[-1])


async def list_(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    naics: str | None = None,
    since: date | None = None,
    profile_id: UUID | None = None,
    limit: int = 50,
) -> list[OpportunityRow]:
    """A tenant's notices, newest first. `naics`: a code or the beginning of one; `since`: posted then or later;
    `profile_id`: only what that profile matches. `before` is the last id of the page before.
    """
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, naics, since, profile_id, limit)
    said = await _said(tx, tenant, [r["id"] for r in rows])
    return [OpportunityRow.model_validate({**dict(r), "evaluations": said.get(r["id"], [])}) for r in rows]


async def show(tx: Tx, tenant: UUID, opportunity_id: UUID) -> OpportunityDetail | None:
    """One notice with what the profiles say and the others of its solicitation."""
    row = await tx.fetchrow(SQL["show"], tenant, opportunity_id)
    if row is None:
        return None
    said = await _said(tx, tenant, [opportunity_id])
    others = await tx.fetch(SQL["same_solicitation"], tenant, row["solicitation_number"], opportunity_id)
    amended = [Amendment.model_validate(dict(r)) for r in others]
    more = {"evaluations": said.get(opportunity_id, []), "same_solicitation": amended}
    return OpportunityDetail.model_validate({**dict(row), **more})


async def _said(tx: Tx, tenant: UUID, ids: Sequence[UUID]) -> dict[UUID, list[EvaluationRow]]:
    said: dict[UUID, list[EvaluationRow]] = {}
    for row in await tx.fetch(SQL["evaluations"], tenant, list(ids)) if ids else ():
        said.setdefault(row["opportunity_id"], []).append(EvaluationRow.model_validate(dict(row)))
    return said


async def house_run(tx: Tx, status: str | None = None) -> HouseRun | None:
    """The newest run, or the newest that ended so, in a transaction of the reserved tenant."""
    row = await tx.fetchrow(SQL["house_runs"], SYSTEM_TENANT, status)
    return HouseRun.model_validate(dict(row)) if row else None


async def last_run(tx: Tx) -> LastRun:
    """The last successful run and the latest one (S1.05)."""
    return LastRun(last_success=await house_run(tx, "completed"), latest=await house_run(tx))


async def run(tx: Tx, run_id: UUID) -> OpportunityRun | None:
    """The documents' row of a run, for operators."""
    row = await tx.fetchrow(SQL["run"], SYSTEM_TENANT, run_id)
    return OpportunityRun.model_validate(dict(row)) if row else None
