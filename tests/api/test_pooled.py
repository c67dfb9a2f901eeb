"""The API behind PgBouncer in transaction mode: what it serves is the same, and no session is anybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.tenants import Role
from front.recovery.bouncer import Bouncer, installed
from tests.api.server_fixture import ABROAD, HOME, Served, served, serving, settings_of_tests

ASKED = {"channels": ["register"], "queries": ["workwear Johannesburg"], "max_companies": 5}


@pytest.fixture
async def pooled(db_url: str, place: Path) -> AsyncIterator[Served]:
    if installed() is None:
        pytest.skip("pgbouncer is not installed (Debian: apt install pgbouncer): nothing was tried behind it")
    bouncer = Bouncer(place / "pgbouncer", db_url)
    await bouncer.start()
    with served(db_url) as straight:
        settings = settings_of_tests(database_direct_url=db_url)
        with serving(bouncer.url, settings) as (address, app):
            straight.client.base_url = address
            yield Served(address, db_url, app, straight.tenants, straight.keys, straight.client)
    await bouncer.stop()


async def test_the_api_works_behind_a_pooler_and_keeps_tenants_apart(pooled: Served) -> None:
    # C.04 R8 R9
    assert pooled.client.get("/readyz").json()["checks"]["database"]["status"] == "ok"
    owner = {"Authorization": f"Bearer {pooled.login()['accessToken']}"}
    me = pooled.client.get("/v1/auth/me", headers=owner).json()
    assert me["tenantId"] == str(pooled.tenants[HOME].id)

    headers = pooled.as_(Role.OPS) | {"Idempotency-Key": "monday"}
    first, again = [pooled.client.post("/v1/discovery/runs", json=ASKED, headers=headers) for _ in range(2)]
    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert pooled.count("outbox_events") == 1

    run = f"/v1/discovery/runs/{first.json()['id']}"
    for _ in range(30):  # more often than the pooler has sessions: each has served both tenants
        assert pooled.client.get(run, headers=pooled.as_(Role.VIEWER)).status_code == 200
        assert pooled.client.get(run, headers=pooled.as_(Role.OWNER, ABROAD)).status_code == 404
    assert pooled.client.get("/v1/outbox/events", headers=pooled.as_(Role.OPS, ABROAD)).json()["items"] == []
    assert pooled.client.post(f"{run}/cancel", headers=pooled.as_(Role.OPS)).status_code in (200, 202)
    sessions = pooled.rows("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()")
    assert sessions[0]["n"] <= 20
