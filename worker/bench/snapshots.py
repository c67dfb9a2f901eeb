"""A session that holds a snapshot, as a backup or a long report does: no row that ends meanwhile can be taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def holding(url: str) -> AsyncIterator[None]:
    """Hold a snapshot of the database `url` from here on."""
    holder = await asyncpg.connect(url)
    try:
        async with holder.transaction(isolation="repeatable_read", readonly=True):
            await holder.fetchval("SELECT 1")
            yield
    finally:
        await holder.close()
