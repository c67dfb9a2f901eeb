-- show --
-- A tenant's CRM, with the tenant's slug, which its key's name bears.
SELECT o.id, o.url, o.database, o.login, o.secret_ref, o.transport, o.enabled, o.tested_at, o.test_result, o.created_at, o.updated_at, t.slug
  FROM app.odoo_connections o JOIN app.tenants t ON t.id = o.tenant_id WHERE o.tenant_id = $1

-- slug --
-- The name of a tenant.
SELECT t.slug FROM app.tenants t WHERE t.id = $1

-- set --
-- The whole connection; a change makes the last test say nothing any more.
INSERT INTO app.odoo_connections AS o (tenant_id, url, database, login, secret_ref, transport, enabled) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id) DO UPDATE SET url = excluded.url, database = excluded.database, login = excluded.login, secret_ref = excluded.secret_ref,
       transport = excluded.transport, enabled = excluded.enabled, updated_at = app.now(),
       tested_at = CASE WHEN (o.url, o.database, o.login, o.secret_ref, o.transport)
           IS NOT DISTINCT FROM (excluded.url, excluded.database, excluded.login, excluded.secret_ref, excluded.transport) THEN o.tested_at END,
       test_result = CASE WHEN (o.url, o.database, o.login, o.secret_ref, o.transport)
           IS NOT DISTINCT FROM (excluded.url, excluded.database, excluded.login, excluded.secret_ref, excluded.transport) THEN o.test_result END

-- remove --
-- What stands in the CRM stays there, and so do its links.
DELETE FROM app.odoo_connections WHERE tenant_id = $1 RETURNING id

-- untested --
-- A test was asked for: what the last one said is over.
UPDATE app.odoo_connections SET tested_at = NULL, test_result = NULL WHERE tenant_id = $1

-- tested --
-- What a test came to, unless the connection is another by now.
UPDATE app.odoo_connections SET tested_at = app.now(), test_result = $3 WHERE tenant_id = $1 AND updated_at = $2

-- probe_id --
-- A name for one test.
SELECT app.uuidv7()

-- policy --
-- What the tenant has decided about its CRM.
SELECT p.name, p.value FROM app.tenant_policies p WHERE p.tenant_id = $1 AND p.name IN ('crm_min_band', 'crm_conflicts')

-- set_policy --
-- One decision of a tenant.
INSERT INTO app.tenant_policies AS p (tenant_id, name, value, set_by) VALUES ($1, $2, to_jsonb($3::text), $4)
ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value, set_by = excluded.set_by, updated_at = app.now()
 WHERE p.value <> excluded.value
