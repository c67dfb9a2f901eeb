"""A request is handed to no thread on its way: each hop costs more than most dependencies do, and waits for all others."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import SecretStr

from api.app import create_app
from contracts.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def _routes(held: Any) -> Iterator[APIRoute]:
    """All routes of the product, of included routers too."""
    for route in held.routes:
        if isinstance(route, APIRoute):
            yield route
        elif (inner := getattr(route, "original_router", None)) is not None:
            yield from _routes(inner)


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for further in dependant.dependencies:
        yield from _calls(further)


def _runs_here(call: Any) -> bool:
    way = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(way) or inspect.isasyncgenfunction(way)


def test_no_route_and_no_dependency_is_run_in_a_thread() -> None:
    # S4.06
    app = create_app(Settings(jwt_secret=SecretStr("of these tests, " * 4)), database_url=NOWHERE)
    found = list(_routes(app))
    assert len(found) > 200
    assert {repr(call) for route in found for call in _calls(route.dependant) if not _runs_here(call)} == set()
