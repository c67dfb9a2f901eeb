"""What is known about a person, shown or erased. Values stand in bodies; the audit log knows that it was done, not to whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.auth import require
from api.deps import PoolDep, WakeDep
from api.errors import problems
from contracts.privacy import Erase, Erased, PersonExport, Who
from contracts.tenants import Principal, Role
from db import privacy

router = APIRouter(prefix="/v1/privacy", tags=["privacy"])
Operator = Annotated[Principal, Depends(require(Role.OPS))]


@router.post("/export", responses=problems(404))
async def export(body: Who, principal: Operator, pool: PoolDep) -> PersonExport:
    """Everything that is stored about a person, by address, number or contact id, as one document."""
    return await privacy.export(pool, principal.tenant_id, body, by=principal.name)


@router.post("/erasures", responses=problems(404, 409))
async def erase(body: Erase, principal: Operator, pool: PoolDep, wake: WakeDep) -> Erased:
    """Erase a person everywhere. What is left is a keyed hash on the suppression list, which keeps later imports away from them.

    Records that name them in the CRM are emptied, theirs archived, by a job. It cannot be undone. Amounts in the ledger stay,
    without data. 409 while a job works on a lead of theirs: repeat it then.
    """
    made = await privacy.erase(pool, principal.tenant_id, body, by=principal.name, dry_run=body.dry_run)
    wake.soon()
    return made
