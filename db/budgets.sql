-- rules --
-- Rows of our own, which override the defaults.
SELECT b.tenant_id, b.scope, b.vendor, b.unit, b.period, b.limit_units FROM app.budgets b WHERE b.tenant_id = ANY($1::uuid[]) ORDER BY 1, 2, 3, 4, 5

-- counters --
-- What is reserved and spent in the periods that run now.
SELECT c.tenant_id, c.scope, c.vendor, c.unit, c.period, c.bucket, c.limit_units, c.reserved, c.spent FROM app.budget_counters c
 WHERE c.tenant_id = ANY($1::uuid[]) AND c.period IN ('day', 'month')
   AND c.bucket = to_char(app.now() AT TIME ZONE 'UTC', CASE c.period WHEN 'day' THEN 'YYYY-MM-DD' ELSE 'YYYY-MM' END)

-- of_run --
-- What a run's own budgets hold.
SELECT c.scope, c.vendor, c.unit, c.period, c.bucket, c.limit_units, c.reserved, c.spent FROM app.budget_counters c
 WHERE c.tenant_id = $1 AND c.period = 'run' AND c.bucket = $2::uuid::text ORDER BY 1, 2, 3

-- today --
-- The periods that run now.
SELECT to_char(app.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, to_char(app.now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month

-- set --
-- A limit of our own. It holds from the next reservation on.
INSERT INTO app.budgets (tenant_id, scope, vendor, unit, period, limit_units, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, scope, vendor, unit, period) DO UPDATE SET limit_units = EXCLUDED.limit_units, set_by = EXCLUDED.set_by, updated_at = app.now()

-- unset --
-- Back to the default.
DELETE FROM app.budgets WHERE tenant_id = $1 AND scope = $2 AND vendor = $3 AND unit = $4 AND period = $5 RETURNING limit_units

-- forget --
-- Counters of days, months and runs long past.
DELETE FROM app.budget_counters WHERE updated_at < app.now() - interval '400 days' AND reserved = 0
