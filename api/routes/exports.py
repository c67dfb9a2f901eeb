"""Files that go out: companies, leads and suppressions as CSV, however many."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from api.auth import require
from api.deps import PoolDep
from api.routes.imports import csv_answer
from contracts.exports import COLUMNS, ExportKind, text_of
from contracts.tenants import Principal, Role
from db import exports
from db.exports import Filters

router = APIRouter(prefix="/v1/exports", tags=["exports"])
Reader = Annotated[Principal, Depends(require(Role.ANALYST))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]
Country = Annotated[str | None, Query(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Since = Annotated[AwareDatetime | None, Query(description="changed since then")]


def _file(kind: ExportKind) -> dict[int | str, dict[str, Any]]:
    example = text_of([COLUMNS[kind]])
    return {200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": example}}}}


@router.get("/companies.csv", response_class=StreamingResponse, responses=_file("companies"))
async def companies(
    principal: Reader, pool: PoolDep, country: Country = None, updated_since: Since = None
) -> StreamingResponse:
    """Companies, oldest first. A cell that a spreadsheet would run as a formula has a quote before it."""
    wanted = Filters(country, updated_since)
    return csv_answer(exports.lines(pool, principal.tenant_id, "companies", wanted), "companies.csv")


@router.get("/leads.csv", response_class=StreamingResponse, responses=_file("leads"))
async def leads(
    principal: Reader,
    pool: PoolDep,
    country: Country = None,
    updated_since: Since = None,
    status: Literal["new", "processing", "enriched", "failed"] | None = None,
    run_id: Annotated[UUID | None, Query(description="the run that found them")] = None,
    icp_profile_id: Annotated[UUID | None, Query(description="their profile")] = None,
) -> StreamingResponse:
    """Leads with their company and contact, oldest first."""
    wanted = Filters(country, updated_since, status, run_id, icp_profile_id)
    return csv_answer(exports.lines(pool, principal.tenant_id, "leads", wanted), "leads.csv")


@router.get("/suppressions.csv", response_class=StreamingResponse, responses=_file("suppressions"))
async def suppressions(principal: Operator, pool: PoolDep) -> StreamingResponse:
    """The suppression list: keyed hashes, which cannot be read back."""
    return csv_answer(exports.lines(pool, principal.tenant_id, "suppressions", Filters()), "suppressions.csv")
