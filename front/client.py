"""The API as a client sees it, with the standard library alone: JSON in and out, and the stream of progress."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

from contracts.errors import Unavailable

TIMEOUT_S = 30.0


class Client:
    """Talks to one address, as whoever `token` belongs to once it is set."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise Unavailable(f"{url} is no address of ours: write http://HOST:PORT", code="bad_url")
        self._host, self._port, self._timeout_s = parts.hostname, parts.port or 80, timeout_s
        self.url, self.token = url, ""

    def get(self, path: str, **query: Any) -> Any:
        """Answer of a GET. Raises: Unavailable with what the API said, unless it answered 2xx."""
        _, answer = self.ask("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)
        return answer

    def post(self, path: str, body: object) -> Any:
        """Answer of a POST. Raises as `get`."""
        _, answer = self.ask("POST", path, body)
        return answer

    def ask(
        self,
        verb: str,
        path: str,
        body: object = None,
        *,
        refusals: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """(status, JSON). Raises: Unavailable when nobody answers, or with a status neither 2xx nor in `refusals`."""
        connection, answer = self._open(verb, path, body, headers or {})
        try:
            said = answer.read()
        except (OSError, HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()
        try:
            decoded = json.loads(said) if said else None
        except ValueError:
            decoded = None
        if answer.status // 100 != 2 and answer.status not in refusals:
            detail = decoded.get("detail") if isinstance(decoded, dict) else None
            raise Unavailable(f"{verb} {path} answered {answer.status}: {detail or said[:300]!r}", code="api_refused")
        return answer.status, decoded

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """(name, data) of each server-sent event, until the stream ends."""
        connection, answer = self._open("GET", path, None, {})
        try:
            name = ""
            for raw in answer:
                field, _, value = raw.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)
        except (OSError, HTTPException) as error:
            raise self._away(error) from error
        finally:
            connection.close()

    def _open(self, verb: str, path: str, body: object, more: Mapping[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        headers = {"Authorization": f"Bearer {self.token}", **more} if self.token else dict(more)
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request(verb, path, None if body is None else json.dumps(body), headers)
            return connection, connection.getresponse()
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._away(error) from error

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"nobody answers at {self.url} ({error or type(error).__name__}): start it with `headwater up`",
            code="no_answer",
        )
