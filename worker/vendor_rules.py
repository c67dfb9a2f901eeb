"""What operators allow a vendor at run time, as one process knows it: read again every two seconds by whoever asks a vendor."""

from __future__ import annotations

import asyncio
from time import monotonic

import asyncpg

from contracts.errors import Unavailable
from contracts.limits import VendorRule
from db import pace
from db.transaction import CONNECTION_ERRORS, DbRole, Pool, transaction

#: For so long what was read is believed, in seconds.
BELIEVED_S = 2.0


class VendorRules:
    """The rules by their names, `vendor` or `vendor.operation`. While the database is away nobody can change them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[str, VendorRule] | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def standing(self) -> dict[str, VendorRule]:
        """All of them. Raises: Unavailable, or what the connection raises, when the database was away from the beginning."""
        if self._known is None or monotonic() >= self._until:
            async with self._lock:
                if self._known is None or monotonic() >= self._until:
                    self._known = await self._read()
                    self._until = monotonic() + BELIEVED_S
        return self._known

    async def _read(self) -> dict[str, VendorRule]:
        try:
            async with transaction(self._pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
                return {rule.name: rule for rule in await pace.rules(tx)}
        except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
            if self._known is None:
                raise
            return self._known
