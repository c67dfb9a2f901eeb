"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from contracts.events import Probed
from db import outbox
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import Served, api, in_a_thread, served
from tests.conftest import Databases

__all__ = ["api", "emit_probes"]


@pytest.fixture(scope="module")
def shared_api(databases: Databases, template: str) -> Iterator[Served]:
    """One API for all tests of a module that leave it as they found it."""
    url = databases.create(template)
    with served(url) as running:
        yield running
    databases.drop(url)


@pytest.fixture
def emit_probes() -> Callable[[str, UUID, int], None]:
    """Commits that many events of a tenant."""

    def emit(url: str, tenant: UUID, events: int) -> None:
        async def work() -> None:
            pool = await open_pool(url, name="tests", size=1)
            async with transaction(pool, tenant) as tx:
                await outbox.emit_many(tx, tenant, [Probed(probe_id=uuid4()) for _ in range(events)])
            await pool.close()

        in_a_thread(work)

    return emit
