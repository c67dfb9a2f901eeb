-- finished --
-- $2 executions that were done before, with the events they came from, spread over tenants and over the day before.
WITH made AS (
    INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, state, token, payload, event_id, queued_at, started_at, finished_at)
    SELECT ($1::uuid[])[1 + n % cardinality($1)], 'probe.run', 'probe', 'once', app.uuidv7()::text, 'done', 1,
           jsonb_build_object('probeId', gen_random_uuid(), 'framed', false), app.uuidv7(), c.at, c.at, c.at
      FROM generate_series(1, $2::int) n, LATERAL (SELECT app.now() - interval '1 day' * n / $2::int AS at) c
    RETURNING tenant_id, event_id, payload, queued_at
)
INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, sink, priority, attempts,
                                routes, created_at, sent_at)
SELECT m.tenant_id, -row_number() OVER (), m.event_id, 'probe', (m.payload->>'probeId')::uuid, 'Probed', 1, m.payload, '{}', 'queue', 0, 0,
       1, m.queued_at, m.queued_at
  FROM made m

-- waiting --
-- $2 events, spread over tenants, due in $3 seconds.
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, available_at, created_at)
SELECT ($1::uuid[])[1 + n % cardinality($1)], 'probe', p.id, 'Probed', 1, jsonb_build_object('probeId', p.id, 'key', '', 'framed', false),
       c.now + $3::float8 * interval '1 second', c.now
  FROM generate_series(1, $2::int) n, LATERAL (SELECT app.uuidv7() AS id WHERE n > 0) p, (SELECT app.now() AS now) c

-- clear --
-- What waits and what stands in the queue goes; what is finished stays.
TRUNCATE app.outbox_events, queue.procrastinate_jobs

-- deaf --
-- No fresh statistics, as in a burst before autovacuum comes round.
ALTER TABLE app.outbox_events SET (autovacuum_enabled = false)

-- deaf_queue --
-- The same for the queue.
ALTER TABLE queue.procrastinate_jobs SET (autovacuum_enabled = false)

-- hearing --
-- As it was.
ALTER TABLE app.outbox_events RESET (autovacuum_enabled)

-- hearing_queue --
-- As it was.
ALTER TABLE queue.procrastinate_jobs RESET (autovacuum_enabled)

-- vacuum --
-- What autovacuum would have done since.
VACUUM (ANALYZE) app.job_executions, app.outbox_history, app.outbox_events, queue.procrastinate_jobs

-- checkpoint --
-- And the checkpointer: what was made in bulk is not to be written while others are measured.
CHECKPOINT
