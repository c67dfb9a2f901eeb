-- orders --
-- The orders that count now: ACTIVE and SHADOW of every field.
SELECT id, field, stage, operations, made_by, verdict, created_at FROM app.waterfall_orders
 WHERE tenant_id = $1 AND stage <> 'ARCHIVED' ORDER BY field, stage

-- tried --
-- What became of each operation for each field since then, by the newest steps: every enrichment asks, so what it reads is bounded.
-- Stored answers count: they say as much about the vendor, and nothing about what asking it costs (`bought` leaves them out).
SELECT field, operation, count(*)::int AS asked, count(*) FILTER (WHERE outcome = 'accepted')::int AS accepted,
       count(*) FILTER (WHERE NOT stored)::int AS bought, coalesce(sum(cost_usd) FILTER (WHERE NOT stored), 0) AS cost_usd
  FROM (SELECT field, operation, outcome, stored, cost_usd, created_at FROM app.waterfall_steps WHERE tenant_id = $1 ORDER BY id DESC LIMIT 5000) s
 WHERE created_at > app.now() - $2::float8 * interval '1 day' AND outcome IN ('accepted', 'rejected', 'miss', 'suppressed')
 GROUP BY field, operation ORDER BY field, operation

-- archive --
-- Make room in a stage.
UPDATE app.waterfall_orders SET stage = 'ARCHIVED', stage_at = app.now() WHERE tenant_id = $1 AND field = $2 AND stage = $3

-- propose --
-- A new order, watched before it is followed.
INSERT INTO app.waterfall_orders (tenant_id, field, stage, operations, made_by) VALUES ($1, $2, 'SHADOW', $3, $4)
ON CONFLICT DO NOTHING RETURNING id

-- watched --
-- Which field a SHADOW order is for.
SELECT field FROM app.waterfall_orders WHERE tenant_id = $1 AND id = $2 AND stage = 'SHADOW' FOR UPDATE

-- promote --
-- From SHADOW to ACTIVE, with what spoke for it.
UPDATE app.waterfall_orders SET stage = 'ACTIVE', verdict = $3, stage_at = app.now() WHERE tenant_id = $1 AND id = $2

-- note --
-- What is thought of a SHADOW order so far.
UPDATE app.waterfall_orders SET verdict = $3 WHERE tenant_id = $1 AND id = $2 AND stage = 'SHADOW'

-- pairs --
-- Rows seen under both orders: what each costs and finds.
SELECT active_cost_usd AS active_usd, active_found, shadow_cost_usd AS shadow_usd, shadow_found
  FROM app.waterfall_steps WHERE tenant_id = $1 AND field = $2 AND shadow_id = $3 ORDER BY id LIMIT 5000
