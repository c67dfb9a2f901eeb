"""One connection outside any pool, for what needs a session of its own: migrations, dumps, `doctor`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from contracts.errors import Unavailable
from db import pooler
from db.engines import OLDEST_MAJOR

#: How long to wait for a server that is starting, in seconds.
CONNECT_S = 10.0


@asynccontextmanager
async def direct(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection as the login user, closed on leaving. Waits up to CONNECT_S for a server that is starting.

    Raises: Unavailable when there is none, it refuses us, or it is too old; says the next step.
    """
    connection = await _connect(url)
    try:
        major = connection.get_server_version().major
        if major < OLDEST_MAJOR:
            raise Unavailable(f"PostgreSQL {major} is too old: version {OLDEST_MAJOR} or newer is required")
        yield connection
    finally:
        await connection.close(timeout=5)


async def _connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    deadline = time.monotonic() + CONNECT_S
    settings = {"application_name": "headwater direct", "search_path": "app", "timezone": "UTC"}
    while True:
        try:
            return await asyncpg.connect(timeout=5, **{**pooler.options(url, settings), "statement_cache_size": 0})
        except (
            OSError,
            TimeoutError,
            asyncpg.CannotConnectNowError,
            asyncpg.ConnectionDoesNotExistError,
        ) as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"no Postgres answers ({error or type(error).__name__}): start it, or mend DATABASE_URL"
                ) from error
            await asyncio.sleep(0.2)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise Unavailable(f"the database refuses us ({error}): mend DATABASE_URL") from error
