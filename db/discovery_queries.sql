-- add --
-- In key order; a text that is there already stays as it is.
INSERT INTO app.discovery_queries (tenant_id, text, text_key, source, icp_profile_id, created_by)
SELECT $1, q.text, q.text_key, $2, $3, left($4, 200) FROM unnest($5::text[], $6::text[]) AS q(text, text_key) ORDER BY q.text_key
ON CONFLICT (tenant_id, text_key) DO NOTHING
RETURNING id, text, enabled, source, icp_profile_id, created_by, last_used_at, created_at

-- list --
-- Newest first, keyset by id.
SELECT id, text, enabled, source, icp_profile_id, created_by, last_used_at, created_at FROM app.discovery_queries
 WHERE tenant_id = $1 AND id < $2 AND ($3::boolean IS NULL OR enabled = $3) ORDER BY id DESC LIMIT $4

-- set_enabled --
-- On or off.
UPDATE app.discovery_queries SET enabled = $3, updated_at = app.now() WHERE tenant_id = $1 AND id = $2
RETURNING id, text, enabled, source, icp_profile_id, created_by, last_used_at, created_at

-- remove --
-- For good.
DELETE FROM app.discovery_queries WHERE tenant_id = $1 AND id = $2 RETURNING text

-- by_key --
-- A query by what it says.
SELECT id FROM app.discovery_queries WHERE tenant_id = $1 AND text_key = $2

-- choose --
-- The longest unused first; $2: only those of one profile.
SELECT text FROM app.discovery_queries q
 WHERE q.tenant_id = $1 AND q.enabled AND ($2::uuid IS NULL OR q.icp_profile_id = $2) ORDER BY q.last_used_at NULLS FIRST, q.id LIMIT $3

-- use --
-- They were used by a run that is starting. In id order, as two runs may start together.
WITH mine AS (
    SELECT id FROM app.discovery_queries WHERE tenant_id = $1 AND text_key = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE
)
UPDATE app.discovery_queries q SET last_used_at = app.now() FROM mine m WHERE q.tenant_id = $1 AND q.id = m.id
