"""Files that come in: companies, leads and suppressions as CSV, and what was wrong with which row."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from api.admission import room_for
from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.errors import Invalid
from contracts.imports import ImportDone, ImportKind, ImportPage
from contracts.tenants import Principal, Role
from contracts.texts import LongTitle, NoNul
from db import imports, profiles
from db.transaction import transaction

router = APIRouter(prefix="/v1/imports", tags=["imports"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Bringer = Annotated[Principal, Depends(require(Role.OPS))]
_FILE = "Company Name;Website;Country\nKaroo Workwear (Pty) Ltd;https://karoo.example;South Africa\n"
_BODY = {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": _FILE}}}
_ERRORS = "row,column,code,message,came_in\r\n17,Country,bad_country,is no country we know,no\r\n"


@router.post("", responses=problems(404, 409), openapi_extra={"requestBody": _BODY})
async def bring(
    request: Request,
    principal: Bringer,
    pool: PoolDep,
    wake: WakeDep,
    kind: ImportKind,
    dry_run: Annotated[bool, Query(description="check every row and count, write none")] = False,
    again: Annotated[bool, Query(description="read a file once more that was read to its end")] = False,
    column: Annotated[
        list[LongTitle] | None, Query(alias="map", max_length=50, description="ours=theirs: which column is meant")
    ] = None,
    label: Annotated[str, Query(min_length=1, max_length=200), NoNul] = "upload",
    icp_profile_id: Annotated[UUID | None, Query(description="the profile that leads are for")] = None,
) -> ImportDone:
    """Bring in a file; its first line names the columns. Larger ones than a body may be: `headwater import`.

    Comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252. A row that is wrong is named with what to do, the others come in. The
    same file again, read the same way, brings nothing twice.
    """
    tenant = principal.tenant_id
    if kind == "leads" and not dry_run:  # an event for each new lead; the file is still there when there is room
        await room_for(request, principal)
    async with transaction(pool, tenant) as tx:
        await profiles.require_open(tx, tenant, icp_profile_id)
    asked = imports.Asked(kind, label, principal.name, dry_run, _mapping(column or []), icp_profile_id)
    done = await imports.load_file(pool, tenant, io.BytesIO(await request.body()), asked, again=again)
    wake.soon()
    return done


def _mapping(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not found for _, found, _ in pairs):
        raise Invalid("map must be ours=theirs, for example map=name=Firm")
    return {ours.strip(): theirs for ours, _, theirs in pairs}


@router.get("")
async def list_imports(principal: Reader, pool: PoolDep, page: PageDep, kind: ImportKind | None = None) -> ImportPage:
    """Imports, newest first."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await imports.list_(tx, principal.tenant_id, before=before(page), kind=kind, limit=page.limit + 1)
    items = found[: page.limit]
    return ImportPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.get("/{import_id}", responses=problems(404))
async def show(import_id: UUID, principal: Reader, pool: PoolDep) -> ImportDone:
    """One import, and the first of what was wrong with it."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await imports.done(tx, principal.tenant_id, import_id)


@router.get(
    "/{import_id}/errors.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _ERRORS}}}, **problems(404)},
)
async def errors(import_id: UUID, principal: Reader, pool: PoolDep) -> StreamingResponse:
    """What was wrong with which row, and what to do about it, as CSV; the first 10,000 reasons."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        await imports.show(tx, principal.tenant_id, import_id)
    return csv_answer(imports.error_lines(pool, principal.tenant_id, import_id), "errors.csv")


def csv_answer(lines: AsyncIterator[str], name: str) -> StreamingResponse:
    """A CSV file that is written while it is sent."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
