"""Runs: the list with the columns of S0.16, and one run's page, which follows it live."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page, before
from api.routes import jobs as job_routes
from api.routes import run_replays
from api.routes import runs as routes
from api.ui import progress, telling, zoom
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.errors import Conflict, NotFound
from contracts.executions import ExecutionQuery
from contracts.jobs import JobState
from contracts.run_replays import INSTEAD
from contracts.runs import RunKind, RunMode, RunPage, RunStatus, RunView
from contracts.tenants import Role
from db import reports, runs, story
from db import run_replays as db_replays
from db.transaction import transaction

router = APIRouter(prefix="/ui/runs", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Act, Depends(Acting(Role.ANALYST))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
Cursor = Annotated[str | None, Query(max_length=500)]
#: Rows of a page: the last 20 runs come first (S0.16).
ROWS = 20
#: Moments of a timeline that a page shows; the API gives more.
MOMENTS = 400
#: Jobs that one click delivers once more.
RESUMED = 50
#: Replays that a run's page names.
REPLAYS = 5


@router.get("")
async def list_runs(
    seat: Viewer,
    cursor: Cursor = None,
    status: RunStatus | None = None,
    kind: RunKind | None = None,
    mode: RunMode | None = None,
    dry_run: bool | None = None,
) -> Response:
    """Runs of every kind, newest first."""
    tenant, start = seat.principal.tenant_id, before(Page(ROWS, cursor))

    async def read() -> list[RunView]:
        async with transaction(seat.pool, tenant, read_only=True) as tx:
            return await runs.list_(
                tx, tenant, before=start, statuses=[status] if status else None, mode=mode, dry_run=dry_run,
                kind=kind, limit=ROWS + 1,
            )  # fmt: skip

    found = await seat.shared(read)
    more = str(found[ROWS - 1].id) if len(found) > ROWS else None
    page = RunPage(items=found[:ROWS], next_cursor=more)
    choices = {"status": [s.value for s in RunStatus], "kind": get_args(RunKind), "mode": get_args(RunMode)}
    return show(seat, "runs.html", {"runs": page.items, "next_cursor": page.next_cursor}, choices=choices)


@router.get("/{run_id}")
async def show_run(
    run_id: UUID,
    seat: Viewer,
    since: Annotated[routes.At | None, Query(alias="from")] = None,
    until: Annotated[routes.At | None, Query(alias="to")] = None,
) -> Response:
    """One run: how far it is, what it made, what it cost, what happened; `from` and `to` narrow its timeline."""
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        run = await runs.show(tx, tenant, run_id, costs=True)
        read = await story.inspect(tx, tenant, run_id)
        at_work = await reports.of_run(tx, tenant, run_id)
    if run is None or read is None:
        raise NotFound(f"no run {run_id}: the list of runs shows what there is", code="run_not_found")
    told = await routes.timeline(run_id, seat.principal, seat.pool, MOMENTS, since, until)
    again = await run_replays.list_replays(run_id, seat.principal, seat.pool, Page(REPLAYS, None))
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        replay_of = await db_replays.parent(tx, tenant, run_id) if run.kind == "replay" else None
    data = {
        "run": run,
        "progress": progress.of(run),
        "at_work": at_work,
        "jobs": read.jobs,
        "records": read.records,
        "findings": read.findings,
        "moments": told.moments,
        "truncated": told.truncated,
        "replays": again.items,
        "replay_of": replay_of,
    }
    # Of what is too much to tell at once, the first part is drawn; it ends where the telling does.
    end = told.moments[-1].at if told.truncated else until
    at = zoom.window(run, told.moments, since, end, datetime.now(UTC))
    return show(
        seat, "run.html", data, passages=telling.passages(told.moments), drawing=zoom.draw(told.moments, at),
        instead=None if run.status.ended and not run.dry_run and run.kind not in INSTEAD else _instead(run), once=uuid4(),
    )  # fmt: skip


def _instead(run: RunView) -> str:
    """Why a run cannot be done again from stored answers, and what does the like."""
    if not run.status.ended:
        return "Once it has ended, it can be done again from its stored answers."
    if run.kind in INSTEAD:
        return INSTEAD[run.kind][:1].upper() + INSTEAD[run.kind][1:] + "."
    return "A dry run wrote nothing: replay the real one."


@router.get("/{run_id}/live")
async def follow(run_id: UUID, seat: Viewer) -> Response:
    """The part of a run's page that changes while it runs: asked for every two seconds until the run has ended."""
    run = await routes.show(run_id, seat.principal, seat.pool)
    async with transaction(seat.pool, seat.principal.tenant_id, read_only=True) as tx:
        at_work = [] if run.status.ended else await reports.of_run(tx, seat.principal.tenant_id, run_id)
    answer = show(seat, "run_live.html", {"run": run, "progress": progress.of(run), "at_work": at_work})
    if run.status.ended:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/{run_id}/resume")
async def resume(run_id: UUID, act: Ops) -> Response:
    """Go on where it stopped: the jobs that gave up are delivered once more, and the run takes them back."""
    asked = ExecutionQuery(run_id=run_id, state=[JobState.DEAD], limit=RESUMED)
    dead = (await job_routes.list_jobs(asked, act.principal, act.pool)).items
    if not dead:
        raise Conflict("no job of this run gave up: there is nothing to resume", code="nothing_to_resume")
    for job in dead:
        await job_routes.retry_job(job.id, act.principal, act.pool, act.wake)
    return onward(f"/ui/runs/{run_id}", act.request, f"{len(dead)} jobs are delivered once more; the run goes on.")


@router.post("/{run_id}/cancel")
async def cancel(run_id: UUID, act: Analyst) -> Response:
    """End a run now."""
    await routes.cancel(run_id, act.principal, act.pool, act.wake)
    return onward(f"/ui/runs/{run_id}", act.request, "The run is cancelled. What it has committed stays.")
