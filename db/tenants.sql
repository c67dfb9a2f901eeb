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
UPDATE app.tenants SET status = $2 WHERE slug = $1 RETURNING id, slug, name, status
