"""The company register in staging: its webhook, and what is in it. Public rows, the same for every tenant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime

from api.auth import require
from api.deps import PageDep, PoolDep
from api.errors import problems
from api.webhooks import SecretDoor
from contracts.errors import Invalid, NotFound, TooLarge
from contracts.staging import MAX_ROWS, ReceivedRows, StagedCompany, StagedPage, StagingStatus, read_rows
from contracts.tenants import Principal, Role
from db import staging

router = APIRouter(prefix="/v1/staging", tags=["staging"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
_ROW = {"uen": "199901234K", "entity_name": "ZEBRA EXAMPLE PTE. LTD.", "primary_ssic_code": "81210"}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "array", "items": {"type": "object"}, "maxItems": MAX_ROWS},
            "example": [_ROW],
        },
        "application/x-ndjson": {"schema": {"type": "string"}, "example": json.dumps(_ROW) + "\n"},
    },
}


@router.post(
    "/acra",
    dependencies=[Depends(SecretDoor("acra_webhook_secret"))],
    responses=problems(401, 413),
    openapi_extra={"requestBody": _BODY},
)
async def receive(request: Request, pool: PoolDep) -> ReceivedRows:
    """Take rows of ACRA's table: a JSON array (or `{"rows": [..]}`), or one object a line (`application/x-ndjson`).

    Columns are ACRA's own. Rows without UEN or name are dropped and named; the others are stored by UEN, so that sending them
    again changes nothing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    entities, tally = await asyncio.to_thread(read_rows, _rows(await request.body(), kind))
    return ReceivedRows(**asdict(await staging.receive(pool, entities, tally)))


def _rows(body: bytes, kind: str) -> Iterator[tuple[str, Any]]:
    """(where, row). Raises: Invalid, TooLarge."""
    if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        lines = [line for line in body.splitlines() if line.strip()]
        _check(len(lines))
        return ((f"line {n}", _parsed(line)) for n, line in enumerate(lines, 1))
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid(
            "the body is no JSON: send an array of rows, or one row a line as application/x-ndjson", code="invalid_json"
        ) from None
    rows = found.get("rows") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise Invalid('send a JSON array of rows, or {"rows": [..]}')
    _check(len(rows))
    return ((f"row {n}", row) for n, row in enumerate(rows, 1))


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _check(count: int) -> None:
    if count > MAX_ROWS:
        raise TooLarge(f"{count} rows are too many at once: send at most {MAX_ROWS} in a request")


@router.get("")
async def status(principal: Reader, pool: PoolDep) -> StagingStatus:  # noqa: ARG001
    """How many companies are in staging, when the newest change came in, and the latest fillings."""
    return await staging.status(pool)


@router.get("/acra")
async def list_companies(
    principal: Reader,  # noqa: ARG001
    pool: PoolDep,
    page: PageDep,
    since: Annotated[AwareDatetime | None, Query(description="only what is new or changed since then")] = None,
) -> StagedPage:
    """Companies of the register, in the order of their last change."""
    return await staging.page(pool, since=since, limit=page.limit, cursor=page.cursor)


@router.get("/acra/{uen}", responses=problems(404))
async def show(uen: Annotated[str, Path(max_length=40)], principal: Reader, pool: PoolDep) -> StagedCompany:  # noqa: ARG001
    """One company by its UEN."""
    found = await staging.find(pool, uen)
    if found is None:
        raise NotFound("there is no such company in staging", code="company_not_found")
    return found
