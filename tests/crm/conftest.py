"""The fixtures of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.crm.house import House, housed
from tests.db.conftest import pool  # noqa: F401
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401


@pytest.fixture
async def house(conn: Connection, pool: Pool, sandbox: RunningSandbox) -> AsyncIterator[House]:  # noqa: F811
    made = await housed(conn, pool, sandbox)
    yield made
    await made.close()
