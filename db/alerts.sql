-- raise --
-- Open it, or count it once more.
INSERT INTO app.alerts AS a (tenant_id, rule, scope, severity, evidence) VALUES ($1, $2, left($3, 200), $4, $5)
ON CONFLICT (tenant_id, rule, scope) WHERE state <> 'resolved'
DO UPDATE SET last_seen = app.now(), count = a.count + 1, severity = EXCLUDED.severity, evidence = EXCLUDED.evidence
RETURNING id, count = 1 AS opened

-- listeners --
-- Channels that are told of a new alert: enabled, not too choosy, and not the one it is about ($3).
SELECT c.id FROM app.alert_channels c
 WHERE c.tenant_id = $1 AND c.enabled AND array_position($4::text[], c.min_severity) >= array_position($4::text[], $2::text)
   AND ($3::uuid IS NULL OR c.id <> $3) ORDER BY c.id

-- resolve --
-- It is over.
UPDATE app.alerts SET state = 'resolved', resolved_at = app.now() WHERE tenant_id = $1 AND rule = $2 AND scope = left($3, 200) AND state <> 'resolved'
RETURNING id, rule, severity

-- resolve_id --
-- Somebody says that it is over.
UPDATE app.alerts SET state = 'resolved', resolved_at = app.now(), resolved_by = $3 WHERE tenant_id = $1 AND id = $2 AND state <> 'resolved'
RETURNING id, rule, severity

-- told --
-- Channels on which its opening was told, or is being told.
SELECT d.channel_id AS id FROM app.alert_deliveries d
 WHERE d.tenant_id = $1 AND d.alert_id = $2 AND d.transition = 'opened' AND d.state IN ('sending', 'sent') ORDER BY d.channel_id

-- acknowledge --
-- Somebody looks after it.
UPDATE app.alerts SET state = 'ack', acknowledged_by = $3, acknowledged_at = app.now() WHERE tenant_id = $1 AND id = $2 AND state = 'open' RETURNING id

-- list --
-- Last seen first.
SELECT a.tenant_id, a.id, a.rule, a.scope, a.severity, a.state, a.first_seen, a.last_seen, a.count, a.evidence, a.acknowledged_by, a.acknowledged_at,
       a.resolved_at, a.resolved_by
  FROM app.alerts a WHERE a.tenant_id = ANY($1::uuid[]) AND ($2::boolean OR a.state <> 'resolved') ORDER BY a.last_seen DESC, a.id DESC LIMIT $3

-- page --
-- Newest first, keyset by id.
SELECT a.tenant_id, a.id, a.rule, a.scope, a.severity, a.state, a.first_seen, a.last_seen, a.count, a.evidence, a.acknowledged_by, a.acknowledged_at,
       a.resolved_at, a.resolved_by
  FROM app.alerts a
 WHERE a.tenant_id = $1 AND a.id < $2 AND ($3::text IS NULL OR a.state = $3) AND ($4::text IS NULL OR a.severity = $4)
   AND ($5::text IS NULL OR a.rule = $5) ORDER BY a.id DESC LIMIT $6

-- show --
-- One alert, of one of these tenants.
SELECT a.tenant_id, a.id, a.rule, a.scope, a.severity, a.state, a.first_seen, a.last_seen, a.count, a.evidence, a.acknowledged_by, a.acknowledged_at,
       a.resolved_at, a.resolved_by
  FROM app.alerts a WHERE a.tenant_id = ANY($1::uuid[]) AND a.id = $2

-- standing --
-- Alerts of these rules that are not over, and how long ago they were last seen, in seconds. System role.
SELECT a.tenant_id, a.rule, a.scope, extract(epoch FROM app.now() - a.last_seen)::float8 AS seen_s
  FROM app.alerts a WHERE a.rule = ANY($1::text[]) AND a.state <> 'resolved'

-- deliveries --
-- What was told where.
SELECT d.channel_id, c.name AS channel, c.kind, d.transition, d.state, d.attempts, d.reason, d.began_at, d.ended_at
  FROM app.alert_deliveries d JOIN app.alert_channels c ON c.tenant_id = d.tenant_id AND c.id = d.channel_id
 WHERE d.tenant_id = $1 AND d.alert_id = $2 ORDER BY d.began_at, d.channel_id, d.transition
