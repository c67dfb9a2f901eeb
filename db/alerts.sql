-- raise --
-- Open it, or count it once more.
INSERT INTO app.alerts AS a (tenant_id, rule, scope, severity, evidence) VALUES ($1, $2, left($3, 200), $4, $5)
ON CONFLICT (tenant_id, rule, scope) WHERE state <> 'resolved'
DO UPDATE SET last_seen = app.now(), count = a.count + 1, severity = EXCLUDED.severity, evidence = EXCLUDED.evidence
RETURNING id, count = 1 AS opened

-- resolve --
-- It is over.
UPDATE app.alerts SET state = 'resolved', resolved_at = app.now() WHERE tenant_id = $1 AND rule = $2 AND scope = $3 AND state <> 'resolved' RETURNING id

-- acknowledge --
-- Somebody looks after it.
UPDATE app.alerts SET state = 'ack' WHERE tenant_id = $1 AND id = $2 AND state = 'open' RETURNING id

-- list --
-- Newest first.
SELECT a.tenant_id, a.id, a.rule, a.scope, a.severity, a.state, a.first_seen, a.last_seen, a.count, a.evidence, a.resolved_at
  FROM app.alerts a WHERE a.tenant_id = ANY($1::uuid[]) AND ($2::boolean OR a.state <> 'resolved') ORDER BY a.last_seen DESC, a.id DESC LIMIT $3
