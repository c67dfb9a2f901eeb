-- views --
-- Every limit and pause with what runs and waits; $1: only what is about that tenant. Asked as system: the app role cannot see the queue.
WITH all_limits AS (
    SELECT l.tenant_id, l.scope, l.name, l.max_running, l.per_s, l.burst, l.tokens, l.tokens_at,
           coalesce(l.paused_at, p.paused_at) AS since, coalesce(l.paused_by, p.paused_by) AS by, coalesce(l.reason, p.reason) AS reason
      FROM app.limits l LEFT JOIN app.pauses p ON l.scope = 'tenant' AND p.tenant_id = l.tenant_id
    UNION ALL
    SELECT p.tenant_id, 'tenant', '', NULL, NULL, NULL, NULL, NULL, p.paused_at, p.paused_by, p.reason FROM app.pauses p
     WHERE NOT EXISTS (SELECT FROM app.limits l WHERE l.tenant_id = p.tenant_id AND l.scope = 'tenant')
), doing AS MATERIALIZED (
    SELECT j.tenant_id, CASE WHEN j.queue_name = 'alone' THEN e.queue ELSE j.queue_name END AS queue
      FROM queue.procrastinate_jobs j JOIN app.job_executions e ON e.tenant_id = j.tenant_id AND e.id = j.execution_id WHERE j.status = 'doing'
)
SELECT l.tenant_id, l.scope, CASE l.scope WHEN 'tenant' THEN t.slug ELSE l.name END AS name, l.max_running, l.per_s, l.burst, l.since IS NOT NULL AS paused,
       l.reason, l.by, l.since, r.running, w.waiting,
       CASE WHEN l.since IS NOT NULL THEN 'paused' WHEN r.running >= l.max_running THEN 'max_running'
            WHEN least(l.burst, l.tokens + l.per_s * greatest(0, extract(epoch FROM app.now() - l.tokens_at)::float8)) < 1 THEN 'rate' END AS held
  FROM all_limits l JOIN app.tenants t ON t.id = l.tenant_id
 CROSS JOIN LATERAL (SELECT count(*)::int AS running FROM doing d
                      WHERE CASE l.scope WHEN 'queue' THEN d.queue = l.name WHEN 'tenant' THEN d.tenant_id = l.tenant_id ELSE false END) r
 CROSS JOIN LATERAL (SELECT count(*)::int AS waiting FROM (
        SELECT FROM queue.procrastinate_jobs j WHERE j.status = 'todo'
           AND CASE l.scope WHEN 'queue' THEN j.queue_name = l.name WHEN 'tenant' THEN j.tenant_id = l.tenant_id ELSE false END LIMIT 10000) s) w
 WHERE $1::uuid IS NULL OR (l.tenant_id = $1 AND l.scope = 'tenant') ORDER BY l.scope, 3

-- behind --
-- How much of these tenants' work ($1) stands behind each of what holds some back: $2 scopes, $3 names, $4 tenants, $5 whether it is a pause; counted up to $6.
-- A job that was put off because its vendor is paused waits in the outbox for its next delivery, and says so itself.
SELECT CASE h.scope WHEN 'vendor' THEN v.n ELSE j.n END AS jobs, e.n AS events
  FROM unnest($2::text[], $3::text[], $4::uuid[], $5::boolean[]) WITH ORDINALITY AS h(scope, name, tenant_id, paused, nth)
 CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (
        SELECT FROM queue.procrastinate_jobs j WHERE j.status = 'todo' AND j.tenant_id = ANY($1::uuid[])
           AND CASE h.scope WHEN 'queue' THEN j.queue_name = h.name WHEN 'tenant' THEN j.tenant_id = h.tenant_id ELSE false END LIMIT $6::int) s) j
 CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (
        SELECT FROM app.outbox_events o WHERE h.scope = 'tenant' AND h.paused AND o.tenant_id = h.tenant_id AND o.sink = 'queue'
           AND o.available_at <= (SELECT app.now()) LIMIT $6) s) e
 CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM (
        SELECT FROM unnest($1) AS t(tenant_id) CROSS JOIN LATERAL (
            SELECT o.tenant_id, o.aggregate_id FROM app.outbox_events o
             WHERE h.scope = 'vendor' AND o.tenant_id = t.tenant_id AND o.sink = 'queue' AND o.type = 'Redelivery'
             LIMIT $6) o
          JOIN app.job_executions x ON x.tenant_id = o.tenant_id AND x.id = o.aggregate_id
         WHERE x.state = 'waiting' AND x.error_class = 'vendor_paused' AND strpos(x.error, ' paused ' || h.name || ' (') > 0 LIMIT $6) s) v
 ORDER BY h.nth

-- holds --
-- What may hold back jobs that stand in the queue for a tenant: paused queues, used up limits, its own pause. As `views`, by the names of queues.
SELECT v.scope, v.name, v.held, v.max_running, v.per_s, v.by, v.reason FROM (
    SELECT l.scope, l.name, l.max_running, l.per_s, l.paused_by AS by, l.reason,
           CASE WHEN l.paused_at IS NOT NULL THEN 'paused' WHEN r.running >= l.max_running THEN 'max_running'
                WHEN least(l.burst, l.tokens + l.per_s * greatest(0, extract(epoch FROM app.now() - l.tokens_at)::float8)) < 1 THEN 'rate' END AS held
      FROM app.limits l
     CROSS JOIN LATERAL (SELECT count(*) AS running FROM queue.procrastinate_jobs j WHERE j.status = 'doing'
                            AND CASE l.scope WHEN 'queue' THEN j.queue_name = l.name ELSE j.tenant_id = l.tenant_id END) r
     WHERE l.scope = 'queue' OR (l.scope = 'tenant' AND l.tenant_id = $1)
    UNION ALL
    SELECT 'tenant', '', NULL, NULL, p.paused_by, p.reason, 'paused' FROM app.pauses p WHERE p.tenant_id = $1) v
 WHERE v.held IS NOT NULL ORDER BY v.scope, v.name

-- patience --
-- A reader that lasts must not keep every worker waiting behind a change.
SELECT set_config('lock_timeout', '2s', true)

-- alone --
-- Fetches under way end first, and those that come later see the change: it holds from its commit on.
LOCK TABLE app.limits IN ACCESS EXCLUSIVE MODE

-- put --
-- Limit anew; nothing comes back when it stood so already. A new rate begins with a full bucket, a changed one with what was left.
INSERT INTO app.limits AS l (tenant_id, scope, name, max_running, per_s, burst, tokens, tokens_at, set_by)
SELECT $1::uuid, $2::text, $3::varchar, $4::int, $5::float8, $6::int, $6, CASE WHEN $6 IS NOT NULL THEN clock_timestamp() + app.clock_shift() END, left($7, 200)
 WHERE num_nonnulls($4::int, $5::float8) > 0 OR EXISTS (SELECT FROM app.limits e WHERE e.tenant_id = $1 AND e.scope = $2 AND e.name = $3)
ON CONFLICT (tenant_id, scope, name) DO UPDATE SET max_running = EXCLUDED.max_running, per_s = EXCLUDED.per_s, burst = EXCLUDED.burst,
       tokens = CASE WHEN EXCLUDED.per_s IS NOT NULL THEN
           least(EXCLUDED.burst, coalesce(l.tokens + l.per_s * greatest(0, extract(epoch FROM EXCLUDED.tokens_at - l.tokens_at)::float8), EXCLUDED.burst)) END,
       tokens_at = EXCLUDED.tokens_at, set_by = EXCLUDED.set_by, updated_at = app.now()
 WHERE (l.max_running, l.per_s, l.burst) IS DISTINCT FROM (EXCLUDED.max_running, EXCLUDED.per_s, EXCLUDED.burst)
RETURNING scope

-- forget --
-- A row that limits and holds nothing is none.
DELETE FROM app.limits WHERE tenant_id = $1 AND scope = $2 AND name = $3 AND num_nulls(max_running, per_s, paused_at) = 3

-- pause --
-- From now on nothing of it starts. Who paused first stays.
INSERT INTO app.limits AS l (tenant_id, scope, name, paused_at, paused_by, reason, set_by)
VALUES ($1, $2, $3, app.now(), left($5::text, 200), $4, left($5, 200))
ON CONFLICT (tenant_id, scope, name) DO UPDATE SET paused_at = EXCLUDED.paused_at, paused_by = EXCLUDED.paused_by, reason = EXCLUDED.reason,
       updated_at = app.now() WHERE l.paused_at IS NULL
RETURNING scope

-- resume --
-- It goes on.
UPDATE app.limits SET paused_at = NULL, paused_by = NULL, reason = NULL, updated_at = app.now()
 WHERE tenant_id = $1 AND scope = $2 AND name = $3 AND paused_at IS NOT NULL RETURNING scope

-- held --
-- How many are paused, and how many limited, by scope.
SELECT l.scope, count(l.paused_at)::int AS paused, count(*) FILTER (WHERE l.max_running IS NOT NULL OR l.per_s IS NOT NULL)::int AS limited
  FROM (SELECT scope, paused_at, max_running, per_s FROM app.limits
        UNION ALL SELECT 'tenant', p.paused_at, NULL, NULL FROM app.pauses p) l GROUP BY l.scope ORDER BY l.scope
