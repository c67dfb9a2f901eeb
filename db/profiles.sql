-- add --
-- A new profile; nothing comes back when an open one has the name.
INSERT INTO app.icp_profiles (tenant_id, id, name, target_industries, target_countries, min_company_size, max_company_size,
       required_technologies, naics_codes, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, left($10, 200))
ON CONFLICT (tenant_id, name) WHERE closed_at IS NULL DO NOTHING
RETURNING id

-- show --
-- One profile, closed or not.
SELECT id, name, target_industries, target_countries, min_company_size, max_company_size, required_technologies, naics_codes, version,
       closed_at, created_by, created_at, updated_at
  FROM app.icp_profiles WHERE tenant_id = $1 AND id = $2

-- lock --
-- The same, and nobody else changes it before we are done.
SELECT id, name, target_industries, target_countries, min_company_size, max_company_size, required_technologies, naics_codes, version,
       closed_at, created_by, created_at, updated_at
  FROM app.icp_profiles WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- named --
-- The open profile of a name.
SELECT id FROM app.icp_profiles WHERE tenant_id = $1 AND name = $2 AND closed_at IS NULL

-- list --
-- Newest first, keyset by id; closed ones only if asked for.
SELECT id, name, target_industries, target_countries, min_company_size, max_company_size, required_technologies, naics_codes, version,
       closed_at, created_by, created_at, updated_at
  FROM app.icp_profiles
 WHERE tenant_id = $1 AND id < $2 AND ($3 OR closed_at IS NULL)
 ORDER BY id DESC LIMIT $4

-- change --
-- Everything as it is to stand, one version up. A name that is taken is a unique violation.
UPDATE app.icp_profiles SET name = $3, target_industries = $4, target_countries = $5, min_company_size = $6, max_company_size = $7,
       required_technologies = $8, naics_codes = $9, version = version + 1, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2

-- close --
-- A closed profile takes part in nothing any more.
UPDATE app.icp_profiles SET closed_at = app.now(), updated_at = app.now() WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL
