"""What a route asks for: the pool, the settings, the page wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import AliasChoices, BaseModel

from api.tokens import Signer
from api.wake import Wake
from contracts.errors import Invalid
from contracts.settings import Settings
from contracts.tenants import Tenant
from db import tenants
from db.transaction import Pool, transaction


class DefaultTenant:
    """The tenant of whoever names none; found or made once the database is there and migrated."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._id: UUID | None = None

    async def get(self, pool: Pool) -> Tenant:
        """As it is now: it may have been closed. Raises: Unavailable; Hopeless when the settings contradict each other (R26)."""
        if self._id is not None:
            async with transaction(pool, None) as tx:
                known = await tenants.by_id(tx, self._id)
            if known is not None:
                return known
        made = await tenants.ensure_default(pool, self._settings)
        self._id = made.id
        return made


@dataclass(frozen=True, slots=True)
class Page:
    """Keyset paging: at most `limit` rows after `cursor`, which is opaque to the caller."""

    limit: int
    cursor: str | None


async def declared_query(request: Request) -> None:
    """Refuse query parameters the route does not have: a misspelt filter must not show everything. Raises: Invalid."""
    if not request.query_params:
        return
    route: APIRoute = request.scope["route"]
    known = set(_query_names(route.dependant))
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        found = [{"where": f"query.{name[:100]}", "message": "there is no such parameter"} for name in unknown[:20]]
        words = f"the parameters are {', '.join(sorted(known))}" if known else "there are none here"
        raise Invalid(f"there is no query parameter {unknown[0][:100]!r}: {words}", errors=found)


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, member in kind.model_fields.items():
                spelt = member.validation_alias
                yield from map(str, spelt.choices) if isinstance(spelt, AliasChoices) else (member.alias or name,)
        else:
            yield field.alias
    for further in dependant.dependencies:
        yield from _query_names(further)


async def pool(request: Request) -> Pool:
    return cast(Pool, request.app.state.pool)


async def settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def signer(request: Request) -> Signer:
    return cast(Signer, request.app.state.signer)


async def wake(request: Request) -> Wake:
    """Call `soon()` on it after the commit of anything that emitted an event."""
    return cast(Wake, request.app.state.wake)


async def correlation_id(request: Request) -> UUID:
    """The id that ties this request to its events: X-Request-Id when it is a UUID, else a fresh one."""
    return cast(UUID, request.state.correlation_id)


async def default_tenant(request: Request) -> Tenant:
    found: DefaultTenant = request.app.state.default_tenant
    return await found.get(request.app.state.pool)


async def page(
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
