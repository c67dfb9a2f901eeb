-- show --
-- The pause of a tenant, if any, and whether the tenant itself is active.
SELECT t.status <> 'active' AS suspended, p.tenant_id IS NOT NULL AS paused, p.reason, p.paused_by AS by, p.paused_at AS since
  FROM app.tenants t LEFT JOIN app.pauses p ON p.tenant_id = t.id WHERE t.id = $1

-- pause --
-- From now on its events wait. Who paused first stays.
INSERT INTO app.pauses (tenant_id, reason, paused_by) VALUES ($1, $2, left($3::text, 200)) ON CONFLICT DO NOTHING RETURNING tenant_id

-- resume --
-- They go on. A suspended tenant's pause is not an operator's to end.
DELETE FROM app.pauses p USING app.tenants t WHERE p.tenant_id = $1 AND t.id = p.tenant_id AND t.status = 'active' RETURNING p.tenant_id
