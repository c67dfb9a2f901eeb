"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.db.conftest import pool, tenant
from tests.enrichment.house import House
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server

__all__ = ["house", "pool", "sandbox", "sandbox_server", "tenant"]


@pytest.fixture
async def house(conn: Connection, pool: Pool, tenant: UUID, sandbox: RunningSandbox) -> AsyncIterator[House]:
    made = House(conn, pool, tenant, sandbox)
    yield made
    await made.close()
