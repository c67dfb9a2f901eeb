"""Addresses of the console where nothing is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from api.ui.page import PageRoute
from api.ui.session import Looking, Seat
from contracts.errors import NotFound
from contracts.tenants import Role

router = APIRouter(prefix="/ui", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]


@router.get("/")
async def slash() -> Response:
    return RedirectResponse("/ui", 308)


@router.get("/{rest:path}")
async def nothing(rest: str, seat: Viewer) -> Response:  # noqa: ARG001
    raise NotFound("there is no such page: the menu shows what there is")
