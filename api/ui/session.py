"""Who looks at a page, and may they act? The API's own sessions, carried by cookies that scripts cannot read.

A POST is believed only with the session's token in its form and an Origin of ours: SameSite=Strict alone would let a page
of a neighbouring host through.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import structlog
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from api.auth import reaches, require, seen_session
from api.together import Together
from api.tokens import Signer
from api.wake import Wake
from contracts.access import Tokens
from contracts.errors import Forbidden, Invalid, Unauthenticated
from contracts.misfits import in_words
from contracts.settings import Settings
from contracts.tenants import Principal, Role, Tenant
from db import access
from db.transaction import Pool, transaction

ACCESS, REFRESH, SAID = "hw_access", "hw_refresh", "hw_said"
#: Tabs that wake at once send the same refresh token; so long after its use it still stands for its session, in seconds.
LEEWAY_S = 30.0
#: How long a sentence waits for the page that shows it, in seconds.
SAID_S = 60

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody in front of a page. `csrf` stands in every form of theirs."""

    request: Request
    principal: Principal
    tenant: Tenant
    csrf: str

    @property
    def pool(self) -> Pool:
        pool: Pool = self.request.app.state.pool
        return pool

    @property
    def settings(self) -> Settings:
        settings: Settings = self.request.app.state.settings
        return settings

    @property
    def wake(self) -> Wake:
        wake: Wake = self.request.app.state.wake
        return wake

    async def together(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` reads of this tenant, shared with everybody of it who asks for `what` meanwhile."""
        shared: Together[T] = self.request.app.state.together
        return await shared.ask((self.principal.tenant_id, what), work)

    async def shared(self, work: Callable[[], Awaitable[T]]) -> T:
        """What this page reads, filters and all, likewise: so it may not depend on who of the tenant asks."""
        query: bytes = self.request.scope["query_string"]
        return await self.together(f"{self.request.url.path}?{query.decode('ascii')}", work)

    def may(self, role: str) -> bool:
        """Is theirs this role, or a higher one?"""
        return reaches(self.principal.role, Role(role))


@dataclass(frozen=True, slots=True)
class Act(Seat):
    """Somebody who sent a form."""

    form: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """A field's value; None when it is absent or empty."""
        return next(iter(self.form.get(name, [])), None)

    def whole(self, name: str) -> int | None:
        """A field's value as a number; None when it is absent or empty. Raises: Invalid."""
        text = self.one(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise Invalid(f"{name}: give a whole number, for example 50")
        return int(text)

    def read(self, model: type[M], fields: dict[str, Any]) -> M:
        """What the API's body would be; None is left out. Raises: Invalid, in the API's words."""
        try:
            return model.model_validate({k: v for k, v in fields.items() if v is not None})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(p) for p in first["loc"])
            raise Invalid(f"{where}: {in_words(first)}") from None


class Looking:
    """A dependency giving the Seat of whoever has the role, or a higher one."""

    def __init__(self, role: Role) -> None:
        self.guard = require(role)

    async def __call__(self, request: Request) -> Seat:
        seat = await sit(request)
        self.guard.check(request, seat.principal)
        return seat


class Acting:
    """The same for a form: refused without the session's token, or from elsewhere."""

    def __init__(self, role: Role) -> None:
        self.guard = require(role)

    async def __call__(self, request: Request) -> Act:
        check_origin(request)
        seat = await sit(request)
        form = await form_of(request)
        given = next(iter(form.pop("csrf", [])), "")
        if not hmac.compare_digest(given.encode(), seat.csrf.encode()):
            raise Forbidden("this form is not of your session: load the page again, then send it", code="csrf")
        self.guard.check(request, seat.principal)
        return Act(seat.request, seat.principal, seat.tenant, seat.csrf, form)


async def sit(request: Request) -> Seat:
    """Whose session the cookies name. Raises: Unauthenticated."""
    principal, tenant = await _known(request)
    request.state.principal = principal
    structlog.contextvars.bind_contextvars(tenantId=str(principal.tenant_id), role=principal.role.value)
    seat = Seat(request, principal, tenant, csrf_of(request.app.state.signer, principal))
    request.state.seat = seat
    return seat


def csrf_of(signer: Signer, principal: Principal) -> str:
    return signer.subject("form", str(principal.session_id)).hex()


async def _known(request: Request) -> tuple[Principal, Tenant]:
    token = request.cookies.get(ACCESS)
    if token:
        try:
            return await seen_session(request, token)
        except Unauthenticated as error:
            if error.code == "session_over":
                raise
    return await seen_session(request, await _renewed(request))


async def _renewed(request: Request) -> str:
    """A new access token for the refresh token in the cookies, which is exchanged as well. Raises: Unauthenticated."""
    text = request.cookies.get(REFRESH, "")
    tenant = access.tenant_of(text, access.REFRESH_PREFIX)
    if tenant is None:
        raise Unauthenticated("log in to see this")
    pool, signer = request.app.state.pool, request.app.state.signer
    async with transaction(pool, tenant) as tx:
        rotated = await access.rotate(tx, tenant, text, leeway_s=LEEWAY_S)
    if rotated.session is None or not rotated.session.valid:
        raise Unauthenticated("the session is over: log in again", code="session_over")
    token, _ = signer.sign(tenant, rotated.session)
    _carry(request, token, rotated.token)
    return str(token)


def begin(request: Request, tokens: Tokens) -> None:
    """Let the browser carry a session from the next request on."""
    _carry(request, tokens.access_token, tokens.refresh_token)


def _carry(request: Request, access_token: str, refresh_token: str | None) -> None:
    settings: Settings = request.app.state.settings
    kept = _cookies(request)
    kept[ACCESS] = (access_token, settings.access_token_s)
    if refresh_token is not None:
        kept[REFRESH] = (refresh_token, settings.refresh_token_s)


def forget(request: Request) -> None:
    """Let the browser drop the session."""
    _cookies(request).update({ACCESS: ("", 0), REFRESH: ("", 0)})


def say(request: Request, words: str) -> None:
    """A sentence for the next page."""
    _cookies(request)[SAID] = (quote(words[:300]), SAID_S)


def said(request: Request) -> str | None:
    """The sentence that waits, once."""
    text = request.cookies.get(SAID)
    if not text:
        return None
    _cookies(request)[SAID] = ("", 0)
    return unquote(text)[:300]


def _cookies(request: Request) -> dict[str, tuple[str, int]]:
    if not hasattr(request.state, "cookies"):
        request.state.cookies = {}
    kept: dict[str, tuple[str, int]] = request.state.cookies
    return kept


def set_cookies(request: Request, response: Response) -> None:
    """Write what `begin`, `forget` and `say` left on the answer."""
    for name, (value, age) in _cookies(request).items():
        response.set_cookie(
            name, value, max_age=age, path="/ui", httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )


def check_origin(request: Request) -> None:
    """Raises: Forbidden (`foreign_origin`) for a form that another site sent."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    ours = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not ours or site not in (None, "same-origin"):
        raise Forbidden("this form was sent from another site: open the console and try there", code="foreign_origin")


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form, empty ones left out. Raises: Invalid."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Invalid("send a form: Content-Type: application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), errors="strict", max_num_fields=500)
    except (UnicodeDecodeError, ValueError):
        raise Invalid("the form is not readable: send it from the page") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\x00" in value:
            raise Invalid("the form holds a NUL character: remove it")
        if value.strip():
            found.setdefault(name, []).append(value.strip())
    return found


def way_back(path: str | None) -> str:
    """Where to go after logging in: an address of the console, whatever was asked for."""
    parts = urlsplit(path or "/ui")
    inside = parts.path == "/ui" or parts.path.startswith("/ui/")
    if (
        parts.scheme
        or parts.netloc
        or not inside
        or "\\" in parts.path
        or parts.path.startswith(("/ui/login", "/ui/static"))
    ):
        return "/ui"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def to_login(request: Request) -> str:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = way_back(here if request.method == "GET" else None)
    return "/ui/login" if wanted == "/ui" else f"/ui/login?{urlencode({'next': wanted})}"
