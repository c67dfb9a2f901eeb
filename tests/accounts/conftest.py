"""The fixtures of these tests."""

from __future__ import annotations

import pytest

from db.transaction import Pool
from tests.accounts.shop import Shop
from tests.conftest import Connection
from tests.db.conftest import new_tenant, pool  # noqa: F401


@pytest.fixture
async def shop(conn: Connection, pool: Pool) -> Shop:  # noqa: F811
    return Shop(conn, pool, await new_tenant(pool))
