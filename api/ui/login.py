"""Into the console and out of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api import errors
from api.deps import PoolDep, SettingsDep, SignerDep
from api.routes import auth
from api.ui import session
from api.ui.page import PageRoute, bare, onward
from api.ui.session import Act, Acting
from contracts.access import Login
from contracts.errors import Rejected, Throttled, Unauthenticated
from contracts.tenants import Role
from db import access
from db.transaction import transaction

router = APIRouter(prefix="/ui", route_class=PageRoute, include_in_schema=False)
Anybody = Annotated[Act, Depends(Acting(Role.VIEWER))]
Next = Annotated[str | None, Query(max_length=2000)]


@router.get("/login")
async def ask(request: Request, next: Next = None) -> Response:
    """The form; whoever is in already goes on."""
    way = session.way_back(next)
    try:
        await session.sit(request)
    except Unauthenticated:
        return bare("login.html", way=way, problem=None, email="", tenant="")
    return RedirectResponse(way, 303)


@router.post("/login")
async def enter(request: Request, pool: PoolDep, settings: SettingsDep, signer: SignerDep) -> Response:
    """E-mail and password for a session in cookies; throttled as the API's login is."""
    session.check_origin(request)
    form = await session.form_of(request)
    given = {name: values[0] for name, values in form.items() if name in ("email", "password", "tenant")}
    way = session.way_back(form.get("next", [None])[0])
    try:
        tokens = await auth.login(request, Login.model_validate(given), pool, settings, signer)
    except ValidationError:
        return _again(
            given, way, "give your e-mail address and your password; the workspace is a short name, or empty", 400
        )
    except (Unauthenticated, Throttled) as error:
        answer = _again(given, way, error.detail, errors.status_of(error))
        if isinstance(error, Throttled) and error.after_s:
            answer.headers["Retry-After"] = str(int(error.after_s) + 1)
        return answer
    session.begin(request, tokens)
    return RedirectResponse(way, 303)


def _again(given: dict[str, str], way: str, problem: str, status: int) -> Response:
    kept = {"email": given.get("email", ""), "tenant": given.get("tenant", "")}
    return bare("login.html", status=status, way=way, problem=problem, **kept)


@router.post("/logout")
async def leave(act: Anybody) -> Response:
    """End the session: its tokens stop working everywhere."""
    principal = act.principal
    if principal.session_id is None:
        raise Rejected("only people have sessions")
    async with transaction(act.pool, principal.tenant_id) as tx:
        await access.revoke_session(tx, principal.tenant_id, principal.session_id, "logout", by=principal.name)
    session.forget(act.request)
    return onward("/ui/login", act.request)
