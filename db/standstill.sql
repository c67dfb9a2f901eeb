-- behind_the_dead --
-- Events that a job absorbed which has failed for good: their key is taken, and nothing will be done about them until it is retried.
SELECT d.name AS job, d.execution_id AS id, count(*) AS behind
  FROM app.dead_letters d JOIN app.absorbed_events a ON a.tenant_id = d.tenant_id AND a.execution_id = d.execution_id
 WHERE d.resolved_at IS NULL AND d.kind = 'job' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10

-- running --
-- Executions that run for longer than $2 seconds, the limit of their kind $1, and on which worker.
SELECT e.id, e.job, extract(epoch FROM app.now() - e.started_at)::float8 AS running_s, w.host, w.pid, l.limit_s
  FROM queue.procrastinate_jobs j JOIN app.job_executions e ON e.tenant_id = j.tenant_id AND e.id = j.execution_id
  JOIN unnest($1::text[], $2::float8[]) AS l(job, limit_s) ON l.job = e.job
  LEFT JOIN app.workers w ON w.id = e.worker_id
 WHERE j.status = 'doing' AND e.state = 'running' AND e.started_at < app.now() - l.limit_s * interval '1 second'
 ORDER BY 3 DESC LIMIT 10

-- nats --
-- What NATS said last, where it is left alone.
SELECT b.error, b.opened_until FROM app.breakers b WHERE b.operation = 'nats.publish' AND b.state <> 'closed' LIMIT 1
