"""Connections whose other end has gone without a word: half-open. Nobody is told, and who waits for an answer waits for ever.

The kernel finds out about a peer that is gone (see `db.pool.watch_out`). A device in between that answers for it and passes nothing
on is found out by asking the server, over a new connection, whether it works for the transaction that we believe to be in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from db import pooler
from db.lending import LendingPool
from db.sql import load
from db.transaction import CONNECTION_ERRORS, Pool

SQL = load("silence")
#: How often to look, and how long a transaction may stand still before the server is asked about it, in seconds.
EVERY_S, STILL_S = 1.0, 4.0
#: How long a new connection and its answer may take, in seconds.
ASK_S = 5.0
log = structlog.get_logger("db.silence")


class SilenceWatch:
    """Looks at the transactions of `pools`, and breaks off those that the server knows nothing of."""

    def __init__(self, url: str, pools: Sequence[Pool]) -> None:
        self._url = url
        self._pools = [each for each in pools if isinstance(each, LendingPool)]
        #: Connections in a transaction: how many statements they had begun, and since when it has been as many.
        self._seen: dict[Any, tuple[int, float]] = {}
        #: Connections broken off so far.
        self.found = 0

    async def run(self) -> None:
        """Look until cancelled. Behind a pooler the server knows other sessions than we do: there is nothing to ask about."""
        if pooler.split(self._url)[1]:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(EVERY_S)
            if still := self._standing_still():
                with suppress(asyncpg.PostgresError, *CONNECTION_ERRORS):  # the server itself is away: others say so
                    await self.ask(still)

    def _standing_still(self) -> list[Any]:
        now, before = time.monotonic(), self._seen
        self._seen = {}
        for each in [inner for pool in self._pools for inner in pool.in_transactions()]:
            begun = each._protocol.queries_count
            known = before.get(each)
            self._seen[each] = known if known is not None and known[0] == begun else (begun, now)
        return [each for each, (_, since) in self._seen.items() if now - since >= STILL_S]

    async def ask(self, still: Sequence[Any]) -> None:
        """Break off those of `still` that the server does not work for. Raises: what connecting raises."""
        # One that closes meanwhile has no protocol any more.
        asked = {each: (each.get_server_pid(), each._protocol.queries_count) for each in still if not each.is_closed()}
        settings = {"application_name": "headwater silence watch"}
        fresh = await asyncpg.connect(timeout=ASK_S, command_timeout=ASK_S, **pooler.options(self._url, settings))
        try:
            at_work = {row["pid"] for row in await fresh.fetch(SQL["at_work"], [pid for pid, _ in asked.values()])}
        finally:
            fresh.terminate()
        # An answer may have come meanwhile: to a process that was busy, all looks silent.
        silent = [
            each
            for each, (pid, begun) in asked.items()
            if pid not in at_work and not each.is_closed() and each._protocol.queries_count == begun
        ]
        for each in silent:
            each.terminate()
        if silent:
            self.found += len(silent)
            log.warning("silent_connections_broken_off", connections=len(silent))
            for pool in self._pools:
                pool.suspect()
