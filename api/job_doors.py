"""Job doors: who may knock, how often, and in which order they are told no (S0.06, S4.10, R4, R14, R21).

No secret -> a wrong one -> a role that may not -> too many calls -> the door's own switch -> the body. Only then the route runs.
A router of job doors is made with `route_class=DoorRoute`, each of its routes with `Depends(JobDoor(...))`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

import structlog
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.auth import Guard, authenticate, network_of
from contracts.errors import Forbidden, HeadwaterError, Throttled, Unauthenticated
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT, Principal, Role
from db import access
from db.transaction import Pool, transaction

#: The window calls are counted in, in seconds.
WINDOW_S = 60
#: Refuses what the settings do not let in. Raises: Forbidden.
Switch = Callable[[Settings], None]
log = structlog.get_logger("api.job_doors")


def runner_enabled(settings: Settings) -> None:
    """The switch of the discovery runner (R25). Raises: Forbidden (`runner_disabled`)."""
    if not settings.discovery_runner_enabled:
        raise Forbidden(
            'the discovery runner is disabled: set DISCOVERY_RUNNER_ENABLED to "true"', code="runner_disabled"
        )


class JobDoor(Guard):
    """A guard for the job secret and for people of role ops. Every knock is logged; calls and bad secrets are counted apart.

    Counts are kept for a caller and for an address, as failed logins are. An address with too many bad secrets is refused before
    its next one is looked at. Raises: Unauthenticated, Forbidden, Throttled, and what `switch` raises.
    """

    def __init__(self, name: str, switch: Switch | None = None, *roles: Role) -> None:
        super().__init__(frozenset(roles or (Role.OPS, Role.SERVICE)))
        self.name, self._switch = name, switch

    async def __call__(self, request: Request) -> Principal:
        entered: Principal | None = getattr(request.state, "entered", None)
        return entered or await self.enter(request)

    async def enter(self, request: Request) -> Principal:
        """Let the caller in, once a request; the route's own dependency finds it there."""
        known = {"door": self.name, "method": request.method, "network": network_of(request)}
        try:
            principal = await self._admitted(request)
        except HeadwaterError as error:
            log.warning("job_door_refused", **known, code=error.code)
            raise
        log.info("job_door_opened", **known, principal=principal.name)
        request.state.entered = principal
        return principal

    async def _admitted(self, request: Request) -> Principal:
        if "x-job-secret" not in request.headers and "authorization" not in request.headers:
            # x-vercel-cron is not looked at: any client can set it.
            raise Unauthenticated(
                "send x-job-secret with the value of CRON_JOB_SECRET, or Authorization: Bearer", code="missing_secret"
            )
        await self._check_address(request)
        try:
            principal = await authenticate(request)
        except Unauthenticated:
            await self._count_bad(request)
            raise
        self.check(request, principal)
        await self._count_call(request, principal)
        if self._switch is not None:
            self._switch(_settings(request))
        return principal

    async def _check_address(self, request: Request) -> None:
        """Requests on their way at once are all let through to the comparison; each is counted."""
        settings = _settings(request)
        subject = request.app.state.signer.subject("bad secrets", network_of(request))
        async with transaction(_pool(request), SYSTEM_TENANT, read_only=True) as tx:
            left = await access.shut_out_for(
                tx, subject, window_s=settings.login_window_s, limit=settings.login_attempts
            )
        if left is not None:
            raise Throttled("too many wrong secrets from this address: wait, then send the right one", after_s=left)

    async def _count_bad(self, request: Request) -> None:
        settings = _settings(request)
        subject = request.app.state.signer.subject("bad secrets", network_of(request))
        async with transaction(_pool(request), SYSTEM_TENANT) as tx:
            await access.charge(tx, [subject], window_s=settings.login_window_s, limit=settings.login_attempts)

    async def _count_call(self, request: Request, principal: Principal) -> None:
        signer, tenant = request.app.state.signer, principal.tenant_id
        subjects = [
            signer.subject("door caller", f"{tenant}:{principal.name}"),
            signer.subject("door address", network_of(request)),
        ]
        async with transaction(_pool(request), SYSTEM_TENANT) as tx:
            limit = _settings(request).job_door_calls
            left = await access.charge(tx, subjects, window_s=WINDOW_S, limit=limit)
            if left is not None:
                raise Throttled(f"more than {limit} calls in a minute: call less often", after_s=left)


class DoorRoute(APIRoute):
    """A route whose guard comes before its body: FastAPI reads JSON before it asks any dependency."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, door = super().get_route_handler(), _door(self.dependant)
        if door is None:
            raise TypeError(f"{self.path}: a job door needs Depends(JobDoor(...))")

        async def guarded(request: Request) -> Response:
            await door.enter(request)
            return await handle(request)

        return guarded


def _door(dependant: Dependant) -> JobDoor | None:
    if isinstance(dependant.call, JobDoor):
        return dependant.call
    return next(filter(None, map(_door, dependant.dependencies)), None)


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def _pool(request: Request) -> Pool:
    return cast(Pool, request.app.state.pool)
