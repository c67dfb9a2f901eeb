"""What a run read, record by record: where its counts lead."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.routes import runs as routes
from api.ui.page import PageRoute, show
from api.ui.session import Looking, Seat
from contracts.run_records import RecordQuery, RecordStatus
from contracts.tenants import Role

router = APIRouter(prefix="/ui/runs/{run_id}/records", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]


@router.get("")
async def list_records(run_id: UUID, asked: Annotated[RecordQuery, Query()], seat: Viewer) -> Response:
    """Records of a run, newest first."""
    page = await routes.list_records(run_id, asked, seat.principal, seat.pool)
    data = {"records": page.items, "next_cursor": page.next_cursor}
    return show(seat, "run_records.html", data, run_id=run_id, choices={"status": [s.value for s in RecordStatus]})
