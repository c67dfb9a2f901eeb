"""A router whose prefix a request does not begin with looks at none of its routes, and answers as before where it does."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from api.app import ROUTERS
from api.narrow import narrow
from api.ui.routers import ROUTERS as PAGES


class Counted(APIRoute):
    """A route that counts how often it was tried."""

    tried = 0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        Counted.tried += 1
        return super().matches(scope)


def house(prefix: str) -> FastAPI:
    app = FastAPI()
    for each in (prefix, prefix + "/{name}/parts"):
        router = APIRouter(prefix=each, route_class=Counted)

        @router.get("/{name}" if each == prefix else "")
        async def show(name: str) -> str:
            return name

        app.include_router(narrow(router))
    return app


@pytest.mark.parametrize(
    ("root", "method", "path", "status", "tried"),
    [
        ("", "GET", "/v1/things/one", 200, True),
        ("", "POST", "/v1/things/one", 405, True),
        ("", "GET", "/v1/things/one/parts", 200, True),
        ("", "GET", "/v1/things", 404, True),
        ("", "GET", "/v1/others/one", 404, False),
        ("", "GET", "/ui/things/one", 404, False),
        ("/behind", "GET", "/behind/v1/things/one", 200, True),
    ],
)
async def test_only_its_own_addresses_are_looked_at(
    root: str, method: str, path: str, status: int, tried: bool
) -> None:
    Counted.tried = 0
    transport = httpx.ASGITransport(app=house("/v1/things"), root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://tests") as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert (Counted.tried > 0) == tried


def test_every_route_stands_under_its_routers_prefix() -> None:
    astray = [
        route.path
        for router in (*ROUTERS, *PAGES)
        for route in router.routes
        if isinstance(route, APIRoute) and not route.path.startswith(router.prefix)
    ]
    assert astray == []
