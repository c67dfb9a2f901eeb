-- now --
SELECT app.now()

-- create --
-- A name is taken while a schedule of that name stands. At most $12 of them.
INSERT INTO app.schedules (tenant_id, id, kind, name, cron, zone, enabled, params, jitter_s, catch_up, next_due_at, fire_at, created_by)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11::timestamptz + $13::interval, left($14, 200)
 WHERE (SELECT count(*) FROM app.schedules WHERE tenant_id = $1 AND removed_at IS NULL) < $12::int
ON CONFLICT (tenant_id, name) WHERE removed_at IS NULL DO NOTHING
RETURNING id

-- taken --
SELECT id FROM app.schedules WHERE tenant_id = $1 AND name = $2 AND removed_at IS NULL

-- list --
-- By id, that is in the order of their making, with what became of the last occurrence; keyset by id.
SELECT s.id, s.name, s.kind, s.cron, s.zone, s.enabled, s.is_default AND NOT s.edited AS managed, s.params, s.jitter_s, s.catch_up,
       s.next_due_at, s.fire_at AS fires_at, s.last_due_at, f.outcome AS last_outcome, f.reason AS last_reason, f.run_id AS last_run_id,
       s.last_error, s.created_by, s.created_at, s.updated_at
  FROM app.schedules s
  LEFT JOIN app.schedule_fires f ON f.tenant_id = s.tenant_id AND f.schedule_id = s.id AND f.due_at = s.last_due_at
 WHERE s.tenant_id = $1 AND s.removed_at IS NULL AND s.id > $2 ORDER BY s.id LIMIT $3

-- show --
SELECT s.id, s.name, s.kind, s.cron, s.zone, s.enabled, s.is_default AND NOT s.edited AS managed, s.params, s.jitter_s, s.catch_up,
       s.next_due_at, s.fire_at AS fires_at, s.last_due_at, f.outcome AS last_outcome, f.reason AS last_reason, f.run_id AS last_run_id,
       s.last_error, s.created_by, s.created_at, s.updated_at
  FROM app.schedules s
  LEFT JOIN app.schedule_fires f ON f.tenant_id = s.tenant_id AND f.schedule_id = s.id AND f.due_at = s.last_due_at
 WHERE s.tenant_id = $1 AND s.id = $2 AND s.removed_at IS NULL

-- lock --
-- Waits for whoever fires it: what is read is what stands, and no occurrence is settled meanwhile.
SELECT id, kind, name, cron, zone, enabled, params, jitter_s, catch_up, next_due_at, last_due_at, app.now() AS now FROM app.schedules
 WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR UPDATE

-- standing --
-- The same without waiting, for whoever only asks what a change would do.
SELECT id, kind, name, cron, zone, enabled, params, jitter_s, catch_up, next_due_at, last_due_at, app.now() AS now FROM app.schedules
 WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL

-- change --
UPDATE app.schedules SET cron = $3, zone = $4, enabled = $5, params = $6, jitter_s = $7, catch_up = $8, next_due_at = $9,
       fire_at = $9::timestamptz + $10::interval, failures = 0, last_error = NULL, edited = edited OR $11::boolean, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2

-- remove --
UPDATE app.schedules SET removed_at = app.now(), updated_at = app.now(), next_due_at = NULL, fire_at = NULL
 WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL RETURNING name

-- fires --
-- What became of its occurrences, newest first.
SELECT due_at, outcome, reason, run_id, fired_at FROM app.schedule_fires
 WHERE tenant_id = $1 AND schedule_id = $2 AND due_at < $3 ORDER BY due_at DESC LIMIT $4
