-- by_slug --
SELECT id, slug, name, status FROM app.tenants WHERE slug = $1

-- by_id --
SELECT id, slug, name, status FROM app.tenants WHERE id = $1

-- list --
SELECT id, slug, name, status FROM app.tenants ORDER BY slug LIMIT $1

-- create --
INSERT INTO app.tenants (id, slug, name) VALUES (coalesce($1, app.uuidv7()), $2, $3)
ON CONFLICT DO NOTHING RETURNING id, slug, name, status

-- set_status --
-- Only what an active tenant has in its outbox is handed off.
WITH changed AS (
    UPDATE app.tenants SET status = $2::text WHERE slug = $1 RETURNING id, slug, name, status
), going AS (
    DELETE FROM app.pauses p USING changed c WHERE p.tenant_id = c.id AND c.status = 'active'
), held AS (
    INSERT INTO app.pauses (tenant_id, reason, paused_by) SELECT c.id, 'the tenant is ' || c.status, left($3, 200) FROM changed c WHERE c.status <> 'active'
    ON CONFLICT DO NOTHING
)
SELECT id, slug, name, status FROM changed
