-- of --
-- What a tenant is granted.
SELECT queued_buffer, max_runs_per_day, daily_shortlist_cap, weight, max_waiting_events FROM app.tenant_quotas WHERE tenant_id = $1

-- put --
-- Grant anew; nothing comes back when it stood so already.
INSERT INTO app.tenant_quotas AS q (tenant_id, queued_buffer, max_runs_per_day, daily_shortlist_cap, weight, max_waiting_events, set_by)
VALUES ($1, $2, $3, $4, $5, $6, left($7, 200))
ON CONFLICT (tenant_id) DO UPDATE SET queued_buffer = EXCLUDED.queued_buffer, max_runs_per_day = EXCLUDED.max_runs_per_day,
       daily_shortlist_cap = EXCLUDED.daily_shortlist_cap, weight = EXCLUDED.weight, max_waiting_events = EXCLUDED.max_waiting_events, set_by = EXCLUDED.set_by, updated_at = app.now()
 WHERE (q.queued_buffer, q.max_runs_per_day, q.daily_shortlist_cap, q.weight, q.max_waiting_events)
       IS DISTINCT FROM (EXCLUDED.queued_buffer, EXCLUDED.max_runs_per_day, EXCLUDED.daily_shortlist_cap, EXCLUDED.weight, EXCLUDED.max_waiting_events)
RETURNING tenant_id

-- lock_runs --
-- Who counts runs and starts one takes turns with whoever does the same.
SELECT pg_advisory_xact_lock(hashtextextended('runs:' || $1::uuid::text, 0))

-- runs_today --
-- Runs of this day of UTC, and the seconds until the next one.
SELECT count(r.id)::int AS runs, extract(epoch FROM min(d.today) + interval '1 day' - min(d.now))::float8 AS left_s
  FROM (SELECT date_trunc('day', app.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS today, app.now() AS now) d
  LEFT JOIN app.runs r ON r.tenant_id = $1 AND r.created_at >= d.today

-- views --
-- Tenants with what they are granted and use: all of them, or the one of that id.
SELECT t.id, t.slug, t.name, t.status, t.created_at, q.queued_buffer, q.max_runs_per_day, q.daily_shortlist_cap, q.weight, q.max_waiting_events,
       (SELECT count(*)::int FROM app.runs r WHERE r.tenant_id = t.id
           AND r.created_at >= date_trunc('day', app.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS runs_today,
       (SELECT count(*)::int FROM (SELECT FROM app.outbox_events o WHERE o.tenant_id = t.id LIMIT 10000) w) AS waiting_events
  FROM app.tenants t LEFT JOIN app.tenant_quotas q ON q.tenant_id = t.id
 WHERE $1::uuid IS NULL OR t.id = $1 ORDER BY t.slug LIMIT $2

-- backlog --
-- Is a tenant's backlog as deep as it may be: $2, or what it is granted (0: no limit)? And since when its oldest event is due. One row, or none: there is room.
-- So many due events are looked at and no more.
SELECT m.most, extract(epoch FROM c.now - (SELECT o.available_at FROM app.outbox_events o
            WHERE o.tenant_id = $1 AND o.sink = 'queue' ORDER BY o.available_at LIMIT 1))::float8 AS oldest_s
  FROM (SELECT app.now() AS now) c
 CROSS JOIN (SELECT coalesce((SELECT q.max_waiting_events FROM app.tenant_quotas q WHERE q.tenant_id = $1), nullif($2::int, 0)) AS most) m
 CROSS JOIN LATERAL (SELECT FROM app.outbox_events o
                      WHERE o.tenant_id = $1 AND o.sink = 'queue' AND o.available_at <= c.now
                     OFFSET m.most - 1 LIMIT 1) deep
 WHERE m.most IS NOT NULL
