"""What a night brought: its shortlist, as JSON and as a file, and why the others are not on it (S3.15)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import StreamingResponse

from api.auth import require
from api.deps import PoolDep
from api.errors import problems
from api.routes.imports import csv_answer
from contracts.exports import text_of
from contracts.shortlists import CSV_COLUMNS, Shortlist, csv_rows
from contracts.tenants import Principal, Role
from db import shortlists
from db.transaction import transaction

router = APIRouter(prefix="/v1/shortlists", tags=["nights"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Analyst = Annotated[Principal, Depends(require(Role.ANALYST))]
Night = Annotated[str, Path(max_length=40, description="date of the night in the tenant's zone, YYYY-MM-DD")]
_EXAMPLE = text_of([CSV_COLUMNS])
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE}}}
}


@router.get("/{night}", responses=problems(404))
async def show(night: Night, principal: Reader, pool: PoolDep) -> Shortlist:
    """The companies of a night, the best first: features, score, band, rationale and contacts of each."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await shortlists.show(tx, principal.tenant_id, shortlists.day(night))


@router.get("/{night}/csv", response_class=StreamingResponse, responses={**_FILE, **problems(404)})
async def as_file(night: Night, principal: Analyst, pool: PoolDep) -> StreamingResponse:
    """The same as a CSV file, with the contact to call first. A cell that a spreadsheet would run has a quote before it."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await shortlists.show(tx, principal.tenant_id, shortlists.day(night))

    async def lines() -> AsyncIterator[str]:
        yield text_of(csv_rows(found))

    return csv_answer(lines(), f"shortlist-{found.night.isoformat()}.csv")
