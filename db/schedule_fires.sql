-- now --
SELECT app.now()

-- claim --
-- One schedule that is due, locked: other schedulers pass over it. Whoever has waited longest comes first.
SELECT s.tenant_id, s.id, s.kind, s.name, s.cron, s.zone, s.params, s.jitter_s, s.catch_up, s.next_due_at, t.status, t.slug, app.now() AS now
  FROM app.schedules s JOIN app.tenants t ON t.id = s.tenant_id
 WHERE s.fire_at <= app.now() ORDER BY s.fire_at LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED

-- settle --
-- Occurrences as they are settled; those that have a row already, from before a clock was put back, give none.
INSERT INTO app.schedule_fires (tenant_id, schedule_id, due_at, outcome, reason)
SELECT $1, $2, o.due_at, CASE WHEN o.reason IS NULL THEN 'started' ELSE 'skipped' END, o.reason
  FROM unnest($3::timestamptz[], $4::text[]) AS o(due_at, reason) ORDER BY o.due_at
ON CONFLICT DO NOTHING RETURNING due_at, outcome = 'started' AS starts

-- began --
UPDATE app.schedule_fires SET outcome = $4, reason = left($5, 500), run_id = $6 WHERE tenant_id = $1 AND schedule_id = $2 AND due_at = $3

-- savepoint --
SAVEPOINT occurrence

-- undo --
ROLLBACK TO SAVEPOINT occurrence

-- move_on --
UPDATE app.schedules SET next_due_at = $3, fire_at = $3::timestamptz + $4::interval, last_due_at = $5, failures = 0, last_error = NULL
 WHERE tenant_id = $1 AND id = $2

-- postpone --
-- An occurrence that could not be started is tried again, ever later; it stays the next one.
UPDATE app.schedules SET failures = failures + 1, last_error = left($4, 500),
       fire_at = app.now() + least(3600, $5::float8 * 2 ^ least(failures, 10)) * interval '1 second'
 WHERE tenant_id = $1 AND id = $2 AND next_due_at = $3 RETURNING failures

-- next_in --
-- Seconds until something is due; null: nothing stands.
SELECT extract(epoch FROM min(fire_at) - app.now())::float8 FROM app.schedules WHERE fire_at IS NOT NULL

-- ensure --
-- Schedules that a tenant never had. One that was removed stays away; a name that somebody took stays theirs.
INSERT INTO app.schedules (tenant_id, kind, name, cron, zone, params, next_due_at, fire_at, is_default, created_by)
SELECT t.id, d.kind, d.name, d.cron, d.zone, d.params, d.next_due_at, d.next_due_at, true, 'system'
  FROM app.tenants t
  JOIN unnest($2::boolean[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[])
       AS d(house, kind, name, cron, zone, params, next_due_at) ON (t.id = $1) = d.house
 WHERE t.status <> 'closed'
   AND NOT EXISTS (SELECT FROM app.schedules s WHERE s.tenant_id = t.id AND s.name = d.name AND s.is_default)
 ORDER BY t.id, d.name
ON CONFLICT (tenant_id, name) WHERE removed_at IS NULL DO NOTHING

-- follow --
-- Those that nobody changed follow the settings.
UPDATE app.schedules s SET cron = d.cron, zone = d.zone, updated_at = app.now(),
       next_due_at = CASE WHEN s.enabled THEN d.next_due_at END, fire_at = CASE WHEN s.enabled THEN d.next_due_at END
  FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS d(name, cron, zone, next_due_at)
 WHERE s.is_default AND NOT s.edited AND s.removed_at IS NULL AND s.name = d.name AND (s.cron, s.zone) <> (d.cron, d.zone)
