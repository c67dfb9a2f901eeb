"""The console's own files, read once. Their address holds a hash of what they say, so browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request, Response

from contracts.errors import NotFound

router = APIRouter(prefix="/ui/static", include_in_schema=False)
_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_NAMES = (
    "console.css",
    "console.js",
    "mark.svg",
    "vendor/htmx.min.js",
    "vendor/uPlot.iife.min.js",
    "vendor/uPlot.min.css",
)


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    kind: str
    print: str


@cache
def files() -> dict[str, File]:
    found = {}
    for name in _NAMES:
        body = resources.files("api.ui").joinpath("static", *name.split("/")).read_bytes()
        found[name] = File(body, _KINDS[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:12])
    return found


def address(name: str) -> str:
    """Where a file is served. Raises: KeyError for one there is not."""
    return f"/ui/static/{files()[name].print}/{name}"


@router.get("/{fingerprint}/{name:path}")
async def serve(fingerprint: str, name: str, request: Request) -> Response:
    file = files().get(name)
    if file is None or file.print != fingerprint:
        raise NotFound("there is no such file of the console: load the page again")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{file.print}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.kind, headers=headers)
