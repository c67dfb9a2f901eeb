"""Connections of the delivery side: a pool that acts as the system role, and connections that outlive an absent server."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, cast

import asyncpg

from contracts.errors import Unavailable
from db import pooler
from db.lending import LendingPool
from db.pool import open_pool
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, Tx

#: How long to wait for a server that is away before an ordinary call gives up, in seconds.
PATIENCE_S = 300.0
#: How long one statement on deliveries may take, in seconds; one that takes longer is asked on a connection with nobody behind it.
STATEMENT_S = 8.0
#: How many statements may run on one plan.
REPLAN_EVERY = 50
#: What a server that is away, comes up or has no room looks like: nothing was sent yet, so wait.
AWAY = (*CONNECTION_ERRORS, asyncpg.TooManyConnectionsError, asyncpg.InternalClientError)
#: Plans made on an empty table must not become sequential scans of a full one (H12).
SESSION = {
    "role": DbRole.SYSTEM.value,
    "search_path": "queue,app,pg_catalog",
    "timezone": "UTC",
    "enable_seqscan": "off",
    "jit": "off",
    # A handful of statements, run thousands of times a second: planning each anew costs as much as running it.
    "plan_cache_mode": "force_generic_plan",
}


async def open_queue_pool(
    url: str, *, name: str = "headwater queue", size: int = 4, command_timeout_s: float = STATEMENT_S
) -> Pool:
    """The worker's pool for deliveries: system role, schema `queue`, each statement its own transaction.

    Raises: Unavailable when the server does not answer.
    """
    return await open_pool(
        url,
        name=name,
        size=size,
        command_timeout_s=command_timeout_s,
        idle_in_transaction_s=3,
        settings=SESSION,
    )


async def connect(url: str, *, name: str, timeout_s: float = 5.0) -> asyncpg.Connection[asyncpg.Record]:
    """One direct connection of the same kind, for LISTEN and heartbeats."""
    settings = {**SESSION, "application_name": name}
    return await asyncpg.connect(timeout=timeout_s, command_timeout=timeout_s, **pooler.options(url, settings))


async def acquire(pool: Pool, patience_s: float = PATIENCE_S) -> Tx:
    """Take a connection, waiting for a server that is away: nothing was sent yet, so trying again is safe.

    Raises: Unavailable after `patience_s` seconds.
    """
    deadline = time.monotonic() + patience_s
    pause = 0.05
    while True:
        try:
            return await pool.acquire(timeout=10)
        except AWAY as error:
            if time.monotonic() + pause > deadline or pool.is_closing():
                raise Unavailable(
                    f"the database has not answered for {patience_s:.0f} s ({error}); check that it runs",
                    after_s=5,
                ) from error
        await asyncio.sleep(jittered(pause))
        pause = min(2.0, pause * 2)


def jittered(pause_s: float) -> float:
    """Between half of it and all of it, so that workers do not come back in step."""
    return random.uniform(pause_s / 2, pause_s)  # noqa: S311


class Line:
    """One connection kept from a pool for a stream of single statements; replaced once it breaks.

    Plans are kept too, but not for long: one made when a table was empty is quadratic once it is full (H12).
    """

    def __init__(self, pool: Pool, patience_s: float = PATIENCE_S) -> None:
        self._pool = pool
        self._patience_s = patience_s
        self._kept: Tx | None = None
        self._uses = 0

    async def take(self) -> Tx:
        """The connection, freshly acquired if need be. Raises: Unavailable."""
        if self._kept is None or _broken(self._kept):
            await self.give_back()
            self._kept = await acquire(self._pool, self._patience_s)
        self._uses += 1
        if self._uses % REPLAN_EVERY == 0:
            await self._kept.execute("DISCARD PLANS")
        return self._kept

    async def cut(self, error: BaseException | None = None) -> None:
        """Throw the connection away: its state is unknown after an error. One that was too slow casts suspicion on the others."""
        if isinstance(error, TimeoutError) and isinstance(self._pool, LendingPool):
            self._pool.suspect()
        if self._kept is not None and not _broken(self._kept):
            self._kept.terminate()
        await self.give_back()

    async def give_back(self) -> None:
        """Return the connection to the pool."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await self._pool.release(cast("Any", kept), timeout=5)


def _broken(connection: Tx) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool takes a connection that breaks away from its holder, who may then not even ask.
        return True
