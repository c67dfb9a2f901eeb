"""What goes elsewhere is read from its front: a backlog of one sink costs those who ask about it no more than an empty one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import outbox, streams, webhooks
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection

BACKLOG = 20_000
_FILL = """
    INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, sink, ordering_key,
                                   available_at, created_at)
    SELECT $1, 'probe', $2, 'Probed', 1, '{}', $3, $4, app.now(), app.now() FROM generate_series(1, $5::int) n"""
_ENDPOINT = """
    INSERT INTO app.webhook_endpoints (tenant_id, url, events, ordering, enabled, created_by)
    VALUES ($1, 'https://example.com/', '{RunCompleted}', 'block', true, 'olga') RETURNING id"""
_SUBSCRIBE = "INSERT INTO app.stream_subscriptions (tenant_id, events, enabled, set_by) VALUES ($1, '{RunCompleted}', true, 'olga')"

ASKED: dict[str, tuple[str, tuple[object, ...], int]] = {
    "stream lease": (streams.SQL["lease"], (50, uuid4(), 30.0), 3 * 50),
    "stream waiting": (streams.SQL["waiting"], (), 1),
    "webhook lease": (webhooks.SQL["lease"], (32, uuid4(), [], 30.0, 8), 3),
    "held back": (outbox.SQL["held_back"], (), 1),
}


def read(plan: dict[str, Any]) -> float:
    """Rows of the outbox that a plan has looked at."""
    own = 0.0
    if plan.get("Relation Name") == "outbox_events" and plan["Node Type"] != "ModifyTable":
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(read(child) for child in plan.get("Plans", []))


@pytest.mark.parametrize("name", ASKED)
async def test_a_backlog_elsewhere_is_read_from_its_front(
    conn: Connection, pool: Pool, tenant: UUID, name: str
) -> None:
    # S2.04
    endpoint = await conn.fetchval(_ENDPOINT, tenant)
    await conn.execute(_SUBSCRIBE, tenant)
    await conn.execute(_FILL, tenant, tenant, "nats", None, BACKLOG)
    await conn.execute(_FILL, tenant, endpoint, "webhook", f"webhook:{endpoint}", BACKLOG)
    await conn.execute(_FILL, tenant, tenant, "ordered", "k", BACKLOG)
    await conn.execute("ANALYZE app.outbox_events")
    query, arguments, most = ASKED[name]
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (said,) = await tx.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", *arguments)
    (plan,) = json.loads(said[0])
    assert 1 <= read(plan["Plan"]) <= most, said[0]


async def test_a_message_with_an_ordering_key_is_leased_too(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # C.05: whoever emits one must not wait for ever
    await conn.execute(_SUBSCRIBE, tenant)
    await conn.execute(_FILL, tenant, tenant, "nats", "k", 2)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        subscriptions, oldest_s = await streams.waiting(tx)
        leased = await streams.lease(tx, batch=10, for_s=30.0)
    assert (subscriptions, len(leased)) == (1, 2)
    assert oldest_s is not None
