"""The fixtures of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from db.pool import open_pool
from db.transaction import Pool
from tests.accounts.shop import Shop
from tests.api.server_fixture import HOME, Served, served, settings_of_tests
from tests.conftest import Connection, Databases
from tests.db.conftest import new_tenant, pool  # noqa: F401


@pytest.fixture
async def shop(conn: Connection, pool: Pool) -> Shop:  # noqa: F811
    return Shop(conn, pool, await new_tenant(pool))


@pytest.fixture(scope="module")
def api(databases: Databases, template: str) -> Iterator[Served]:
    """One API for all tests of a module."""
    url = databases.create(template)
    # These workers only register: a slow machine must not take them for dead.
    with served(url, settings_of_tests(worker_dead_after_s=60.0)) as running:
        yield running
    databases.drop(url)


@pytest.fixture
async def home(api: Served) -> AsyncIterator[Shop]:
    """The default tenant of that API, without anything in it."""
    opened = await open_pool(api.database_url, name="tests", size=3)
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "TRUNCATE app.companies, app.skus, app.orders, app.samples, app.triggers, app.alerts, app.runs, app.outbox_events CASCADE"
    )
    yield Shop(connection, opened, api.tenants[HOME].id)
    await connection.close()
    opened.terminate()
