"""What a route asks for: the pool, the settings, the page wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Query, Request

from api.tokens import Signer
from api.wake import Wake
from contracts.errors import Invalid
from contracts.settings import Settings
from contracts.tenants import Tenant
from db import tenants
from db.transaction import Pool


class DefaultTenant:
    """The tenant of whoever names none; looked up once the database is there and migrated."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tenant: Tenant | None = None

    async def get(self, pool: Pool) -> Tenant:
        """Raises: Unavailable; Hopeless when the settings contradict each other (R26)."""
        if self._tenant is None:
            self._tenant = await tenants.ensure_default(pool, self._settings)
        return self._tenant


@dataclass(frozen=True, slots=True)
class Page:
    """Keyset paging: at most `limit` rows after `cursor`, which is opaque to the caller."""

    limit: int
    cursor: str | None


def pool(request: Request) -> Pool:
    return cast(Pool, request.app.state.pool)


def settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def signer(request: Request) -> Signer:
    return cast(Signer, request.app.state.signer)


def wake(request: Request) -> Wake:
    """Call `soon()` on it after the commit of anything that emitted an event."""
    return cast(Wake, request.app.state.wake)


def correlation_id(request: Request) -> UUID:
    """The id that ties this request to its events: X-Request-Id when it is a UUID, else a fresh one."""
    return cast(UUID, request.state.correlation_id)


async def default_tenant(request: Request) -> Tenant:
    found: DefaultTenant = request.app.state.default_tenant
    return await found.get(request.app.state.pool)


def page(
    limit: Annotated[int, Query(ge=1, le=200, description="most rows of a page")] = 50,
    cursor: Annotated[
        str | None, Query(min_length=1, max_length=500, description="`next_cursor` of the page before")
    ] = None,
) -> Page:
    return Page(limit, cursor)


PoolDep = Annotated[Pool, Depends(pool)]
SettingsDep = Annotated[Settings, Depends(settings)]
SignerDep = Annotated[Signer, Depends(signer)]
WakeDep = Annotated[Wake, Depends(wake)]
CorrelationDep = Annotated[UUID, Depends(correlation_id)]
PageDep = Annotated[Page, Depends(page)]


def before(page: Page) -> UUID | None:
    """The id a page starts before, where rows are listed by id. Raises: Invalid (`invalid_cursor`)."""
    try:
        return UUID(page.cursor) if page.cursor else None
    except ValueError:
        raise Invalid("the cursor is not one of ours: leave it out to start anew", code="invalid_cursor") from None
