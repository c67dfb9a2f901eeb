-- claim --
-- This minute's look is ours, unless somebody had it. A clock that was set back must not stop the looks; one that began
-- a little before another worker's look sees a time after its own, which is no such clock.
INSERT INTO app.alert_looks AS l (tenant_id, looked_at) VALUES ($1, app.now())
ON CONFLICT (tenant_id) DO UPDATE SET looked_at = app.now()
 WHERE l.looked_at <= app.now() - $2::float8 * interval '1 second' OR l.looked_at > app.now() + $2::float8 * interval '1 second'
RETURNING looked_at

-- late_runs --
-- Runs that have stood for $1 seconds without having begun, by tenant and kind.
SELECT r.tenant_id, CASE WHEN r.params->>'job' IS NULL THEN r.kind ELSE r.kind || ':' || (r.params->>'job') END AS scope, count(*)::int AS n,
       extract(epoch FROM app.now() - min(r.created_at))::float8 AS oldest_s, (array_agg(r.id::text ORDER BY r.created_at))[1:20] AS runs
  FROM app.runs r JOIN app.tenants t ON t.id = r.tenant_id AND t.status = 'active'
 WHERE r.status = 'pending' AND r.deadline_at IS NOT NULL AND r.created_at < app.now() - $1::float8 * interval '1 second'
 GROUP BY 1, 2

-- late_schedules --
-- Schedules that were due more than $1 seconds ago and were not fired; the stagger, by which one may well be later, is not in it. Of an error
-- only its class: what it says may hold somebody's data, and alerts leave the house.
SELECT s.tenant_id, s.name AS scope, s.id, s.kind, s.jitter_s, s.failures, split_part(s.last_error, ':', 1) AS error,
       extract(epoch FROM app.now() - s.next_due_at)::float8 AS since_s
  FROM app.schedules s JOIN app.tenants t ON t.id = s.tenant_id AND t.status = 'active'
 WHERE s.next_due_at < app.now() - $1::float8 * interval '1 second'

-- failed_schedules --
-- Schedules whose last occurrence was refused, until one starts, or somebody changes or pauses them.
SELECT s.tenant_id, s.name AS scope, s.id::text AS schedule, s.kind, split_part(f.reason, ':', 1) AS code
  FROM app.schedules s JOIN app.tenants t ON t.id = s.tenant_id AND t.status = 'active'
  JOIN app.schedule_fires f ON f.tenant_id = s.tenant_id AND f.schedule_id = s.id AND f.due_at = s.last_due_at
 WHERE s.next_due_at IS NOT NULL AND f.outcome = 'failed' AND f.fired_at >= s.updated_at

-- long_runs --
-- Runs under way for longer than $1 times the median of the last $2 completed ones of their kind (at least $3), and $4 seconds; the longest of each kind.
SELECT DISTINCT ON (r.tenant_id, l.scope) r.tenant_id, l.scope, r.id::text AS run, l.duration_s, b.median_s, b.n, b.runs AS baseline_runs
  FROM app.runs r
 CROSS JOIN LATERAL (SELECT CASE WHEN r.params->>'job' IS NULL THEN r.kind ELSE r.kind || ':' || (r.params->>'job') END AS scope,
                            extract(epoch FROM app.now() - r.started_at)::float8 AS duration_s) l
 CROSS JOIN LATERAL (
    SELECT count(*)::int AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.duration_s) AS median_s, array_agg(s.id::text) AS runs
      FROM (SELECT h.id, extract(epoch FROM h.finished_at - h.started_at)::float8 AS duration_s FROM app.runs h
             WHERE h.tenant_id = r.tenant_id AND h.kind = r.kind AND h.params->>'job' IS NOT DISTINCT FROM r.params->>'job'
               AND h.finished_at IS NOT NULL AND NOT h.dry_run AND h.status <> 'cancelled' AND h.status = 'completed'
             ORDER BY h.finished_at DESC LIMIT $2) s) b
 WHERE r.status IN ('pending', 'running') AND r.deadline_at IS NOT NULL AND r.started_at IS NOT NULL AND NOT r.dry_run AND l.duration_s > $4
   AND b.n >= $3 AND l.duration_s > $1::float8 * b.median_s
 ORDER BY r.tenant_id, l.scope, l.duration_s DESC

-- budgets --
-- Budgets of this day and month of which $1 or more is spent.
SELECT c.tenant_id, c.scope || ':' || c.vendor || ':' || c.unit || ':' || c.period AS scope, c.vendor, c.unit, c.period, c.bucket, c.spent, c.reserved,
       c.limit_units AS "limit"
  FROM app.budget_counters c
 WHERE c.period IN ('day', 'month') AND c.limit_units > 0 AND c.spent >= $1::float8 * c.limit_units
   AND c.bucket = to_char(app.now() AT TIME ZONE 'UTC', CASE c.period WHEN 'day' THEN 'YYYY-MM-DD' ELSE 'YYYY-MM' END)

-- dead_letters --
-- What gave up and waits for an answer, without the deliveries of alerts: those are told by their channel.
SELECT d.tenant_id, 'dead letters' AS scope, count(*)::int AS n, extract(epoch FROM app.now() - min(d.created_at))::float8 AS oldest_s,
       (array_agg(DISTINCT d.name))[1:10] AS names, (array_agg(d.id::text ORDER BY d.id))[1:20] AS letters
  FROM app.dead_letters d WHERE d.resolved_at IS NULL AND d.name NOT IN ('alert.deliver', 'alert.test') GROUP BY 1

-- outbox --
-- Events that have been due for $1 seconds. What a pause holds back is held back on purpose.
SELECT h.tenant_id, 'outbox' AS scope, extract(epoch FROM app.now() - h.available_at)::float8 AS oldest_s
  FROM app.outbox_heads h JOIN app.tenants t ON t.id = h.tenant_id AND t.status = 'active'
 WHERE h.available_at < app.now() - $1::float8 * interval '1 second' AND NOT EXISTS (SELECT FROM app.pauses p WHERE p.tenant_id = h.tenant_id)
