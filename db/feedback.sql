-- now --
-- The database's clock.
SELECT app.now()

-- give --
-- What somebody said. The same source event of the lead again adds nothing.
INSERT INTO app.lead_feedback (tenant_id, id, lead_id, verdict, event_at, known_at, source, source_event, note, weight, given_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, left($11, 200))
ON CONFLICT (tenant_id, lead_id, source, source_event) DO NOTHING RETURNING id

-- same --
-- The feedback that a source event stands for.
SELECT id, lead_id, verdict, event_at, known_at, note, weight, source, source_event, given_by, created_at
  FROM app.lead_feedback WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) AND source = $3 AND source_event = $4 ORDER BY id LIMIT 1

-- show --
-- One piece of feedback.
SELECT id, lead_id, verdict, event_at, known_at, note, weight, source, source_event, given_by, created_at
  FROM app.lead_feedback WHERE tenant_id = $1 AND id = $2

-- list --
-- Newest first, keyset by id.
SELECT id, lead_id, verdict, event_at, known_at, note, weight, source, source_event, given_by, created_at
  FROM app.lead_feedback WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) AND id < $3 ORDER BY id DESC LIMIT $4
