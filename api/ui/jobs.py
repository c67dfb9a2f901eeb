"""Jobs: where each stands, its attempts, and another try."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from markupsafe import Markup

from api.routes import jobs as routes
from api.routes import outbox as outbox_routes
from api.ui.outbox import shared_stats
from api.ui.page import PageRoute, onward, part, short, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.executions import ExecutionQuery
from contracts.jobs import JobState
from contracts.tenants import Role

router = APIRouter(prefix="/ui/jobs", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]


@router.get("")
async def list_jobs(asked: Annotated[ExecutionQuery, Query()], seat: Viewer) -> Response:
    """Executions, newest first; how many wait and run, and who is there to run them."""
    data, listed = await seat.shared(lambda: _list(short(asked), seat))
    return show(seat, "jobs.html", data, listed=listed)


async def _list(asked: ExecutionQuery, seat: Seat) -> tuple[dict[str, Any], Markup]:
    page, pause, stats = await asyncio.gather(
        routes.list_jobs(asked, seat.principal, seat.pool),
        outbox_routes.show_pause(seat.principal, seat.pool),
        shared_stats(seat),
    )
    data = {"jobs": page.items, "next_cursor": page.next_cursor, "stats": stats, "pause": pause}
    seen = {"choices": {"state": [s.value for s in JobState]}, "asked": asked}
    return data, part(seat, "job_list.html", data | seen)


@router.get("/{job_id}")
async def show_job(job_id: UUID, seat: Viewer) -> Response:
    """One execution with its attempts and what it asked of vendors."""
    job = await routes.show_job(job_id, seat.principal, seat.pool)
    retryable = job.state in (JobState.DEAD, JobState.QUARANTINED, JobState.CANCELLED)
    going = job.state in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)
    return show(seat, "job.html", {"job": job}, retryable=retryable, going=going)


@router.post("/{job_id}/retry")
async def retry(job_id: UUID, act: Ops) -> Response:
    """Once more, now."""
    await routes.retry_job(job_id, act.principal, act.pool, act.wake)
    return onward(f"/ui/jobs/{job_id}", act.request, "It is delivered once more, now.")


@router.post("/{job_id}/cancel")
async def cancel(job_id: UUID, act: Ops) -> Response:
    """Ask it to stop."""
    await routes.cancel_job(job_id, act.principal, act.pool)
    return onward(f"/ui/jobs/{job_id}", act.request, "It is asked to stop, and ends when it notices.")
