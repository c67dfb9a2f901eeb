-- enabled --
-- Whose turn it is.
SELECT t.id, t.name, t.rule, t.params, t.cooldown_days, t.action, t.severity, t.created_at FROM app.triggers t WHERE t.tenant_id = $1 AND t.enabled ORDER BY t.id

-- account_type_changed --
-- Changes after the trigger was made ($5), of these types ($7 from, $8 to; empty: any); each change is a window of its own.
INSERT INTO app.trigger_executions (tenant_id, trigger_id, subject_kind, subject_id, window_start, action, evidence)
SELECT $1, $2::uuid, 'account', a.company_id, a.type_changed_at, $6, jsonb_build_object('from', a.previous_type, 'to', a.account_type, 'at', a.type_changed_at)
  FROM app.accounts a
 WHERE a.tenant_id = $1 AND a.type_changed_at >= $5::timestamptz AND (cardinality($7::text[]) = 0 OR a.previous_type = ANY($7::text[]))
   AND (cardinality($8::text[]) = 0 OR a.account_type = ANY($8::text[]))
   AND NOT EXISTS (SELECT FROM app.trigger_executions e WHERE e.tenant_id = $1 AND e.trigger_id = $2 AND e.subject_id = a.company_id
                      AND (e.window_start = a.type_changed_at OR e.fired_at > $3::timestamptz - $4::int * interval '1 day'))
 ORDER BY a.company_id LIMIT $9
ON CONFLICT (tenant_id, trigger_id, subject_id, window_start) DO NOTHING RETURNING id, subject_kind, subject_id, evidence

-- no_order_for --
-- Customers whose last order is $7 days old or older, of the types $8 (empty: any).
INSERT INTO app.trigger_executions (tenant_id, trigger_id, subject_kind, subject_id, window_start, action, evidence)
SELECT $1, $2::uuid, 'account', a.company_id, $5::timestamptz, $6,
       jsonb_build_object('days', floor(extract(epoch FROM $3::timestamptz - a.last_order_at) / 86400), 'type', a.account_type)
  FROM app.accounts a
 WHERE a.tenant_id = $1 AND a.last_order_at <= $3::timestamptz - $7::int * interval '1 day'
   AND (cardinality($8::text[]) = 0 OR a.account_type = ANY($8::text[]))
   AND NOT EXISTS (SELECT FROM app.trigger_executions e WHERE e.tenant_id = $1 AND e.trigger_id = $2 AND e.subject_id = a.company_id
                      AND (e.window_start = $5 OR e.fired_at > $3::timestamptz - $4::int * interval '1 day'))
 ORDER BY a.company_id LIMIT $9
ON CONFLICT (tenant_id, trigger_id, subject_id, window_start) DO NOTHING RETURNING id, subject_kind, subject_id, evidence

-- stock_below --
-- Active SKUs with less than $7 days left.
INSERT INTO app.trigger_executions (tenant_id, trigger_id, subject_kind, subject_id, window_start, action, evidence)
SELECT $1, $2::uuid, 'sku', s.id, $5::timestamptz, $6, jsonb_build_object('code', s.code, 'days_left', s.days_left, 'on_hand', s.on_hand)
  FROM app.skus s
 WHERE s.tenant_id = $1 AND s.active AND s.days_left < $7::int
   AND NOT EXISTS (SELECT FROM app.trigger_executions e WHERE e.tenant_id = $1 AND e.trigger_id = $2 AND e.subject_id = s.id
                      AND (e.window_start = $5 OR e.fired_at > $3::timestamptz - $4::int * interval '1 day'))
 ORDER BY s.id LIMIT $8
ON CONFLICT (tenant_id, trigger_id, subject_id, window_start) DO NOTHING RETURNING id, subject_kind, subject_id, evidence

-- sample_not_converted --
-- Samples of $7 to $7 + 30 days ago that led to nothing; a sample is a window of its own, so it is told of once.
INSERT INTO app.trigger_executions (tenant_id, trigger_id, subject_kind, subject_id, window_start, action, evidence)
SELECT $1, $2::uuid, 'sample', s.id, s.given_at, $5, jsonb_build_object('company_id', s.company_id, 'sku_id', s.sku_id, 'given_at', s.given_at)
  FROM app.samples s
 WHERE s.tenant_id = $1 AND s.converted_order_id IS NULL AND s.given_at <= $3::timestamptz - $6::int * interval '1 day'
   AND s.given_at > $3::timestamptz - ($6::int + 30) * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.trigger_executions e WHERE e.tenant_id = $1 AND e.trigger_id = $2 AND e.subject_id = s.id
                      AND (e.window_start = s.given_at OR e.fired_at > $3::timestamptz - $4::int * interval '1 day'))
 ORDER BY s.id LIMIT $7
ON CONFLICT (tenant_id, trigger_id, subject_id, window_start) DO NOTHING RETURNING id, subject_kind, subject_id, evidence

-- window --
-- Where the present window of $2 days begins; windows are counted from 1970.
SELECT to_timestamp(floor(extract(epoch FROM $1::timestamptz) / ($2::int * 86400)) * ($2::int * 86400))

-- over --
-- Alerts of a rule about which nothing fired for its whole cooldown.
SELECT a.scope FROM app.alerts a
 WHERE a.tenant_id = $1 AND a.rule = $2 AND a.state <> 'resolved' AND a.last_seen <= $3::timestamptz - $4::int * interval '1 day' ORDER BY 1

-- standing --
-- All alerts of a rule that are not over.
SELECT a.scope FROM app.alerts a WHERE a.tenant_id = $1 AND a.rule = $2 AND a.state <> 'resolved' ORDER BY 1

-- add --
-- A new one, unless its name is taken.
INSERT INTO app.triggers (tenant_id, name, rule, params, cooldown_days, action, severity, enabled, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, left($9, 200)) ON CONFLICT (tenant_id, name) DO NOTHING
RETURNING id, name, rule, params, cooldown_days, action, severity, enabled, created_by, created_at, updated_at

-- show --
-- One trigger.
SELECT id, name, rule, params, cooldown_days, action, severity, enabled, created_by, created_at, updated_at FROM app.triggers WHERE tenant_id = $1 AND id = $2

-- lock --
-- The same, until the transaction ends.
SELECT id, name, rule, params, cooldown_days, action, severity, enabled, created_by, created_at, updated_at FROM app.triggers
 WHERE tenant_id = $1 AND id = $2 FOR UPDATE

-- list --
-- Triggers, newest first, keyset by id.
SELECT id, name, rule, params, cooldown_days, action, severity, enabled, created_by, created_at, updated_at FROM app.triggers
 WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3

-- change --
-- What is named is replaced.
UPDATE app.triggers SET name = coalesce($3, name), params = coalesce($4, params), cooldown_days = coalesce($5, cooldown_days),
       action = coalesce($6, action), severity = coalesce($7, severity), enabled = coalesce($8, enabled), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2
RETURNING id, name, rule, params, cooldown_days, action, severity, enabled, created_by, created_at, updated_at

-- remove --
-- With its history.
DELETE FROM app.triggers WHERE tenant_id = $1 AND id = $2

-- executions --
-- When which trigger fired, newest first, keyset by id.
SELECT id, trigger_id, subject_kind, subject_id, window_start, fired_at, action, evidence FROM app.trigger_executions
 WHERE tenant_id = $1 AND id < $2 AND ($3::uuid IS NULL OR trigger_id = $3) AND ($4::uuid IS NULL OR subject_id = $4) ORDER BY id DESC LIMIT $5
