"""The cron door of the business jobs: starts runs, waits a bounded time, says per job what came of it (S4.03, S4.12).

The API computes nothing: it commits a run and its event for each job, in a transaction each, so that one that cannot start stops no
other; then it looks until all have ended or the time is up (R21).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import ProblemResponse, problems
from contracts.accounts import DAILY_JOBS, BusinessJob, documented_name, job_named
from contracts.errors import Forbidden, HeadwaterError, Invalid, NotFound
from contracts.runs import RunStatus, RunView
from contracts.tenants import SYSTEM_TENANT, Principal, Role, Tenant
from contracts.texts import NoNul
from db import business_jobs, queue, runs, tenants
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

router = APIRouter(prefix="/api/jobs", tags=["job-doors"])
Caller = Annotated[Principal, Depends(require(Role.OPS, Role.SERVICE))]
#: Between two looks at runs that are waited for, in seconds.
LOOK_S = 0.25
#: What of a run's stats is a discovery run's alone.
_NOT_OURS = (
    "channelResults", "totalDiscovered", "totalAfterDedupe", "companiesCreated", "companiesSkipped", "contactsCreated",
    "contactsSkipped", "leadsCreated", "leadsSkipped", "wouldCost", "config",
)  # fmt: skip

log = structlog.get_logger("api.jobs")


class JobAnswer(BaseModel):
    """What became of one job. `job` is the name the documents give it; no `runId`: it could not be started."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    job: str
    run_id: UUID | None
    status: Literal["pending", "running", "completed", "partial", "failed", "cancelled", "not_started"]
    stats: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None


class ProcessAnswer(BaseModel):
    """`success` is false only where a job failed: that is a problem document. `running`: it goes on after the answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    success: bool
    dry_run: bool
    tenant: str
    jobs: list[JobAnswer]


class Asked(BaseModel):
    """Query of /api/jobs/process. No `job`: the three daily ones. One of `tenantId` and `tenantSlug`; neither: the caller's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: Annotated[str, Field(min_length=1, max_length=100), NoNul] | None = Field(
        default=None, description="one job, by the documents' name or ours; absent: the daily three"
    )
    tenantId: UUID | None = None  # noqa: N815  the documents' spelling (S4.02)
    tenantSlug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] | None = None  # noqa: N815
    dryRun: bool = Field(default=False, description="compute, roll back, and say what would change")  # noqa: N815
    waitSeconds: float = Field(default=25, ge=0, le=55, description="how long to wait for the runs' end")  # noqa: N815

    def jobs(self) -> tuple[BusinessJob, ...]:
        """Raises: Invalid (`unknown_job`)."""
        return DAILY_JOBS if self.job is None else (job_named(self.job),)


async def _process(request: Request, asked: Asked, principal: Principal, pool: Pool, wake: WakeDep) -> Any:
    tenant = await _tenant(pool, principal, asked)
    started: dict[BusinessJob, UUID] = {}
    answers: dict[BusinessJob, JobAnswer] = {}
    for job in asked.jobs():
        try:
            async with transaction(pool, tenant.id) as tx:
                run_id, _ = await business_jobs.start(
                    tx, tenant.id, job, triggered_by="cron" if principal.role is Role.SERVICE else "manual",
                    dry_run=asked.dryRun, requested_by=principal.name,
                )  # fmt: skip
            started[job] = run_id
        except (HeadwaterError, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
            log.warning("job_not_started", job=job, error=str(error))
            answers[job] = JobAnswer(
                job=documented_name(job), run_id=None, status="not_started", error="it could not be started: call again"
            )
        wake.soon()
    shown = await _ended(request, pool, tenant.id, started, asked.waitSeconds)
    answers |= {job: _answer(job, shown[run_id]) for job, run_id in started.items()}
    ordered = [answers[job] for job in asked.jobs()]
    log.info("jobs_processed", tenantId=str(tenant.id), jobs={a.job: a.status for a in ordered}, dryRun=asked.dryRun)
    return _told(request, asked, tenant, ordered)


async def _tenant(pool: Pool, principal: Principal, asked: Asked) -> Tenant:
    """Whose jobs. The job secret may name any tenant, people and keys only their own. Raises: Invalid, NotFound, Forbidden."""
    if asked.tenantId is not None and asked.tenantSlug is not None:
        raise Invalid("give either tenantId or tenantSlug")
    async with transaction(pool, None, read_only=True) as tx:
        if asked.tenantSlug is not None:
            found = await tenants.by_slug(tx, asked.tenantSlug)
        else:
            found = await tenants.by_id(tx, asked.tenantId or principal.tenant_id)
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


async def _ended(
    request: Request, pool: Pool, tenant: UUID, started: Mapping[BusinessJob, UUID], wait_s: float
) -> dict[UUID, RunView]:
    """The runs as they stand when all have ended, the time is up, the server stops, or nobody is there who could end them."""
    loop = asyncio.get_running_loop()
    until, stopping = loop.time() + wait_s, request.app.state.stopping
    dead_after_s: float = request.app.state.settings.worker_dead_after_s
    while True:
        async with transaction(pool, tenant, read_only=True) as tx:
            found = {run_id: await runs.show(tx, tenant, run_id) for run_id in started.values()}
        shown = {run_id: run for run_id, run in found.items() if run is not None}
        if len(shown) < len(started):
            raise NotFound("a run was cleaned away at once: call again", code="run_not_found")
        if all(run.status.ended for run in shown.values()) or loop.time() >= until or stopping.is_set():
            return shown
        async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
            workers, _ = await queue.alive(tx, dead_after_s)
        if not workers:
            return shown
        await asyncio.sleep(LOOK_S)


def _answer(job: BusinessJob, run: RunView) -> JobAnswer:
    stats = {key: value for key, value in (run.stats or {}).items() if key not in _NOT_OURS}
    return JobAnswer(job=documented_name(job), run_id=run.id, status=run.status.value, stats=stats, error=run.error)


def _told(request: Request, asked: Asked, tenant: Tenant, jobs: list[JobAnswer]) -> Any:
    bad = [a for a in jobs if a.status in (RunStatus.FAILED, RunStatus.CANCELLED, "not_started")]
    if not bad:
        return ProcessAnswer(success=True, dry_run=asked.dryRun, tenant=tenant.slug, jobs=jobs)
    detail = "; ".join(f"{a.job} {a.status}: {a.error or 'no reason given'}" for a in bad)[:1000]
    run_id = next((str(a.run_id) for a in bad if a.run_id), None)
    body = {
        "type": "urn:headwater:problem:job_failed", "title": "Internal Server Error", "status": 500, "detail": detail,
        "code": "job_failed", "request_id": getattr(request.state, "request_id", None), "success": False, "error": detail,
        "dryRun": asked.dryRun, "tenant": tenant.slug, "jobs": [a.model_dump(mode="json", by_alias=True) for a in jobs],
    }  # fmt: skip
    return ProblemResponse(body | ({"runId": run_id} if run_id else {}), 500)


_RESPONSES = problems(404, job_door=True)


@router.post("/process", name="process", responses=_RESPONSES, response_model=ProcessAnswer)
async def process(
    request: Request, asked: Annotated[Asked, Query()], principal: Caller, pool: PoolDep, wake: WakeDep
) -> Any:  # fmt: skip
    """Run the daily business jobs, or `job`, and wait a while: per job its run, status and stats. One that fails stops no other."""
    return await _process(request, asked, principal, pool, wake)


@router.get("/process", name="process_by_get", responses=_RESPONSES, response_model=ProcessAnswer)
async def process_by_get(
    request: Request, asked: Annotated[Asked, Query()], principal: Caller, pool: PoolDep, wake: WakeDep
) -> Any:  # fmt: skip
    """The same for crons that can only GET."""
    return await _process(request, asked, principal, pool, wake)
