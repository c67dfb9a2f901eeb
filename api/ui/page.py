"""A page and its JSON twin; what surrounds every page: empty filters, refusals as pages, headers, cookies."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from api import errors
from api.ui import ledger, nav, next_steps, session, static_files, words
from api.ui.session import Seat
from contracts.errors import Unauthenticated
from contracts.tenants import Role

Asked = TypeVar("Asked", bound=BaseModel)
#: Of a long listing on one page.
ROWS = 25
#: No script, style, font or frame but our own files.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    # With no-referrer a browser would send forms with `Origin: null`.
    "referrer-policy": "same-origin",
}


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("api.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # every inclusion would look at its file
    )
    made.filters |= words.FILTERS
    made.globals |= {"menu_of": nav.seen_by, "static": static_files.address, "words": words, "ledger": ledger}
    return made


class PageRoute(APIRoute):
    """Of the query, empty filters are nobody's wish and `format` is about the answer. What is refused leaves as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            _read_query(request)
            try:
                response = await inner(request)
            except Exception as error:
                response = _refused(request, error)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            session.set_cookies(request, response)
            return response

        return handle


def _read_query(request: Request) -> None:
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    chosen = {value for name, value in pairs if name == "format"}
    request.state.as_json = "json" in chosen or request.headers.get("accept", "").startswith("application/json")
    kept = [(name, value.strip()) for name, value in pairs if value.strip() and name != "format"]
    request.scope["query_string"] = urlencode(kept).encode("ascii")


def address(request: Request, **changes: object) -> str:
    """This page with other filters; None takes one away."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in changes]
    kept += [(k, str(v)) for k, v in changes.items() if v is not None]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def short(asked: Asked) -> Asked:
    """A query of the API as a page of the console asks it: for ROWS rows, unless it says for how many."""
    return asked if "limit" in asked.model_fields_set else asked.model_copy(update={"limit": ROWS})


def show(seat: Seat, template: str, data: Mapping[str, Any], *, status: int = 200, **more: Any) -> Response:
    """The page of `data`, which is its JSON twin; `more` is only for the eye."""
    request = seat.request
    if request.state.as_json:
        return JSONResponse(to_jsonable_python(dict(data), by_alias=True), status)
    page = environment().get_template(template)
    text = page.render(
        seat=seat, here=request.url.path, query=request.query_params, url=lambda **c: address(request, **c),
        said=session.said(request), live=request.headers.get("hx-request") == "true", **data, **more,
    )  # fmt: skip
    return HTMLResponse(text, status)


def part(seat: Seat, template: str, data: Mapping[str, Any]) -> Markup:
    """A piece of a page that does not depend on who reads it: whoever asks together (`Seat.shared`) gets one rendering of it.

    It knows `data`, `query` and `url`, and no seat.
    """
    request = seat.request
    piece = environment().get_template(template)
    return Markup(piece.render(query=request.query_params, url=lambda **c: address(request, **c), **data))  # noqa: S704


def bare(template: str, *, status: int = 200, **data: Any) -> Response:
    """A page for whoever is not logged in."""
    return HTMLResponse(environment().get_template(template).render(**data), status)


def onward(path: str, request: Request, words: str | None = None) -> Response:
    """After a form: to the page that shows what came of it, with a sentence."""
    if words:
        session.say(request, words)
    return RedirectResponse(path, 303)


def _refused(request: Request, error: Exception) -> Response:
    """The API's own refusal: JSON for the twin, the way to the login for a stranger, else a page saying what to do next."""
    problem = errors.answer(request, error)
    if request.state.as_json:
        return problem
    if isinstance(error, Unauthenticated):
        return _to_login(request)
    body = json.loads(bytes(problem.body))
    seat: Seat | None = getattr(request.state, "seat", None)
    kept = {name: value for name, value in problem.headers.items() if name in ("retry-after", "connection", "allow")}
    if seat is None:
        follows = next_steps.after(body["code"], problem.status_code, Role.VIEWER)
        answer = bare("stranger.html", status=problem.status_code, problem=body, next=follows)
    else:
        follows = next_steps.after(body["code"], problem.status_code, seat.principal.role)
        more = {"next": follows, "back": _back(request)}
        answer = show(seat, "problem.html", {"problem": body}, status=problem.status_code, **more)
    answer.headers.update(kept)
    return answer


def _back(request: Request) -> str:
    """The page a form was on, as the browser says; else an id's own page, or its list."""
    if request.method != "POST":
        return "/ui"
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host"):
        return request.url.path.rpartition("/")[0]
    return session.way_back(f"{came.path}?{came.query}" if came.query else came.path)


def _to_login(request: Request) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": "/ui/login"})
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        # Strict cookies do not come along from another site's link; they do when our own page asks again.
        return bare("again.html", path=session.way_back(str(request.url.path) + "?" + request.url.query))
    session.forget(request)
    return RedirectResponse(session.to_login(request), 303)
