-- outbox_depth --
-- By state; counting stops at $1 rows, so a backlog cannot make asking about it dear.
SELECT o.state, count(*) AS events FROM (SELECT state FROM app.outbox_events LIMIT $1) o GROUP BY 1 ORDER BY 1

-- outbox_oldest_due --
-- Seconds since the oldest due event became due: one index probe a tenant that has any.
WITH RECURSIVE tenants AS (
    (SELECT o.tenant_id, o.available_at FROM app.outbox_events o
      WHERE o.sink = 'queue' ORDER BY o.tenant_id, o.available_at LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.available_at FROM tenants t CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.available_at FROM app.outbox_events o
         WHERE o.sink = 'queue' AND o.tenant_id > t.tenant_id
         ORDER BY o.tenant_id, o.available_at LIMIT 1) n
)
SELECT greatest(0, extract(epoch FROM app.now() - min(available_at)))::float8 FROM tenants

-- queue_depth --
SELECT q.queue_name, q.status::text AS status, count(*) AS jobs
  FROM (SELECT queue_name, status FROM queue.procrastinate_jobs LIMIT $1) q GROUP BY 1, 2 ORDER BY 1, 2

-- open_runs --
SELECT r.status, count(*) AS runs FROM (SELECT status FROM app.runs WHERE status IN ('pending', 'running') LIMIT $1) r GROUP BY 1

-- ended_runs --
-- How the runs of the last hour ended: one index probe a tenant and status.
SELECT s.status, sum(n.runs)::bigint AS runs
  FROM app.tenants t CROSS JOIN (VALUES ('completed'), ('partial'), ('failed'), ('cancelled')) s(status)
 CROSS JOIN LATERAL (SELECT count(*) AS runs FROM (
        SELECT 1 FROM app.runs r WHERE r.tenant_id = t.id AND r.status = s.status
           AND r.finished_at > app.now() - interval '1 hour' LIMIT $1) x) n
 GROUP BY 1

-- rescues --
-- Attempts of the last hour whose worker was taken for dead, and those of them that came back: false rescues, refused by the fence.
SELECT count(*) AS rescued, count(r.fenced_at) AS false FROM (
    SELECT a.fenced_at FROM app.job_attempts a WHERE a.outcome = 'crashed' AND a.ended_at > app.now() - interval '1 hour' LIMIT $1) r

-- dead_letters --
SELECT count(*) FROM (SELECT 1 FROM app.dead_letters WHERE resolved_at IS NULL LIMIT $1) d
