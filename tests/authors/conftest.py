"""Pools on a fresh database, as the queue's tests have them, and the tenant whose jobs these are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Connection
from tests.queue.conftest import pool, queue_pool  # noqa: F401
from tests.queue.seeding import TENANT


@pytest.fixture
async def conn(db_url: str) -> AsyncIterator[Connection]:
    """A connection as the login user; the tenant stands in the directory, so that what is audited has one."""
    connection = await asyncpg.connect(db_url)
    await connection.execute("INSERT INTO app.tenants (id, slug, name) VALUES ($1, 'mine', 'Mine')", TENANT)
    yield connection
    await connection.close()
