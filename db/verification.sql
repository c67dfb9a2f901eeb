-- roomy --
-- Large windows are joined by hash: more room for the tables, until the transaction ends.
SELECT set_config('work_mem', '128MB', true)

-- handoffs --
-- Sent events of a window against the executions they made and those that absorbed them: one statement, one snapshot.
WITH sent AS MATERIALIZED (
    SELECT h.tenant_id, h.event_id, max(h.type) AS type, max(h.routes) AS routes, count(*) AS times
      FROM app.outbox_history h
     WHERE h.created_at >= $2::timestamptz AND h.created_at < $3::timestamptz AND h.sink = 'queue'
       AND ($1::uuid IS NULL OR h.tenant_id = $1) /* history */
     GROUP BY h.tenant_id, h.event_id
), made AS (
    SELECT e.tenant_id, e.event_id, count(*) AS n FROM sent s JOIN app.job_executions e ON e.tenant_id = s.tenant_id AND e.event_id = s.event_id
     GROUP BY e.tenant_id, e.event_id
), absorbed AS (
    SELECT a.tenant_id, a.event_id, count(*) AS n FROM sent s JOIN app.absorbed_events a ON a.tenant_id = s.tenant_id AND a.event_id = s.event_id
     GROUP BY a.tenant_id, a.event_id
), judged AS MATERIALIZED (
    SELECT s.tenant_id, s.event_id, s.type, s.routes, s.times, coalesce(m.n, 0) AS made, coalesce(a.n, 0) AS absorbed,
           CASE WHEN s.type = 'Redelivery' THEN 0 ELSE greatest(s.routes - coalesce(m.n, 0) - coalesce(a.n, 0), 0) END AS lost,
           CASE WHEN s.type = 'Redelivery' THEN coalesce(m.n, 0) ELSE greatest(coalesce(m.n, 0) + coalesce(a.n, 0) - s.routes, 0) END
               + s.times - 1 + (o.event_id IS NOT NULL)::int AS doubled
      FROM sent s
      LEFT JOIN made m ON m.tenant_id = s.tenant_id AND m.event_id = s.event_id
      LEFT JOIN absorbed a ON a.tenant_id = s.tenant_id AND a.event_id = s.event_id
      LEFT JOIN app.outbox_events o ON o.tenant_id = s.tenant_id AND o.event_id = s.event_id
)
SELECT count(*) AS events, coalesce(sum(j.made), 0)::bigint AS jobs, coalesce(sum(j.absorbed), 0)::bigint AS absorbed,
       coalesce(sum(j.lost), 0)::bigint AS lost, coalesce(sum(j.doubled), 0)::bigint AS doubled,
       (SELECT jsonb_agg(to_jsonb(b)) FROM (
            SELECT * FROM judged b WHERE b.lost > 0 OR b.doubled > 0 ORDER BY b.event_id LIMIT 20) b) AS breaches
  FROM judged j

-- standing --
-- What has not left the outbox in the window, and how many events were given up in it.
SELECT (SELECT count(*) FROM app.outbox_events o
         WHERE o.created_at >= $2::timestamptz AND o.created_at < $3::timestamptz AND ($1::uuid IS NULL OR o.tenant_id = $1)) AS waiting,
       (SELECT count(*) FROM app.dead_letters d
         WHERE d.kind = 'event' AND d.resolved_at IS NULL AND ($1 IS NULL OR d.tenant_id = $1)
           AND (d.event->>'created_at')::timestamptz >= $2 AND (d.event->>'created_at')::timestamptz < $3) AS dead_letters,
       app.now() AS now

-- deliveries --
-- Unfinished executions against what will deliver them: a queue row, or a redelivery in the outbox. Ask as system.
WITH live AS MATERIALIZED (
    SELECT e.tenant_id, e.id, e.event_id, e.job, e.state FROM app.job_executions e
     WHERE e.state IN ('queued', 'running', 'waiting') AND ($1::uuid IS NULL OR e.tenant_id = $1) /* executions */
), rows AS (
    SELECT j.execution_id, count(*) FILTER (WHERE j.status = 'todo') AS todo, count(*) FILTER (WHERE j.status = 'doing') AS doing
      FROM queue.procrastinate_jobs j WHERE $1 IS NULL OR j.tenant_id = $1 GROUP BY j.execution_id
), again AS (
    SELECT o.tenant_id, o.aggregate_id AS id, count(*) AS n FROM app.outbox_events o
     WHERE o.type = 'Redelivery' AND o.state IN ('pending', 'failed') AND ($1 IS NULL OR o.tenant_id = $1) GROUP BY o.tenant_id, o.aggregate_id
), judged AS MATERIALIZED (
    SELECT l.tenant_id, l.id, l.event_id, l.job, l.state, coalesce(r.todo, 0) AS todo,
           CASE l.state WHEN 'queued' THEN coalesce(r.todo, 0) = 0 WHEN 'running' THEN coalesce(r.doing, 0) = 0 ELSE a.n IS NULL END AS orphaned,
           coalesce(r.todo, 0) > 1 AS doubled
      FROM live l LEFT JOIN rows r ON r.execution_id = l.id LEFT JOIN again a ON a.tenant_id = l.tenant_id AND a.id = l.id
)
SELECT count(*) FILTER (WHERE j.orphaned) AS orphaned, coalesce(sum(j.todo - 1) FILTER (WHERE j.doubled), 0)::bigint AS doubled,
       (SELECT jsonb_agg(to_jsonb(b)) FROM (SELECT * FROM judged b WHERE b.orphaned OR b.doubled ORDER BY b.id LIMIT 20) b) AS breaches
  FROM judged j
