"""The fixtures of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.db.conftest import pool  # noqa: F401
from tests.nightly.house import NightHouse, night_house
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401


@pytest.fixture
async def house(conn: Connection, pool: Pool, sandbox: RunningSandbox) -> AsyncIterator[NightHouse]:  # noqa: F811
    made = await night_house(conn, pool, sandbox)
    yield made
    await made.close()
