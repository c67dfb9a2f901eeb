"""The one table from errors to answers: RFC 9457 problem documents, `application/problem+json`."""

from __future__ import annotations

import math
import re
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException

from contracts import errors
from contracts.misfits import in_words
from db.transaction import CONNECTION_ERRORS

STATUSES: dict[type[BaseException], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Throttled: 429,
    errors.Rejected: 400,
    errors.TryLater: 503,
    errors.Hopeless: 502,
}
#: What Postgres refuses although time alone will mend it: deadlock, lost race, lock not had, no room, going down.
PASSING_SQLSTATES = ("40", "53", "55", "57", "08")
#: Doors whose answers carry `success`, `error` and `runId` beside the problem's members (R22).
JOB_DOORS = ("/api/jobs", "/admin")
#: Ours, because Python renames some of them from version to version.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
_CODES = {404: "not_found", 405: "method_not_allowed"}

log = structlog.get_logger("api.errors")


class SlowBody(errors.Invalid):
    code = "body_timeout"


class Busy(errors.Unavailable):
    code = "busy"


class LongAddress(errors.TooLarge):
    code = "address_too_long"


class LargeHeaders(errors.TooLarge):
    code = "headers_too_large"


class JobFailed(errors.HeadwaterError):
    """What a job door was asked to do was done, and failed: told as 500, for schedulers that know no other word (R21)."""

    code = "run_failed"


class Problem(BaseModel):
    """A problem document. `code` is stable; `detail` says what to do next."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:headwater:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no such run"])
    code: str = Field(examples=["not_found"])
    request_id: str | None = Field(default=None, examples=["0199a3c2-7c1e-7d3a-9a51-0d6b7c1f2e3d"])


class JobProblem(Problem):
    """The same with what job doors add."""

    success: bool = Field(default=False, examples=[False])
    error: str = Field(examples=["the runner is disabled"])
    runId: str | None = None  # noqa: N815  the documents' spelling (R22)


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def status_of(error: BaseException) -> int:
    """The HTTP status of any error; 500 for what is not in the table."""
    table: dict[type, int] = {LongAddress: 414, LargeHeaders: 431, JobFailed: 500, **STATUSES}
    return next((table[kind] for kind in type(error).__mro__ if kind in table), 500)


def answer(request: Request, error: BaseException) -> ProblemResponse:
    """Turn any error into its answer, and log what an operator has to know."""
    if isinstance(error, HTTPException):
        return _of_framework(request, error)
    known = _known(error)
    status = status_of(known)
    if status == 500 and not isinstance(known, JobFailed):
        log.error("request_failed", exc_info=error)
        return _document(request, 500, "internal", "something broke on our side; tell us the request_id")
    if status >= 502:
        log.warning("request_refused", code=known.code, error=str(known), cause=repr(error))
    headers = {}
    after_s = getattr(known, "after_s", None)
    if after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(after_s)))
    if isinstance(known, errors.TooLarge | SlowBody | Busy):
        # The rest of the body may still be under way: nothing more is read from this connection.
        headers["Connection"] = "close"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _document(request, status, known.code, known.detail, known.members, headers)


def _known(error: BaseException) -> errors.HeadwaterError:
    """Our own error for one of another's; the same back when nobody has met it before."""
    if isinstance(error, errors.HeadwaterError):
        return error
    if isinstance(error, RequestValidationError):
        return _misfit(error)
    if isinstance(error, (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)):
        return errors.Invalid("the request holds characters that text may not have, such as NUL: remove them")
    away = isinstance(error, CONNECTION_ERRORS)
    if away or (isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in PASSING_SQLSTATES):
        return errors.Unavailable("the database does not answer at the moment: try again", after_s=1)
    return _Bug(str(error))


class _Bug(errors.HeadwaterError):
    code = "internal"


def _where(error: Any) -> str:
    # The place of a JSON error is a character's number, which the message names.
    parts = error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]
    return ".".join(str(part)[:100] for part in parts)[:300]


def _misfit(error: RequestValidationError) -> errors.Invalid:
    """What does not fit, without repeating what was sent: it may be a password."""
    found = [{"where": _where(e), "message": in_words(e)[:500]} for e in error.errors()[:20]]
    detail = "; ".join(f"{e['where']}: {e['message']}" for e in found[:3]) or "the request does not make sense"
    if found and found[0]["where"] == "body" and isinstance(error.body, bytes):
        detail = "send the body as JSON, with the header Content-Type: application/json"
    return errors.Invalid(detail, errors=found)


def _of_framework(request: Request, error: HTTPException) -> ProblemResponse:
    status = error.status_code
    code = _CODES.get(status, "invalid_request" if status < 500 else "internal")
    detail = {
        404: f"there is nothing at {_shown_path(request)}; GET /openapi.json lists what there is",
        405: f"{request.method} is not for {_shown_path(request)}; see the Allow header",
    }.get(status, str(error.detail))
    return _document(request, status, code, detail, headers=dict(error.headers or {}))


def _shown_path(request: Request) -> str:
    return re.sub(r"[^!-~]", "?", request.url.path)[:200]


def _document(
    request: Request,
    status: int,
    code: str,
    detail: str,
    members: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    extra = dict(to_jsonable_python(members or {}, fallback=str))
    body: dict[str, Any] = {
        **extra,
        "type": f"urn:headwater:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": getattr(request.state, "request_id", None),
    }
    if request.url.path.startswith(JOB_DOORS):
        run_id = extra.get("run_id") or getattr(request.state, "run_id", None)
        body |= {"success": False, "error": detail} | ({"runId": str(run_id)} if run_id else {})
    return ProblemResponse(body, status, headers)


def install(app: FastAPI) -> None:
    """Let the framework's own refusals and ours leave as problem documents."""

    async def handle(request: Request, error: Exception) -> ProblemResponse:
        return answer(request, error)

    for kind in (errors.HeadwaterError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


_EXAMPLES = {
    400: ("invalid_request", "body.limit: Input should be less than or equal to 1000"),
    401: ("unauthenticated", "send Authorization: Bearer <access token or API key>"),
    403: ("forbidden", "this needs the role ops; you are viewer"),
    404: ("not_found", "there is no such thing"),
    409: ("conflict", "it clashes with what is already there"),
    413: ("body_too_large", "the body has more than 1048576 bytes: send less"),
    414: ("address_too_long", "the address has more than 65535 bytes: send less"),
    429: ("throttled", "too many failed logins: wait, then try again"),
    500: ("internal", "something broke on our side; tell us the request_id"),
    502: ("hopeless", "an operator must act"),
    503: ("unavailable", "the database does not answer at the moment: try again"),
}


def problems(*statuses: int, job_door: bool = False) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: what each refusal looks like, with an example."""
    return {
        status: {
            "model": JobProblem if job_door else Problem,
            "description": TITLES[status],
            "content": {"application/problem+json": {"example": _example(status, job_door)}},
        }
        for status in statuses
    }


def _example(status: int, job_door: bool) -> dict[str, Any]:
    code, detail = _EXAMPLES[status]
    shown = {
        "type": f"urn:headwater:problem:{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "0199a3c2-7c1e-7d3a-9a51-0d6b7c1f2e3d",
    }
    return {**shown, "success": False, "error": detail} if job_door else shown
