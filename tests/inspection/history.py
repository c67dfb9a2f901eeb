"""A long history, written set-based: `rows` sent events with their executions, over 60 days and 21 tenants."""

from __future__ import annotations

import asyncpg

#: Half of everything is the big tenant's; of its events, one in a thousand is a RunFinished and one in 5,000 failed once.
BIG = "00000000-0000-7000-8000-00000000b160"

_TENANTS = f"""
INSERT INTO app.tenants (id, slug, name) SELECT '{BIG}', 'big', 'Big'
UNION ALL SELECT app.uuidv7(), 'small-' || n, 'Small ' || n FROM generate_series(1, 20) n
"""
_PARTITIONS = """
SELECT app.make_month(m::date)
  FROM generate_series(date_trunc('month', app.now() - interval '60 days'), app.now(), interval '1 month') m
"""
_EVENTS = """
CREATE UNLOGGED TABLE told AS
SELECT CASE WHEN n % 2 = 0 THEN $1::uuid ELSE small.ids[1 + (n / 2) % 20] END AS tenant_id, n AS id,
       gen_random_uuid() AS event_id, gen_random_uuid() AS probe_id, md5((n / 50)::text)::uuid AS correlation_id,
       CASE WHEN n % 2000 = 0 THEN 'RunFinished' WHEN n % 20 = 0 THEN 'SliceReady' ELSE 'Probed' END AS type,
       CASE WHEN n % 10000 = 0 THEN 'bad_payload' END AS error_class,
       app.now() - interval '60 days' + n * (interval '60 days' / $2::float8) AS at
  FROM generate_series(1, $2::int) n, (SELECT array_agg(id) AS ids FROM app.tenants WHERE slug LIKE 'small-%') small
"""
_HISTORY = """
INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                correlation_id, sink, priority, attempts, last_error, error_class, routes, created_at, sent_at)
SELECT tenant_id, id, event_id, 'probe', probe_id, type, 1, '{"probeId": "x"}', '{}',
       correlation_id, 'queue', 0, 0, error_class, error_class, 1, at, at + interval '5 ms' FROM told ORDER BY id
"""
# Ids as uuidv7 would have made them at the time.
_EXECUTIONS = """
INSERT INTO app.job_executions (tenant_id, id, job, queue, scope, key, state, payload, event_id, correlation_id, run_id,
                                queued_at, started_at, finished_at)
SELECT tenant_id, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(id::text), 1, 3)
       || '8' || substr(md5(id::text), 4, 15))::uuid, 'probe.run', 'probe', 'once', 'probe.run:' || probe_id,
       CASE WHEN id % 5000 = 0 THEN 'dead' ELSE 'done' END, '{}', event_id, correlation_id, correlation_id, at, at, at
  FROM told ORDER BY id
"""
_LETTERS = """
INSERT INTO app.dead_letters (tenant_id, kind, event_id, execution_id, name, attempts, error_class, error, created_at)
SELECT tenant_id, 'job', event_id, id, job, 3, 'bad_answer', 'HTML', finished_at FROM app.job_executions WHERE state = 'dead'
"""
_WAITING = """
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, state, available_at, created_at,
                               attempts, error_class)
SELECT $1, 'probe', gen_random_uuid(), 'Probed', 1, '{}', CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'pending' END,
       app.now(), app.now(), 0, CASE WHEN n % 100 = 0 THEN 'bad_payload' END FROM generate_series(1, 5000) n
"""


async def write(url: str, rows: int) -> None:
    """Fill a fresh database. About 25 s a million."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off; SET work_mem = '256MB'")
        await connection.execute(_TENANTS)
        await connection.execute(_PARTITIONS)
        await connection.execute(_EVENTS, BIG, rows)
        await connection.execute(_HISTORY)
        await connection.execute(_EXECUTIONS)
        await connection.execute(_LETTERS)
        await connection.execute("DROP TABLE told")
        await connection.execute(_WAITING, BIG)
    finally:
        await connection.close()


async def analyze(url: str) -> None:
    """What autovacuum does in time; the tests' server has none."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
