"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.db.conftest import new_tenant, pool, tenant
from tests.learning.house import House

__all__ = ["house", "pool", "tenant"]


@pytest.fixture
async def house(pool: Pool, conn: Connection) -> AsyncIterator[House]:
    made = House(conn, pool, await new_tenant(pool))
    yield made
    await made.close()
