"""The fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from db.transaction import Pool
from tests.alerting.house import SIGNING_KEY, House
from tests.api.server_fixture import api, settings_of_tests  # noqa: F401
from tests.conftest import Connection
from tests.db.conftest import pool, tenant  # noqa: F401
from tests.exchange.receiver import Receiver, receiving
from tests.providers.sandbox_fixture import sandbox, sandbox_server  # noqa: F401


@pytest.fixture
async def house(pool: Pool, conn: Connection, tenant: UUID) -> House:  # noqa: F811 - the fixtures above
    settings = settings_of_tests(
        webhook_signing_key=SIGNING_KEY, webhook_allow_loopback=True, webhook_timeout_s=5.0, dispatch_tenant_buffer=0
    )
    slug = await conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", tenant)
    made = House(pool, conn, tenant, slug, settings)
    await made.shift(0)
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made
