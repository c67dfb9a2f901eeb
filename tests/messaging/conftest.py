"""The fixtures of these tests."""

from __future__ import annotations

from uuid import UUID

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.db.conftest import pool, tenant  # noqa: F401
from tests.messaging.house import House
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401


@pytest.fixture
def house(conn: Connection, pool: Pool, tenant: UUID, sandbox: RunningSandbox) -> House:  # noqa: F811
    return House(conn, pool, tenant, sandbox)
