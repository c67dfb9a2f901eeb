"""Behind a pooler in transaction mode (PgBouncer): its server sessions are everybody's, so nothing of ours may stand in one.

A URL says so itself, with `pgbouncer=true` among its parameters. Connections of such a URL keep no prepared statements, and send
what else is set once a session with each transaction, as SET LOCAL. A single statement becomes a transaction for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from db import faults
from db.lending import OWED

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

#: The parameter of a URL that says what stands before the server.
PARAMETER = "pgbouncer"
#: What a pooler keeps for its clients by itself, so that it may stand in the first packet; it refuses all else.
KEPT = ("application_name", "timezone")
_OPENS = re.compile(rf"(?:{re.escape(OWED)})?BEGIN(?: READ ONLY)?;?", re.IGNORECASE)


def split(url: str) -> tuple[str, bool]:
    """The URL as the driver takes it, and whether a pooler stands before its server."""
    parts = urlsplit(url)
    said = parse_qsl(parts.query, keep_blank_values=True)
    pooled = any(name == PARAMETER and value.lower() in ("true", "1", "yes") for name, value in said)
    if not any(name == PARAMETER for name, _ in said):
        return url, False
    left = [(name, value) for name, value in said if name != PARAMETER]
    return urlunsplit(parts._replace(query=urlencode(left))), pooled


def options(url: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """`dsn`, `server_settings`, `connection_class` and `statement_cache_size` of a connection with these settings."""
    dsn, pooled = split(url)
    if not pooled:
        return {"dsn": dsn, "server_settings": dict(settings), "connection_class": faults.connection_class()}
    return {
        "dsn": dsn,
        "server_settings": {name: settings[name] for name in KEPT if name in settings},
        "connection_class": _kind(tuple((name, value) for name, value in settings.items() if name not in KEPT)),
        "statement_cache_size": 0,
    }


@lru_cache(maxsize=64)
def _kind(settings: tuple[tuple[str, str], ...]) -> type[Connection]:
    local = "".join(
        f" SET LOCAL {name} = '{value}';" if name != "search_path" else _path(value) for name, value in settings
    )
    return cast(
        "type[Connection]",
        type("PooledConnection", (_Pooled, faults.connection_class()), {"__slots__": (), "local": local}),
    )


def _path(value: str) -> str:
    return f" SET LOCAL search_path = {value};"


class _Pooled:
    """Over asyncpg's connection, or the one with fault points. `local` is what each transaction begins with."""

    __slots__ = ()
    local: str

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """As asyncpg's; a transaction that it opens has our settings."""
        opens = None if args else _OPENS.match(query)
        if opens is not None:
            opening = opens[0] if opens[0].endswith(";") else opens[0] + ";"
            query = opening + self.local + query[opens.end() :]
        return await super().execute(query, *args, timeout=timeout)  # type: ignore[misc,no-any-return]

    async def _execute(self, query: str, *args: Any, **named: Any) -> Any:
        run = super()._execute  # type: ignore[misc]
        this = cast("Connection", self)
        if this.is_in_transaction():
            return await run(query, *args, **named)
        await this.execute("BEGIN")
        try:
            done = await run(query, *args, **named)
        except BaseException:
            with suppress(Exception):  # the error that led here is the one to be heard
                await this.execute("ROLLBACK", timeout=5)
            raise
        await this.execute("COMMIT")
        return done
