"""The cron door of the business jobs: starts runs, waits a bounded time, says per job what came of it (S4.03, S4.12).

The API computes nothing: it commits a run and its event for each job, in a transaction each, so that one that cannot start stops no
other; then it looks until all have ended or the time is up (R21).
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import asyncpg
import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.deps import PoolDep, SettingsDep, WakeDep
from api.errors import JobFailed, problems
from api.job_doors import DoorRoute, JobDoor
from api.run_ends import ended
from contracts.access import Slug
from contracts.accounts import DAILY_JOBS, BusinessJob, JobAnswer, ProcessAnswer, documented_name, job_named
from contracts.errors import Forbidden, HeadwaterError, Invalid, NotFound
from contracts.runs import RunStatus, RunView
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Principal, Role, Tenant
from contracts.texts import NoNul
from db import business_jobs, tenants
from db.transaction import CONNECTION_ERRORS, Pool, transaction

router = APIRouter(prefix="/api/jobs", tags=["job doors"], route_class=DoorRoute)
Caller = Annotated[Principal, Depends(JobDoor("process"))]
#: What of a run's stats is a discovery run's alone.
_NOT_OURS = (
    "channelResults", "totalDiscovered", "totalAfterDedupe", "companiesCreated", "companiesSkipped", "contactsCreated",
    "contactsSkipped", "leadsCreated", "leadsSkipped", "wouldCost", "config",
)  # fmt: skip

log = structlog.get_logger("api.jobs")


def _both(name: str) -> AliasChoices:
    return AliasChoices(to_camel(name), name)


class Asked(BaseModel):
    """Query of /api/jobs/process, in either spelling. No `job`: the daily three. One of `tenantId` and `tenantSlug`; neither: the
    caller's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: Annotated[str, Field(min_length=1, max_length=100), NoNul] | None = Field(
        default=None, description="one job, by the documents' name or ours; absent: the daily three"
    )
    tenant_id: UUID | None = Field(default=None, validation_alias=_both("tenant_id"))
    tenant_slug: Slug | None = Field(default=None, validation_alias=_both("tenant_slug"))
    dry_run: bool = Field(
        default=False, validation_alias=_both("dry_run"), description="compute, roll back, and say what would change"
    )
    wait_seconds: Annotated[float, Field(ge=0, le=55)] | None = Field(
        default=None,
        validation_alias=_both("wait_seconds"),
        description="how long to wait for the runs' end; absent: JOB_DOOR_WAIT_S",
    )

    def jobs(self) -> tuple[BusinessJob, ...]:
        """Raises: Invalid (`unknown_job`)."""
        return DAILY_JOBS if self.job is None else (job_named(self.job),)


async def _process(
    request: Request, asked: Asked, principal: Principal, pool: Pool, settings: Settings, wake: WakeDep
) -> ProcessAnswer:
    tenant = await _tenant(pool, principal, asked)
    started: dict[BusinessJob, UUID] = {}
    answers: dict[BusinessJob, JobAnswer] = {}
    for job in asked.jobs():
        try:
            async with transaction(pool, tenant.id) as tx:
                run_id, _ = await business_jobs.start(
                    tx, tenant.id, job, triggered_by="cron" if principal.role is Role.SERVICE else "manual",
                    dry_run=asked.dry_run, requested_by=principal.name,
                )  # fmt: skip
            started[job] = run_id
        except (HeadwaterError, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
            log.warning("job_not_started", job=job, error=str(error))
            answers[job] = JobAnswer(
                job=documented_name(job), run_id=None, status="not_started", error="it could not be started: call again"
            )
        wake.soon()
    patience_s = settings.job_door_wait_s if asked.wait_seconds is None else asked.wait_seconds
    shown = await ended(request, tenant.id, started.values(), patience_s)
    answers |= {job: _answer(job, shown[run_id]) for job, run_id in started.items()}
    ordered = [answers[job] for job in asked.jobs()]
    log.info("jobs_processed", tenantId=str(tenant.id), jobs={a.job: a.status for a in ordered}, dryRun=asked.dry_run)
    return _told(request, asked, tenant, ordered)


async def _tenant(pool: Pool, principal: Principal, asked: Asked) -> Tenant:
    """Whose jobs. The job secret may name any tenant, people and keys only their own. Raises: Invalid, NotFound, Forbidden."""
    if asked.tenant_id is not None and asked.tenant_slug is not None:
        raise Invalid("give either tenantId or tenantSlug")
    async with transaction(pool, None, read_only=True) as tx:
        if asked.tenant_slug is not None:
            found = await tenants.by_slug(tx, asked.tenant_slug)
        else:
            found = await tenants.by_id(tx, asked.tenant_id or principal.tenant_id)
    own = found is not None and found.id == principal.tenant_id
    if found is None or found.id == SYSTEM_TENANT or not (own or principal.role is Role.SERVICE):
        raise NotFound(
            "there is no such tenant: leave tenantId and tenantSlug out for your own", code="tenant_not_found"
        )
    if found.status != "active":
        raise Forbidden(
            f"the tenant is {found.status}: its jobs do not run until it is active", code="tenant_not_active"
        )
    return found


def _answer(job: BusinessJob, run: RunView) -> JobAnswer:
    stats = {key: value for key, value in (run.stats or {}).items() if key not in _NOT_OURS}
    return JobAnswer(job=documented_name(job), run_id=run.id, status=run.status.value, stats=stats, error=run.error)


def _told(request: Request, asked: Asked, tenant: Tenant, jobs: list[JobAnswer]) -> ProcessAnswer:
    bad = [a for a in jobs if a.status in (RunStatus.FAILED, RunStatus.CANCELLED, "not_started")]
    if not bad:
        return ProcessAnswer(success=True, dry_run=asked.dry_run, tenant=tenant.slug, jobs=jobs)
    request.state.run_id = next((a.run_id for a in bad if a.run_id), None)
    detail = "; ".join(f"{a.job} {a.status}: {a.error or 'no reason given'}" for a in bad)[:1000]
    all_jobs = [a.model_dump(mode="json", by_alias=True) for a in jobs]
    raise JobFailed(detail, code="job_failed", dryRun=asked.dry_run, tenant=tenant.slug, jobs=all_jobs)


_RESPONSES = problems(400, 401, 403, 404, 429, 500, 503, job_door=True)


@router.post("/process", name="process", responses=_RESPONSES)
async def process(
    request: Request, asked: Annotated[Asked, Query()], principal: Caller, pool: PoolDep, settings: SettingsDep, wake: WakeDep
) -> ProcessAnswer:  # fmt: skip
    """Run the daily business jobs, or `job`, and wait a while: per job its run, status and stats. One that fails stops no other.

    Opens to `x-job-secret` or `Authorization: Bearer` with CRON_JOB_SECRET, and to people of role ops.
    """
    return await _process(request, asked, principal, pool, settings, wake)


@router.get("/process", name="process_by_get", responses=_RESPONSES)
async def process_by_get(
    request: Request, asked: Annotated[Asked, Query()], principal: Caller, pool: PoolDep, settings: SettingsDep, wake: WakeDep
) -> ProcessAnswer:  # fmt: skip
    """The same for crons that can only GET."""
    return await _process(request, asked, principal, pool, settings, wake)
