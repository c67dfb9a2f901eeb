-- list --
-- Newest first. Looks at $3 rows a tenant at most; `edge` is how far it got, the next page starts there. `IS TRUE` hides a bound from the index:
-- the planner would expect few rows between two, and leave the indexes of runs and events for it.
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT e.tenant_id, e.id, e.job, e.queue, e.key, e.state, e.token, e.failures, e.crashes, e.event_id, e.correlation_id, e.run_id,
               e.cancel_requested_at, e.error, e.error_class, e.queued_at, e.started_at, e.finished_at, row_number() OVER (ORDER BY e.id DESC) AS nth
          FROM app.job_executions e
         WHERE e.tenant_id = t.tenant_id AND e.id < $2::uuid AND (e.id >= $9::uuid) IS TRUE /* path */
         ORDER BY e.id DESC LIMIT $3::bigint) s
), edge AS (
    SELECT (SELECT l.id FROM looked l WHERE l.nth = $3 ORDER BY l.id DESC LIMIT 1) AS id
)
SELECT e.id AS edge_id, r.* FROM edge e LEFT JOIN LATERAL (
    SELECT l.* FROM looked l
     WHERE (e.id IS NULL OR l.id >= e.id) AND ($5::text IS NULL OR l.job = $5) AND ($6::text[] IS NULL OR l.state = ANY($6))
       AND ($7::uuid IS NULL OR l.run_id = $7) AND ($8::uuid IS NULL OR l.event_id = $8)
     ORDER BY l.id DESC LIMIT $4) r ON true
 ORDER BY r.id DESC

-- dead_letters --
-- Unanswered dead letters, newest first; looks and pages as `list` does.
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.id, d.kind, d.name, d.event_id, d.execution_id, d.attempts, d.error_class, d.error, d.correlation_id, d.created_at,
               row_number() OVER (ORDER BY d.id DESC) AS nth
          FROM app.dead_letters d
         WHERE d.tenant_id = t.tenant_id AND d.resolved_at IS NULL AND d.id < $2::uuid
         ORDER BY d.id DESC LIMIT $3::bigint) s
), edge AS (
    SELECT (SELECT l.id FROM looked l WHERE l.nth = $3 ORDER BY l.id DESC LIMIT 1) AS id
)
SELECT e.id AS edge_id, r.* FROM edge e LEFT JOIN LATERAL (
    SELECT l.* FROM looked l WHERE (e.id IS NULL OR l.id >= e.id) AND ($5::text IS NULL OR l.kind = $5) ORDER BY l.id DESC LIMIT $4) r ON true
 ORDER BY r.id DESC

-- show --
-- One execution of whoever may be seen.
SELECT e.* FROM unnest($1::uuid[]) AS t(tenant_id) JOIN app.job_executions e ON e.tenant_id = t.tenant_id AND e.id = $2

-- led_to --
-- The executions an event made or was absorbed by, of whoever may be seen; more than a few are not told apart.
SELECT e.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
    SELECT m.* FROM app.job_executions m WHERE m.tenant_id = t.tenant_id AND m.event_id = $2
    UNION ALL
    SELECT m.* FROM app.absorbed_events a JOIN app.job_executions m ON m.tenant_id = a.tenant_id AND m.id = a.execution_id
     WHERE a.tenant_id = t.tenant_id AND a.event_id = $2) e
 LIMIT 5

-- absorbed_by --
-- How many events an execution has absorbed.
SELECT count(*) FROM app.absorbed_events a WHERE a.tenant_id = $1 AND a.execution_id = $2

-- caused --
-- The executions an event made, was absorbed by, or (a redelivery, $3) delivered again.
SELECT 'made' AS link, e.* FROM app.job_executions e WHERE e.tenant_id = $1 AND e.event_id = $2
UNION ALL
SELECT 'absorbed', e.* FROM app.absorbed_events a JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
 WHERE a.tenant_id = $1 AND a.event_id = $2
UNION ALL
SELECT 'redelivered', e.* FROM app.job_executions e WHERE e.tenant_id = $1 AND e.id = $3::uuid
 ORDER BY queued_at, id LIMIT 200

-- attempts --
-- Attempts of these executions that did not end in done, oldest first.
SELECT execution_id, token, outcome, error_class, error, traceback, started_at, ended_at, retry_at, fenced_at
  FROM app.job_attempts WHERE tenant_id = $1 AND execution_id = ANY($2::uuid[]) ORDER BY execution_id, token LIMIT 1000

-- vendor_calls --
-- What these executions asked of vendors, oldest first.
SELECT c.id, c.execution_id, c.vendor, c.operation, c.state, c.billable, c.units_reserved, c.units_spent, c.error, c.sent_at, c.settled_at,
       (SELECT count(*) FROM app.vendor_items i WHERE i.tenant_id = c.tenant_id AND i.call_id = c.id) AS items
  FROM app.vendor_calls c WHERE c.tenant_id = $1 AND c.execution_id = ANY($2::uuid[]) ORDER BY c.sent_at, c.id LIMIT 1000

-- records --
-- What one page of one slice left behind: records by status, and the leads they led to.
SELECT r.status, count(*) AS count, (array_agg(DISTINCT r.lead_id) FILTER (WHERE r.lead_id IS NOT NULL))[1:20] AS lead_ids,
       count(DISTINCT r.lead_id) AS leads
  FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.slice_id = $3 AND r.page = $4 GROUP BY r.status ORDER BY r.status

-- slices --
-- The slices of a run, by state.
SELECT s.state AS status, count(*) AS count, (array_agg(s.id ORDER BY s.ordinal))[1:20] AS ids
  FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2 GROUP BY s.state ORDER BY s.state

-- dismiss --
-- Open dead letters of an event or a job ($2) are answered: nobody tries again.
UPDATE app.dead_letters d SET resolved_at = app.now(), resolution = 'dismissed', resolved_by = left($3, 200)
 WHERE d.tenant_id = ANY($1::uuid[]) AND (d.event_id = $2 OR d.execution_id = $2) AND d.resolved_at IS NULL
RETURNING d.tenant_id, d.kind, d.name, d.correlation_id
