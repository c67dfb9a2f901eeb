"""Commands that only look write nothing: they answer on a database that refuses writes, as a replica does."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.front.programs import run
from tests.worker.dispatching import dispatcher, emit, probes

LOOKS = ("outbox list", "outbox stats", "runs list --tenant SLUG", "jobs list", "streams list", "tenants list")


@pytest.mark.slow
async def test_commands_that_look_need_no_right_to_write(
    conn: Connection, pool: Pool, tenant: UUID, db_url: str
) -> None:
    # C.05: read replicas for inspection
    await emit(pool, tenant, *probes(2))
    await dispatcher(pool).dispatch_batch()
    await conn.execute(f"ALTER DATABASE {urlsplit(db_url).path[1:]} SET default_transaction_read_only = on")
    refused = run("tenants", "create", "somebody", DATABASE_URL=db_url)
    assert "read-only transaction" in refused.stdout + refused.stderr
    slug = await conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", tenant)
    for words in LOOKS:
        done = run(*words.replace("SLUG", slug).split(), "--json", DATABASE_URL=db_url)
        assert done.returncode == 0, f"{words}: {done.stderr}"
