"""The door by which operators start a tenant's night (S3.11)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import require
from api.deps import PoolDep, SettingsDep, WakeDep
from api.errors import problems
from contracts.errors import NotFound
from contracts.nights import NightView, Step
from contracts.tenants import Principal, Role
from db import nights
from db.access import audit
from db.transaction import transaction

router = APIRouter(prefix="/admin/runs", tags=["nights"])
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("/nightly", status_code=202, responses=problems(404, 409))
async def start(
    principal: Operator,
    pool: PoolDep,
    settings: SettingsDep,
    wake: WakeDep,
    tenant_id: Annotated[UUID, Query(description="one's own tenant")],
    dry_run: Annotated[bool, Query(description="say whom, what it costs and until when; change nothing")] = False,
    limit: Annotated[int | None, Query(ge=0, le=100_000, description="fewer companies than the tenant's cap")] = None,
    from_manifest: Annotated[UUID | None, Query(description="do what this night, which has ended, left undone")] = None,
    skip: Annotated[list[Step] | None, Query(description="steps to leave out", max_length=9)] = None,
) -> NightView:
    """Start the tenant's night. One a day: the one that is there already stands in for a second (`new` is false)."""
    tenant = principal.tenant_id
    if tenant_id != tenant:
        raise NotFound("there is no such tenant for you: give the id of your own", code="tenant_not_found")
    async with transaction(pool, tenant) as tx:
        run_id, new = await nights.start(
            tx, settings, tenant, triggered_by="api", requested_by=principal.name, dry_run=dry_run, limit=limit,
            from_manifest=from_manifest, skip=skip or (),
        )  # fmt: skip
        await audit(tx, tenant, principal.name, "night.requested", "run", str(run_id), {"new": new, "dry_run": dry_run})
        found = await nights.show(tx, tenant, run_id, new=new)
    wake.soon()
    return found
