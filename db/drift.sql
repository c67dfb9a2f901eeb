-- lost --
-- Jobs that hold their keys and are delivered by nothing: no row in the queue, no redelivery on its way, for $1 seconds.
SELECT e.tenant_id, e.id, e.job, e.state FROM app.job_executions e
 WHERE e.state IN ('queued', 'waiting') AND e.queued_at < app.now() - $1::float8 * interval '1 second'
   AND NOT EXISTS (SELECT FROM queue.procrastinate_jobs j WHERE j.execution_id = e.id)
   AND NOT EXISTS (SELECT FROM app.outbox_events o WHERE o.tenant_id = e.tenant_id AND o.aggregate_id = e.id)
 LIMIT 20

-- restore --
-- Such a job gets its row in the queue again.
INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)
SELECT e.queue, e.job, e.priority, e.tenant_id, e.id FROM app.job_executions e
 WHERE e.tenant_id = ANY($1::uuid[]) AND e.id = $2 AND e.state = 'queued'
   AND NOT EXISTS (SELECT FROM queue.procrastinate_jobs j WHERE j.execution_id = e.id)
RETURNING tenant_id

-- abandoned --
-- Or one that waits for a redelivery which nobody sent: who it is.
SELECT e.tenant_id, e.correlation_id FROM app.job_executions e WHERE e.tenant_id = ANY($1::uuid[]) AND e.id = $2 AND e.state = 'waiting'
   AND NOT EXISTS (SELECT FROM app.outbox_events o WHERE o.tenant_id = e.tenant_id AND o.aggregate_id = e.id) FOR UPDATE

-- blocked --
-- Ordered deliveries that wait behind one which keeps failing: its event, how many tries, how many wait.
SELECT h.event_id, h.attempts, h.sink, h.aggregate_id, t.slug, (SELECT count(*) FROM app.outbox_events w WHERE w.tenant_id = h.tenant_id AND w.sink = h.sink AND w.sink <> 'queue'
           AND w.ordering_key = h.ordering_key AND w.id > h.id) AS behind
  FROM app.outbox_events h JOIN app.tenants t ON t.id = h.tenant_id WHERE h.ordering_key IS NOT NULL AND h.state = 'failed'
   AND h.created_at < app.now() - $1::float8 * interval '1 second'
   AND EXISTS (SELECT FROM app.outbox_events w WHERE w.tenant_id = h.tenant_id AND w.sink = h.sink AND w.sink <> 'queue' AND w.ordering_key = h.ordering_key AND w.id > h.id)
 ORDER BY h.created_at LIMIT 5

-- behind_their_turn --
-- Events for our own queue that have waited $1 seconds for their turn, behind one of their key that failed: that one, and the job of it that did.
-- With `skip` a failure holds up nobody, with `park` not the last one.
WITH waiting AS MATERIALIZED (
    SELECT o.tenant_id, o.ordering_key, count(*) AS behind, min(o.available_at) AS since FROM app.outbox_events o WHERE o.sink = 'ordered' GROUP BY 1, 2
)
SELECT w.behind, t.event_id, f.attempts, j.id AS job_id, j.job, j.failures, j.given_up, d.id IS NOT NULL AS never_left
  FROM waiting w JOIN app.ordering_turns t ON t.tenant_id = w.tenant_id AND t.ordering_key = w.ordering_key AND t.on_failure <> 'skip'
  LEFT JOIN app.outbox_events f ON f.tenant_id = t.tenant_id AND f.event_id = t.event_id AND f.state = 'failed'
  LEFT JOIN app.dead_letters d ON d.tenant_id = t.tenant_id AND d.event_id = t.event_id AND d.kind = 'event' AND d.resolved_at IS NULL AND t.on_failure = 'block'
  LEFT JOIN LATERAL (
    SELECT e.id, e.job, e.failures, l.id IS NOT NULL AS given_up
      FROM (SELECT x.id FROM app.job_executions x WHERE x.tenant_id = t.tenant_id AND x.event_id = t.event_id
             UNION ALL SELECT a.execution_id FROM app.absorbed_events a WHERE a.tenant_id = t.tenant_id AND a.event_id = t.event_id) made
      JOIN app.job_executions e ON e.tenant_id = t.tenant_id AND e.id = made.id
      LEFT JOIN app.dead_letters l ON l.tenant_id = t.tenant_id AND l.execution_id = e.id AND l.kind = 'job' AND l.resolved_at IS NULL
     WHERE e.failures > 0 AND e.state IN ('queued', 'running', 'waiting') OR l.id IS NOT NULL AND t.on_failure = 'block'
     ORDER BY l.id IS NULL, e.id LIMIT 1) j ON true
 WHERE w.since < app.now() - $1::float8 * interval '1 second' AND (f.event_id IS NOT NULL OR d.id IS NOT NULL OR j.id IS NOT NULL)
 ORDER BY w.since LIMIT 5

-- bloat --
-- Tables with at least $1 dead rows, and more of them than living ones.
SELECT format('%I.%I', s.schemaname, s.relname) AS name, s.n_live_tup AS living, s.n_dead_tup AS dead, pg_table_size(s.relid) AS bytes,
       greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at
  FROM pg_stat_all_tables s WHERE s.schemaname IN ('app', 'queue') AND s.n_dead_tup >= $1::bigint AND s.n_dead_tup > s.n_live_tup
 ORDER BY s.n_dead_tup DESC LIMIT 10

-- broken_indexes --
-- Indexes that no plan may use: one was built concurrently, and failed.
SELECT format('%I.%I', n.nspname, x.relname) AS name FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('app', 'queue') AND NOT (i.indisvalid AND i.indisready) ORDER BY 1

-- indexes --
-- Those that are there.
SELECT i.indexname::text AS name FROM pg_indexes i WHERE i.schemaname IN ('app', 'queue')

-- sizes --
-- Pages of tables, by name.
SELECT c.relname AS name, (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::bigint AS pages FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('app', 'queue') AND c.relkind = 'r'

-- queue_shape --
-- What the schema of the queue is made of, object by object.
SELECT 'table ' || c.relname AS name, md5(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ', ' ORDER BY a.attnum)) AS digest
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'queue'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY c.relname
UNION ALL
SELECT 'function ' || p.proname || '/' || p.pronargs, md5(p.prosrc || coalesce(array_to_string(p.proconfig, ','), '')) FROM pg_proc p WHERE p.pronamespace = 'queue'::regnamespace
UNION ALL
SELECT 'trigger ' || t.tgname, md5(t.tgtype || ' ' || t.tgenabled::text || ' ' || p.proname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_proc p ON p.oid = t.tgfoid WHERE c.relnamespace = 'queue'::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'index ' || i.indexname, md5(i.indexdef) FROM pg_indexes i WHERE i.schemaname = 'queue'
ORDER BY 1

-- policies --
-- What policies a table has.
SELECT quote_ident(p.policyname) AS name FROM pg_policies p WHERE format('%s.%s', p.schemaname, p.tablename) = $1 ORDER BY 1

-- queue_columns --
-- What columns its tables have.
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'queue'::regnamespace AND c.relkind = 'r' GROUP BY c.relname

-- queue_triggers --
-- And which of them a trigger stands on.
SELECT t.tgname AS name, format('%I.%I', n.nspname, c.relname) AS of FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'queue' AND NOT t.tgisinternal
