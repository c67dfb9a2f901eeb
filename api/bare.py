"""The route `headwater bench` measures the API beside: the same guard, one transaction, one bare row. Nobody else serves it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from api.auth import require
from api.deps import PoolDep
from contracts.tenants import Principal, Role
from db import bench
from db.transaction import transaction

PATH = "/bench/rows"


class BareRow(BaseModel):
    """As much JSON as a request for a run."""

    channels: list[str]
    queries: list[str]


def add(app: FastAPI) -> None:
    """Serve PATH from `app` too; its table is made by `db.bench.make_baseline`."""

    @app.post(PATH, status_code=202)
    async def insert(
        body: BareRow, principal: Annotated[Principal, Depends(require(Role.ANALYST))], pool: PoolDep
    ) -> BareRow:
        async with transaction(pool, principal.tenant_id) as tx:
            await bench.business(tx, principal.tenant_id, body.model_dump())
        return body
