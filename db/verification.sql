-- roomy --
-- Large windows are joined by hash: more room for the tables, until the transaction ends.
SELECT set_config('work_mem', '128MB', true)

-- handoffs --
-- Sent events of a window against the executions they made and those that absorbed them: one statement, one snapshot. Each
-- event is looked up by index: as long as the window has events, whatever the planner knows. What was lost and made good by a replay
-- is lost no more.
WITH sent AS MATERIALIZED (
    SELECT h.tenant_id, h.event_id, max(h.type) AS type, max(h.routes) AS routes, count(*) AS times, (array_agg(h.aggregate_id))[1] AS aggregate_id
      FROM app.outbox_history h
     WHERE h.created_at >= $2::timestamptz AND h.created_at < $3::timestamptz AND h.sink = 'queue'
       AND ($1::uuid IS NULL OR h.tenant_id = $1) /* history */
     GROUP BY h.tenant_id, h.event_id ORDER BY h.tenant_id, h.event_id
), counted AS (
    SELECT s.*, (SELECT count(*) FROM app.job_executions e WHERE e.tenant_id = s.tenant_id AND e.event_id = s.event_id) AS made,
           (SELECT count(*) FROM app.absorbed_events a WHERE a.tenant_id = s.tenant_id AND a.event_id = s.event_id) AS absorbed,
           EXISTS (SELECT FROM app.outbox_events o WHERE o.tenant_id = s.tenant_id AND o.event_id = s.event_id) AS standing
      FROM sent s OFFSET 0
), found AS MATERIALIZED (
    SELECT c.*, CASE WHEN c.type = 'Redelivery' THEN 0 ELSE greatest(c.routes - c.made - c.absorbed, 0) END AS lost,
           CASE WHEN c.type = 'Redelivery' THEN c.made ELSE greatest(c.made + c.absorbed - c.routes, 0) END + c.times - 1 + c.standing::int AS doubled
      FROM counted c
), judged AS MATERIALIZED (
    SELECT f.tenant_id, f.event_id, f.type, f.routes, f.times, f.made, f.absorbed, f.doubled,
           CASE WHEN f.lost = 0 OR EXISTS (
               SELECT FROM app.outbox_history r
                WHERE r.tenant_id = f.tenant_id AND r.aggregate_id = f.aggregate_id AND r.headers ->> 'replay_of' = f.event_id::text AND r.routes <=
                      (SELECT count(*) FROM app.job_executions e WHERE e.tenant_id = r.tenant_id AND e.event_id = r.event_id) +
                      (SELECT count(*) FROM app.absorbed_events a WHERE a.tenant_id = r.tenant_id AND a.event_id = r.event_id)) THEN 0 ELSE f.lost END AS lost
      FROM found f
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
