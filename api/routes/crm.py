"""A tenant's CRM: connection, policy, what stands there, what came of pushing. The key itself is never asked for nor shown."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query

from api.admission import starting
from api.auth import require
from api.deps import PageDep, PoolDep, SettingsDep, WakeDep, before
from api.errors import problems
from contracts.crm import (
    Connection,
    LinkPage,
    LinkRow,
    LinkState,
    Policy,
    PushOutcome,
    PushPage,
    ResolveLink,
    SetConnection,
    SyncAnswer,
    SyncRequest,
)
from contracts.tenants import Principal, Role
from contracts.texts import NoNul
from db import crm, crm_connections, crm_syncs
from db.transaction import transaction

router = APIRouter(prefix="/v1/crm", tags=["crm"])
#: The address that document 3 names (S3.17).
export_router = APIRouter(prefix="/export/odoo", tags=["crm"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Decider = Annotated[Principal, Depends(require(Role.ANALYST))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]
Starter = Annotated[Principal, Depends(starting(Role.OPS))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"), NoNul]


@router.get("/connection", responses=problems(404))
async def show_connection(principal: Operator, pool: PoolDep) -> Connection:
    """The connection, what its last test came to, and the name of the setting that holds its key."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await crm_connections.get(tx, principal.tenant_id)


@router.put("/connection")
async def set_connection(body: SetConnection, principal: Operator, pool: PoolDep, settings: SettingsDep) -> Connection:
    """Write the whole connection. `secret_ref` is `ODOO_API_KEY_` and the tenant's slug in capitals, or `ODOO_API_KEY` for the
    house's own Odoo. The URL is https on the open internet, unless an operator allows another.
    """
    async with transaction(pool, principal.tenant_id) as tx:
        return await crm_connections.put(tx, principal.tenant_id, body, settings, by=principal.name)


@router.delete("/connection", status_code=204)
async def remove_connection(principal: Operator, pool: PoolDep) -> None:
    """Forget the connection; what stands in the CRM stays there. Again is no error."""
    async with transaction(pool, principal.tenant_id) as tx:
        await crm_connections.remove(tx, principal.tenant_id, by=principal.name)


@router.post("/connection/test", status_code=202, responses=problems(404))
async def test_connection(principal: Operator, pool: PoolDep, wake: WakeDep) -> Connection:
    """Have a worker try the connection, without changing anything there. `tested_at` is null until it has."""
    async with transaction(pool, principal.tenant_id) as tx:
        asked = await crm_connections.request_test(tx, principal.tenant_id, by=principal.name)
    wake.soon()
    return asked


@router.get("/policy")
async def show_policy(principal: Reader, pool: PoolDep) -> Policy:
    """Which leads go to the CRM, and what happens to what people have changed there."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await crm_connections.policy(tx, principal.tenant_id)


@router.put("/policy")
async def set_policy(body: Policy, principal: Operator, pool: PoolDep) -> Policy:
    """Decide anew. It holds for whatever is pushed from now on."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await crm_connections.set_policy(tx, principal.tenant_id, body, by=principal.name)


@router.get("/links")
async def list_links(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    state: LinkState | None = None,
    model: Annotated[
        str | None, Query(pattern=r"^[a-z][a-z0-9_.]{1,63}$", description="e.g. res.partner, crm.lead")
    ] = None,
    local_id: Annotated[UUID | None, Query(description="id of the company, contact or lead")] = None,
) -> LinkPage:
    """What of ours stands where in the CRM, newest first. `state=conflict`: what waits for a person, with what differs."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await crm.list_links(
            tx,
            principal.tenant_id,
            before=before(page),
            state=state,
            model=model,
            local_id=local_id,
            limit=page.limit + 1,
        )
    items = found[: page.limit]
    return LinkPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.post("/links/{link_id}/resolve", responses=problems(404, 409))
async def resolve(link_id: UUID, body: ResolveLink, principal: Decider, pool: PoolDep, wake: WakeDep) -> LinkRow:
    """Decide whose values stay; the push that does it follows at once. The same decision again changes nothing."""
    async with transaction(pool, principal.tenant_id) as tx:
        found = await crm.resolve(tx, principal.tenant_id, link_id, body.keep, by=principal.name)
    wake.soon()
    return found


@router.get("/pushes")
async def list_pushes(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    lead_id: UUID | None = None,
    cause: Annotated[
        str | None,
        Query(min_length=1, max_length=200, description="e.g. `sync:` and the id that a sync answered"),
        NoNul,
    ] = None,
    outcome: PushOutcome | None = None,
) -> PushPage:
    """What came of pushing leads, newest first: done, unchanged, skipped with the reason, conflict, error."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await crm.list_pushes(
            tx,
            principal.tenant_id,
            before=before(page),
            lead_id=lead_id,
            cause=cause,
            outcome=outcome,
            limit=page.limit + 1,
        )
    items = found[: page.limit]
    return PushPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@export_router.post("/sync", status_code=202, responses=problems(404, 409, 429))
async def sync(
    body: SyncRequest,
    principal: Starter,
    pool: PoolDep,
    settings: SettingsDep,
    wake: WakeDep,
    idempotency_key: IdempotencyKey = None,
) -> SyncAnswer:
    """Push the leads of a run, or these, to the tenant's Odoo. With `dry_run` nothing is sent: the answer says what would be.

    What is unchanged is not sent, so a sync may be repeated; the same `Idempotency-Key` with the same body pushes nothing more.
    """
    key = (idempotency_key, body.model_dump(mode="json")) if idempotency_key else None
    async with transaction(pool, principal.tenant_id) as tx:
        answer = await crm_syncs.sync(tx, principal.tenant_id, body, settings, by=principal.name, idempotency=key)
    wake.soon()
    return answer
