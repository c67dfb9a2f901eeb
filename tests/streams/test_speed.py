"""How fast facts leave for a real NATS server, and what it costs."""

from __future__ import annotations

import resource
import time

import pytest

from tests.streams.house import House

FACTS = 10_000


@pytest.mark.bench
async def test_facts_a_second(real: House) -> None:
    real = real.twin(nats_timeout_s=30.0)
    await real.subscribe()
    await real.conn.execute(
        "INSERT INTO app.outbox_events"
        " (tenant_id, aggregate_type, aggregate_id, type, version, payload, sink, available_at, created_at)"
        " SELECT $1, 'lead', gen_random_uuid(), 'LeadDiscovered', 1,"
        " jsonb_build_object('leadId', gen_random_uuid(), 'enrich', false), 'nats', app.now(), app.now()"
        " FROM generate_series(1, $2::int)",
        real.tenant,
        FACTS,
    )
    await real.conn.execute("ANALYZE app.outbox_events")
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    assert await real.send() == FACTS
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"\n{FACTS / took:,.0f} facts/s, {cpu / FACTS * 1e6:.0f} us of the worker each")
    assert {state for state, *_ in await real.states()} == {"sent"}
    assert FACTS / took > 200
    await real.sink.close()
