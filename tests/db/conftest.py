"""A pool as the product opens it, and a tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from db import tenants
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(db_url, name="headwater test", size=12)
    yield opened
    opened.terminate()


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    return await new_tenant(pool)


async def new_tenant(pool: Pool) -> UUID:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return (await tenants.create(tx, f"t-{uuid4().hex[:12]}", by="tests")).id
