"""For machines that watch: is the process there, is it ready, how is it doing? No tenant's data, so no credentials."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from api.deps import PoolDep, SettingsDep
from api.errors import problems
from contracts.errors import HeadwaterError
from contracts.settings import Settings
from db import migrate, queue
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

router = APIRouter(tags=["health"])
#: How long a check may take before it counts as failed, in seconds.
CHECK_S = 3.0
#: A dispatcher runs at least once every 5 s; one that is silent for longer than this is reported as stale.
DISPATCH_STALE_S = 15.0


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Check(BaseModel):
    """`ok`; `none` = there is no such thing at the moment; `failed`, with what to do."""

    status: Literal["ok", "none", "failed"]
    detail: str | None = None


class Readiness(BaseModel):
    """`ready` asks for database and migrations; for the dispatcher only with READYZ_REQUIRES_WORKER=true."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": True,
                    "checks": {
                        "database": {"status": "ok", "detail": None},
                        "migrations": {"status": "ok", "detail": None},
                        "dispatcher": {"status": "none", "detail": "no worker is alive: start `headwater worker`"},
                        "listener": {"status": "ok", "detail": None},
                    },
                }
            ]
        }
    )

    ready: bool
    checks: dict[str, Check]


@router.get("/healthz")
async def healthz() -> Alive:
    """The process answers. Says nothing about the database."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready"}})
async def readyz(request: Request, response: Response, pool: PoolDep, settings: SettingsDep) -> Readiness:
    """May requests be sent here? Each check is shown, failed or not."""
    found = await readiness(pool, settings, wake_connected=request.app.state.wake.connected)
    if not found.ready:
        response.status_code = 503
    return found


@router.get("/metrics", response_class=Response, responses={
    200: {"content": {"text/plain": {"example": "headwater_workers_alive 2.0\n"}}}, **problems(503)
})  # fmt: skip
async def metrics(request: Request, pool: PoolDep) -> Response:
    """Prometheus text format; counts of the whole installation, no tenant's name."""
    page = await request.app.state.scrape.page(pool)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")


async def readiness(pool: Pool, settings: Settings, *, wake_connected: bool) -> Readiness:
    """Run the checks."""
    checks = {"database": Check(status="ok"), "migrations": Check(status="ok"), "dispatcher": Check(status="none")}
    try:
        async with asyncio.timeout(CHECK_S), transaction(pool, None, role=DbRole.SYSTEM) as tx:
            pending = await migrate.pending(tx)
            if pending:
                checks["migrations"] = _failed(f"{', '.join(pending)} not applied: run `headwater db migrate`")
            else:
                checks["dispatcher"] = _dispatcher(*await queue.alive(tx, settings.worker_dead_after_s))
    except (HeadwaterError, *CONNECTION_ERRORS) as error:
        checks["database"] = _failed(f"the database does not answer ({type(error).__name__}): check that it runs")
        checks["migrations"] = Check(status="none", detail="unknown while the database is away")
    checks["listener"] = (
        Check(status="ok")
        if wake_connected
        else Check(status="none", detail="reconnecting; dispatchers poll meanwhile")
    )
    needed = ["database", "migrations", *(["dispatcher"] if settings.readyz_requires_worker else [])]
    return Readiness(ready=all(checks[name].status == "ok" for name in needed), checks=checks)


def _dispatcher(workers: int, dispatched_s_ago: float | None) -> Check:
    if not workers:
        return Check(status="none", detail="no worker is alive: start `headwater worker`")
    if dispatched_s_ago is None:
        return Check(status="none", detail=f"{workers} workers, none dispatches: start one with --only dispatch")
    if dispatched_s_ago > DISPATCH_STALE_S:
        return _failed(f"{workers} workers, but none dispatched for {dispatched_s_ago:.0f} s: see their logs")
    return Check(status="ok", detail=f"{workers} workers, dispatched {dispatched_s_ago:.1f} s ago")


def _failed(detail: str) -> Check:
    return Check(status="failed", detail=detail)
