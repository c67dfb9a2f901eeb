"""Nights: asked for, shown. One a tenant and day; what a night works on is its manifest (`db.night_plan`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, Invalid, NotFound
from contracts.night_settings import is_zone
from contracts.nights import (
    SKIPPABLE,
    STEPS,
    CapSource,
    Manifest,
    NightCompany,
    NightParams,
    NightView,
    Step,
    StepCount,
    counters,
)
from contracts.runs import RunParams, RunStatus
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Tenant
from db import policies, quotas, runs, tenants
from db.sql import load
from db.transaction import Tx

SQL = load("nights")
#: Tenant policies: companies a night chooses, and the zone its days are counted in.
CAP, ZONE = "shortlist_daily_cap", "timezone"


async def start(
    tx: Tx,
    settings: Settings,
    tenant: UUID,
    *,
    triggered_by: str,
    dry_run: bool = False,
    requested_by: str | None = None,
    occurrence_key: str | None = None,
    limit: int | None = None,
    from_manifest: UUID | None = None,
    skip: Sequence[str] = (),
    headers: dict[str, str] | None = None,
) -> tuple[UUID, bool]:
    """Ask for a tenant's night, in the caller's transaction. Returns (run, is it new).

    One a tenant and day of its zone: a second request hands back the first one's run. `limit`: fewer companies than its cap;
    `from_manifest`: go on with what a night that has ended left undone; a dry run stands beside any other.

    Raises: Invalid (`unknown_step`, `no_night_for_system`); NotFound (`manifest_not_found`); Conflict (`night_under_way`).
    """
    if tenant == SYSTEM_TENANT:
        raise Invalid("the reserved tenant has no nights: name another one", code="no_night_for_system")
    left_out = _steps(skip)
    night = await tonight(tx, settings, tenant)
    cap, source = await cap_of(tx, settings, tenant)
    if limit is not None and limit < cap:
        cap, source = limit, "limit"
    key = occurrence_key or f"nightly:{night.isoformat()}"
    if from_manifest is not None:
        before = await _finished_manifest(tx, tenant, from_manifest)
        night, cap, source, key = before.night, len(before.company_ids), "manifest", f"from:{from_manifest}"
    params = RunParams(
        channels=(), queries=(), max_companies=cap, max_queries=1, page_size=1,
        max_runtime_seconds=settings.nightly_max_runtime_seconds,
        nightly=NightParams(night=night, skip=left_out, resume=from_manifest, cap_source=source),
    )  # fmt: skip
    return await runs.start(
        tx, tenant, params, kind="nightly", mode="daily" if triggered_by in ("schedule", "cron") else "manual",
        dry_run=dry_run, triggered_by=triggered_by, requested_by=requested_by,
        occurrence_key=None if dry_run else key, headers=headers,
    )  # fmt: skip


def _steps(skip: Sequence[str]) -> tuple[Step, ...]:
    unknown = [name for name in skip if name not in SKIPPABLE]
    if unknown:
        raise Invalid(
            f"no step {unknown[0][:50]!r} can be skipped; those that can: {', '.join(SKIPPABLE)}", code="unknown_step"
        )
    return tuple(step for step in SKIPPABLE if step in skip)


async def tonight(tx: Tx, settings: Settings, tenant: UUID) -> date:
    """The date of a night that begins now, in the tenant's zone."""
    decided = await policies.value(tx, tenant, ZONE, "")
    night: date = await tx.fetchval(SQL["tonight"], decided if is_zone(decided) else settings.sched_zone)
    return night


async def cap_of(tx: Tx, settings: Settings, tenant: UUID) -> tuple[int, CapSource]:
    """How many companies a night chooses, and where that was said: policy or quota, the environment, or nowhere (S3.19)."""
    granted = (await quotas.of(tx, tenant)).daily_shortlist_cap
    decided = await policies.value(tx, tenant, CAP, None)
    if type(decided) is int and decided >= 0:
        return decided if granted is None else min(decided, granted), "policy"
    if granted is not None:
        return granted, "policy"
    cap, source = settings.daily_cap
    return cap, "environment" if source == "environment" else "default"


async def _finished_manifest(tx: Tx, tenant: UUID, run_id: UUID) -> Manifest:
    row = await tx.fetchrow(SQL["manifest"], tenant, run_id)
    if row is None:
        raise NotFound(
            f"run {run_id} has no manifest: `headwater runs list` shows nights",
            code="manifest_not_found",
        )
    if not RunStatus(row["status"]).ended:
        raise Conflict(
            f"the night {run_id} is {row['status']}: wait for its end, or cancel it (`headwater runs cancel {run_id}`)",
            code="night_under_way",
        )
    return Manifest.model_validate(dict(row))


async def included(tx: Tx, settings: Settings) -> list[Tenant]:
    """Whose nights run: active tenants, narrowed by SCHED_TENANT_INCLUDE and _EXCLUDE, with a CRM or without (S3.16)."""
    found = await tenants.list_(tx, limit=100_000)
    return [t for t in found if t.status == "active" and t.id != SYSTEM_TENANT and takes_part(settings, t.slug)]


def takes_part(settings: Settings, slug: str) -> bool:
    """Do the settings leave this tenant its nights?"""
    wanted = settings.sched_tenant_include
    return slug not in settings.sched_tenant_exclude and (not wanted or slug in wanted)


async def manifest(tx: Tx, tenant: UUID, run_id: UUID) -> Manifest | None:
    """What a night works on; None while that is not decided."""
    row = await tx.fetchrow(SQL["manifest"], tenant, run_id)
    return Manifest.model_validate(dict(row)) if row else None


async def count(tx: Tx, tenant: UUID, run_id: UUID, steps: Mapping[Step, StepCount]) -> None:
    """Write what steps came to on the run's row."""
    await tx.execute(SQL["count"], tenant, run_id, counters(steps))


async def show(tx: Tx, tenant: UUID, run_id: UUID, *, new: bool = False) -> NightView:
    """One night. Raises: NotFound (`night_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, run_id)
    if row is None:
        raise NotFound(f"no night {run_id}: `headwater runs list` shows them", code="night_not_found")
    frozen = await manifest(tx, tenant, run_id)
    passed = {r["reason"]: r["n"] for r in await tx.fetch(SQL["passed_over"], tenant, run_id)}
    return _view(dict(row), frozen, passed, new=new)


def _view(row: dict[str, Any], frozen: Manifest | None, passed: dict[str, int], *, new: bool) -> NightView:
    said = row["stats"] or {}
    params = RunParams.model_validate(row["params"])
    known = row["counters"]
    return NightView.model_validate(
        {
            **{name: row[name] for name in row if name in NightView.model_fields},
            "night": params.nightly.night if params.nightly else None,
            "steps": {step: known.get(step, {}) for step in STEPS},
            "manifest": frozen,
            "passed_over": passed or said.get("passedOver") or {},
            "forecast": said.get("forecast"),
            "open_companies": row["open_slices"],
            "new": new,
        }
    )


async def companies(tx: Tx, tenant: UUID, run_id: UUID, *, limit: int = 1000) -> list[NightCompany]:
    """The candidates of a night: the chosen ones in their order, then those passed over, each with its reason (B.05)."""
    return [NightCompany.model_validate(dict(r)) for r in await tx.fetch(SQL["companies"], tenant, run_id, limit)]
