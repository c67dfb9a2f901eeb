-- queue_rows --
-- $1 rows of the queue without executions.
INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)
SELECT 'probe', 'probe.run', 0, $2, gen_random_uuid() FROM generate_series(1, $1::int)

-- take_rows --
-- What `queue.fetch` does to the queue's own table, and no more.
UPDATE queue.procrastinate_jobs j SET status = 'doing', worker_id = 1, attempts = j.attempts + 1
 WHERE j.id = ANY(ARRAY(
    SELECT t.id FROM queue.procrastinate_jobs t
     WHERE t.status = 'todo' AND t.queue_name = ANY($2::varchar[]) AND (t.scheduled_at IS NULL OR t.scheduled_at <= app.now())
     ORDER BY t.priority DESC, t.id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING j.id, j.attempts, j.tenant_id, j.execution_id, j.task_name

-- end_rows --
-- What `queue.finish` does to it.
DELETE FROM queue.procrastinate_jobs j
 WHERE j.id = ANY($1::bigint[]) AND j.attempts = ($2::int[])[array_position($1, j.id)] AND j.status <> 'todo'

-- gone --
-- What `outbox.handoff` does to the outbox.
DELETE FROM app.outbox_events o USING unnest($1::tid[]) AS r(place) WHERE o.ctid = r.place

-- kept --
-- The same with history.
WITH gone AS (
    DELETE FROM app.outbox_events o USING unnest($1::tid[]) AS r(place) WHERE o.ctid = r.place RETURNING o.*
)
INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink, priority,
                                attempts, last_error, error_class, routes, created_at, sent_at)
SELECT g.tenant_id, g.id, g.event_id, g.aggregate_type, g.aggregate_id, g.type, g.version, g.payload, g.headers, g.correlation_id, g.sink, g.priority,
       g.attempts, g.last_error, g.error_class, 1, g.created_at, app.now()
  FROM gone g

-- made --
-- The same with executions: one each, of the kind and under the key that the pipeline names.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), gone AS (
    DELETE FROM app.outbox_events o USING unnest($1::tid[]) WITH ORDINALITY AS r(place, nth) WHERE o.ctid = r.place RETURNING o.*, r.nth
), kept AS (
    INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink,
                                    priority, attempts, last_error, error_class, routes, created_at, sent_at)
    SELECT g.tenant_id, g.id, g.event_id, g.aggregate_type, g.aggregate_id, g.type, g.version, g.payload, g.headers, g.correlation_id, g.sink,
           g.priority, g.attempts, g.last_error, g.error_class, 1, g.created_at, c.now
      FROM gone g, clock c
)
INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, priority, payload, event_id, correlation_id, queued_at)
SELECT g.tenant_id, 'probe.run', 'probe', 'once', w.key, 0, w.payload, g.event_id, g.correlation_id, c.now
  FROM clock c, unnest($2::text[], $3::jsonb[]) WITH ORDINALITY AS w(key, payload, nth) JOIN gone g ON g.nth = w.nth
 ORDER BY g.tenant_id, w.key
ON CONFLICT DO NOTHING
