-- value --
-- What a tenant has decided under a name.
SELECT value FROM app.tenant_policies WHERE tenant_id = $1 AND name = $2

-- values --
-- Everything a tenant has decided, by name.
SELECT name, value FROM app.tenant_policies WHERE tenant_id = $1 ORDER BY name

-- put --
-- Decide, or decide anew; nothing comes back when it stood so already.
INSERT INTO app.tenant_policies AS p (tenant_id, name, value, set_by) VALUES ($1, $2, $3, left($4, 200))
ON CONFLICT (tenant_id, name) DO UPDATE SET value = EXCLUDED.value, set_by = EXCLUDED.set_by, updated_at = app.now()
 WHERE p.value IS DISTINCT FROM EXCLUDED.value
RETURNING id

-- drop --
-- Back to what everybody has.
DELETE FROM app.tenant_policies WHERE tenant_id = $1 AND name = $2 RETURNING id
