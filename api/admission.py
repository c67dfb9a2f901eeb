"""Backpressure: whoever asks for more work than its workers get done is asked to wait, before the outbox grows without end.

How deep a tenant's backlog is, is looked up at most once a second for each tenant and process, and counted no further than the
limit; between two looks a request costs nothing. So a limit may be passed by what is asked for in one second, and a request may be
told to wait for a second longer than need be.

Who passes, and why, stands in `docs/operations.md`: what is refused here can be asked for again, while an occurrence of a schedule
or a fact that somebody tells us may be held by nobody else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import cast
from uuid import UUID

from fastapi import Depends, Request

from api.auth import require
from contracts.errors import Throttled
from contracts.tenants import Principal, Role
from db import quotas
from db.transaction import Pool, transaction

#: How long what was found is believed, in seconds.
FRESH_S = 1.0
#: Most tenants remembered; whom one has forgotten is looked up anew.
TENANTS = 10_000


class Admission:
    """One process's memory of whose backlogs are full. `most`: due events, unless a tenant is granted otherwise; 0: no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[UUID, tuple[float, Throttled | None]] = OrderedDict()

    async def check(self, pool: Pool, tenant: UUID) -> None:
        """Raises: Throttled (`backlog_full`) with `after_s` while the tenant's backlog is full."""
        until, full = self._known.get(tenant, (0.0, None))
        if monotonic() >= until:
            # Before the look, so that what comes meanwhile goes by what was known and does not look as well.
            self._remember(tenant, full)
            full = await self._look(pool, tenant)
            self._remember(tenant, full)
        if full is not None:
            raise Throttled(full.detail, code=full.code, after_s=full.after_s, **full.members)

    async def _look(self, pool: Pool, tenant: UUID) -> Throttled | None:
        try:
            async with transaction(pool, tenant, read_only=True) as tx:
                await quotas.may_add(tx, tenant, self._most)
        except Throttled as full:
            return full
        return None

    def _remember(self, tenant: UUID, full: Throttled | None) -> None:
        self._known[tenant] = (monotonic() + FRESH_S, full)
        self._known.move_to_end(tenant)
        if len(self._known) > TENANTS:
            self._known.popitem(last=False)


def starting(*roles: Role) -> Callable[[Request, Principal], Awaitable[Principal]]:
    """`Depends(starting(Role.OPS))` of a route that starts work: as `require`, and there is room for it. Raises: Throttled."""
    guard = require(*roles)

    async def admitted(request: Request, principal: Principal = Depends(guard)) -> Principal:
        await room_for(request, principal)
        return principal

    return admitted


async def room_for(request: Request, principal: Principal) -> None:
    """The same where only some of what a route does starts work, and for forms of the console. Raises: Throttled."""
    admission = cast(Admission, request.app.state.admission)
    await admission.check(cast(Pool, request.app.state.pool), principal.tenant_id)
