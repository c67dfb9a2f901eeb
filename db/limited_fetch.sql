-- stands --
-- Does any limit of jobs stand? Where one does, `fetch` of the queue takes nothing.
SELECT EXISTS (SELECT FROM app.limits l WHERE l.scope <> 'vendor' AND (l.max_running IS NOT NULL OR l.per_s IS NOT NULL))

-- lock --
-- Whoever counts takes turns with whoever else counts. The counting is another statement: its snapshot must be younger than these locks.
SELECT l.scope FROM app.limits l WHERE l.scope <> 'vendor' AND (l.max_running IS NOT NULL OR l.per_s IS NOT NULL)
 ORDER BY l.tenant_id, l.scope, l.name FOR UPDATE

-- take --
-- The same as `fetch` of the queue, within what every limit leaves: room beside what runs, and tokens, which are spent here. Under the locks of `lock`.
-- Of what may start, a tenant's share comes first, then the queue's; what is over at either waits. `again_in_s`: when the next token comes for one that waits.
-- The time is read above the snapshot: nothing that is seen to have ended ended later, and nobody has spent a token later.
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() + app.clock_shift() AS now
), held AS MATERIALIZED (
    SELECT ARRAY(SELECT p.tenant_id FROM app.pauses p) AS tenants,
           ARRAY(SELECT l.name FROM app.limits l WHERE l.scope = 'queue' AND l.paused_at IS NOT NULL) AS queues
), running AS MATERIALIZED (
    SELECT j.tenant_id, CASE WHEN j.queue_name = 'alone' THEN e.queue ELSE j.queue_name END AS queue
      FROM queue.procrastinate_jobs j JOIN app.job_executions e ON e.tenant_id = j.tenant_id AND e.id = j.execution_id WHERE j.status = 'doing'
), rules AS MATERIALIZED (
    SELECT l.tenant_id, l.scope, l.name, l.per_s, b.tokens,
           least(coalesce(l.max_running - r.jobs, $3::int), coalesce(floor(b.tokens), $3))::int AS room
      FROM app.limits l CROSS JOIN clock c
      CROSS JOIN LATERAL (SELECT count(*) AS jobs FROM running r
                           WHERE CASE l.scope WHEN 'queue' THEN r.queue = l.name ELSE r.tenant_id = l.tenant_id END) r
      CROSS JOIN LATERAL (SELECT least(l.burst, l.tokens + l.per_s * greatest(0, extract(epoch FROM c.now - l.tokens_at)::float8)) AS tokens) b
     WHERE l.scope <> 'vendor' AND (l.max_running IS NOT NULL OR l.per_s IS NOT NULL)
), shut AS MATERIALIZED (
    SELECT s.tenants, s.queues, cardinality(s.tenants) + cardinality(s.queues) > 0 AS any FROM (
        SELECT h.tenants || ARRAY(SELECT r.tenant_id FROM rules r WHERE r.scope = 'tenant' AND r.room < 1) AS tenants,
               h.queues || ARRAY(SELECT r.name FROM rules r WHERE r.scope = 'queue' AND r.room < 1) AS queues FROM held h) s
), waiting AS MATERIALIZED (
    SELECT j.id, j.tenant_id, j.priority, o.queue FROM queue.procrastinate_jobs j
     CROSS JOIN LATERAL (SELECT CASE WHEN j.queue_name = 'alone' THEN (
                SELECT e.queue FROM app.job_executions e WHERE e.tenant_id = j.tenant_id AND e.id = j.execution_id) ELSE j.queue_name END AS queue) o
     WHERE j.status = 'todo' AND j.queue_name = ANY($1::varchar[])
       AND (j.scheduled_at IS NULL OR j.scheduled_at <= (SELECT c.now FROM clock c))
       AND CASE WHEN (SELECT s.any FROM shut s)
                THEN j.tenant_id <> ALL((SELECT s.tenants FROM shut s)::uuid[]) AND o.queue <> ALL((SELECT s.queues FROM shut s)::varchar[])
                ELSE true END
     ORDER BY j.priority DESC, j.id LIMIT 4 * $3
), of_tenants AS (
    SELECT w.*, row_number() OVER (PARTITION BY w.tenant_id ORDER BY w.priority DESC, w.id) AS nth FROM waiting w
), of_queues AS (
    SELECT w.*, row_number() OVER (PARTITION BY w.queue ORDER BY w.priority DESC, w.id) AS nth_of_queue FROM of_tenants w
     WHERE w.nth <= coalesce((SELECT r.room FROM rules r WHERE r.scope = 'tenant' AND r.tenant_id = w.tenant_id), $3)
), chosen AS MATERIALIZED (
    SELECT w.id, w.tenant_id, w.queue FROM of_queues w
     WHERE w.nth_of_queue <= coalesce((SELECT r.room FROM rules r WHERE r.scope = 'queue' AND r.name = w.queue), $3)
     ORDER BY w.priority DESC, w.id LIMIT $3
), picked AS MATERIALIZED (
    SELECT j.id FROM queue.procrastinate_jobs j WHERE j.id = ANY(ARRAY(SELECT o.id FROM chosen o)) AND j.status <> 'doing'
     ORDER BY j.id FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE queue.procrastinate_jobs j SET status = 'doing', worker_id = $2, attempts = j.attempts + 1
     WHERE j.id = ANY(ARRAY(SELECT p.id FROM picked p))
    RETURNING j.id, j.attempts, j.priority, j.tenant_id, j.execution_id, j.queue_name, j.task_name
), used AS MATERIALIZED (
    SELECT r.*, u.jobs FROM rules r
     CROSS JOIN LATERAL (SELECT count(*) AS jobs FROM picked p JOIN chosen o ON o.id = p.id
                          WHERE CASE r.scope WHEN 'queue' THEN o.queue = r.name ELSE o.tenant_id = r.tenant_id END) u
     WHERE r.per_s IS NOT NULL
), spent AS (
    UPDATE app.limits l SET tokens = u.tokens - u.jobs, tokens_at = c.now FROM used u, clock c
     WHERE l.tenant_id = u.tenant_id AND l.scope = u.scope AND l.name = u.name AND u.jobs > 0
), started AS (
    UPDATE app.job_executions e
       SET state = 'running', token = e.token + 1, coalesce_key = CASE WHEN e.scope = 'exclusive' THEN e.coalesce_key END, worker_id = $2, started_at = c.now
      FROM (SELECT k.tenant_id, k.execution_id FROM taken k ORDER BY k.tenant_id, k.execution_id) t, clock c
     WHERE e.tenant_id = t.tenant_id AND e.id = t.execution_id AND e.state = 'queued'
    RETURNING e.tenant_id, e.id, e.job, e.token, e.failures, e.payload, e.event_id, e.correlation_id, e.run_id,
              e.cancel_requested_at IS NOT NULL AS cancelled, e.queued_at
), soon AS (
    SELECT min((1 - u.tokens + u.jobs) / u.per_s)::float8 AS again_in_s FROM used u
     WHERE u.tokens - u.jobs < 1 AND (
            SELECT j.id FROM queue.procrastinate_jobs j WHERE j.status = 'todo' AND j.queue_name = ANY($1)
               AND CASE u.scope WHEN 'queue' THEN j.queue_name = u.name ELSE j.tenant_id = u.tenant_id END
             ORDER BY j.priority DESC, j.id LIMIT 1) IS NOT NULL
)
SELECT t.id AS delivery_id, t.attempts AS delivery_attempt, t.tenant_id, t.execution_id, t.queue_name, t.task_name,
       s.job, coalesce(s.token, 0) AS token, coalesce(s.failures, 0) AS failures, coalesce(s.payload, '{}') AS payload,
       s.event_id, s.correlation_id, s.run_id, coalesce(s.cancelled, false) AS cancelled, s.queued_at, n.again_in_s
  FROM soon n LEFT JOIN (taken t LEFT JOIN started s ON s.tenant_id = t.tenant_id AND s.id = t.execution_id) ON true
 ORDER BY t.priority DESC, t.id
