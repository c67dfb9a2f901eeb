"""Jobs as executions: where they stand, what they ended in, retry and cancel."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import problems
from contracts.executions import (
    DeadLetterPage,
    DeadLetterQuery,
    Dismissed,
    ExecutionDetail,
    ExecutionFilter,
    ExecutionPage,
    ExecutionQuery,
)
from contracts.job_retries import JobRetryReport, JobRetryRequest
from contracts.tenants import Principal, Role
from db import executions, job_retries
from db.transaction import transaction

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Ops = Annotated[Principal, Depends(require(Role.OPS))]


@router.get("", name="list")
async def list_jobs(asked: Annotated[ExecutionQuery, Query()], principal: Viewer, pool: PoolDep) -> ExecutionPage:
    """Executions, newest first, by job, state, run or event."""
    which = ExecutionFilter.model_validate(asked.model_dump(exclude={"limit", "cursor"}))
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await executions.list_executions(
            tx, [principal.tenant_id], which, limit=asked.limit, cursor=asked.cursor
        )


@router.get("/dead-letters", name="dead_letters")
async def list_dead_letters(
    asked: Annotated[DeadLetterQuery, Query()], principal: Viewer, pool: PoolDep
) -> DeadLetterPage:
    """Jobs that gave up and events that could not be delivered, unanswered ones only, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await executions.list_dead_letters(
            tx, [principal.tenant_id], kind=asked.kind, limit=asked.limit, cursor=asked.cursor
        )


@router.post("/retry", name="retry_many", status_code=202)
async def retry_many(asked: JobRetryRequest, principal: Ops, pool: PoolDep, wake: WakeDep) -> JobRetryReport:
    """Deliver jobs that gave up once more, by filter and at a rate; `dry_run` only says which. Safe to ask for twice."""
    async with transaction(pool, principal.tenant_id) as tx:
        report = await job_retries.retry_many(tx, [principal.tenant_id], asked, principal.name)
    if report.retried:
        wake.soon()
    return report


@router.get("/{job_id}", name="show", responses=problems(404, 409))
async def show_job(job_id: UUID, principal: Viewer, pool: PoolDep) -> ExecutionDetail:
    """One execution with arguments, attempts, vendor calls, progress and result.

    By its id, or by that of an event: then the one execution that the event made or that absorbed it, with the first result.
    """
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await executions.show_execution(tx, [principal.tenant_id], job_id)


@router.post("/{job_id}/retry", name="retry", status_code=202, responses=problems(404, 409))
async def retry_job(job_id: UUID, principal: Ops, pool: PoolDep, wake: WakeDep) -> ExecutionDetail:
    """Deliver a job that gave up or was cancelled once more, now; its run takes it back."""
    async with transaction(pool, principal.tenant_id) as tx:
        retried = await executions.retry_execution(tx, [principal.tenant_id], job_id, principal.name)
    wake.soon()
    return retried


@router.post("/{job_id}/cancel", name="cancel", status_code=202, responses=problems(404, 409))
async def cancel_job(job_id: UUID, principal: Ops, pool: PoolDep) -> ExecutionDetail:
    """Ask an unfinished job to stop. Answers at once; the job ends when it notices. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await executions.cancel_execution(tx, [principal.tenant_id], job_id, principal.name)


@router.post("/{job_id}/dismiss", name="dismiss", responses=problems(404))
async def dismiss_job(job_id: UUID, principal: Ops, pool: PoolDep, wake: WakeDep) -> Dismissed:
    """Answer the dead letters of a job, or of an event, without another try: what its ordering key holds back goes on."""
    async with transaction(pool, principal.tenant_id) as tx:
        count = await executions.dismiss(tx, [principal.tenant_id], job_id, principal.name)
    wake.soon()
    return Dismissed(id=job_id, dismissed=count)
