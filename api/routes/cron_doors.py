"""The cron door of discovery (S0.04-S0.07): for schedulers outside, which have a secret and no patience."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request

from api.deps import PoolDep, SettingsDep, WakeDep
from api.errors import JobFailed, problems
from api.job_doors import DoorRoute, JobDoor, runner_enabled
from api.run_ends import ended
from contracts.cron_doors import DiscoveryAnswer, KnockDiscovery
from contracts.outcomes import stats_of
from contracts.runs import RunStatus
from contracts.settings import Settings
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import discovery_queries, runs
from db.access import audit
from db.transaction import Pool, transaction

router = APIRouter(prefix="/api/jobs", tags=["job doors"], route_class=DoorRoute)
Caller = Annotated[Principal, Depends(JobDoor("discovery", runner_enabled))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]
#: What a call without a body asks for.
DAILY = KnockDiscovery()


@router.post("/discovery/run", responses=problems(400, 401, 403, 409, 429, 500, 503, job_door=True))
async def run_discovery(
    request: Request,
    principal: Caller,
    pool: PoolDep,
    settings: SettingsDep,
    wake: WakeDep,
    body: KnockDiscovery = DAILY,
    idempotency_key: IdempotencyKey = None,
) -> DiscoveryAnswer:
    """Start a discovery run and wait for it, JOB_DOOR_WAIT_S at most.

    `completed` or `partial` with its stats, or `running` with those so far; a run that failed or was cancelled is a 500 with its
    `runId`.

    Opens to `x-job-secret` or `Authorization: Bearer` with CRON_JOB_SECRET, and to people of role ops; only while
    DISCOVERY_RUNNER_ENABLED is `true`. The same `Idempotency-Key` and body: the same run.
    """
    run_id = await _started(pool, settings, principal, body, idempotency_key)
    request.state.run_id = run_id  # whatever goes wrong from here on names it
    wake.soon()
    run = (await ended(request, principal.tenant_id, [run_id], settings.job_door_wait_s))[run_id]
    if run.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        said = run.error or f"the run was {run.status.value}"
        raise JobFailed(said, code=f"run_{run.status.value}", stats=stats_of(run))
    status = run.status.value if run.status.ended else "running"
    return DiscoveryAnswer.model_validate(
        {"run_id": run_id, "status": status, "dry_run": run.dry_run, "stats": stats_of(run)}
    )


async def _started(
    pool: Pool, settings: Settings, principal: Principal, asked: KnockDiscovery, idempotency_key: str | None
) -> UUID:
    """The run, its event and the note of who asked, in one transaction."""
    tenant, body = principal.tenant_id, asked.asked()
    async with transaction(pool, tenant) as tx:
        params = await discovery_queries.params_of(tx, tenant, body, settings)
        run_id, is_new = await runs.start(
            tx,
            tenant,
            params,
            mode=asked.mode,
            dry_run=asked.dry_run,
            triggered_by="cron" if principal.role is Role.SERVICE else "manual",
            requested_by=principal.name,
            idempotency=(idempotency_key, body.model_dump(mode="json")) if idempotency_key else None,
        )
        if is_new:
            detail = {"dry_run": asked.dry_run, "mode": asked.mode}
            await audit(tx, tenant, principal.name, "job_door.discovery", "run", str(run_id), detail, run_id)
        if is_new and not asked.dry_run:
            await discovery_queries.note_use(tx, tenant, params)
    return run_id
