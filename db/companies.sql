-- list --
-- Companies, newest first, without those that go under another.
SELECT c.id, c.name, c.country, c.city, c.domain, c.registry_id, c.phone, c.employees, c.industry, c.sources, c.created_at, c.updated_at
  FROM app.companies /* path */ c
 WHERE c.tenant_id = $1 AND c.id < $2 AND c.merged_into IS NULL AND ($3::text IS NULL OR c.country = $3) AND ($5::uuid IS NULL OR c.created_by_run = $5)
 ORDER BY c.id DESC LIMIT $4

-- search --
-- Companies called like this, the likest first.
SELECT c.id, c.name, c.country, c.city, c.domain, c.registry_id, c.phone, c.employees, c.industry, c.sources, c.created_at, c.updated_at,
       s.likeness::float8 AS likeness
  FROM app.similar_companies(ARRAY[$2::text], ARRAY[$3::text], ARRAY[NULL]::uuid[], $4) s
  JOIN app.companies c ON c.tenant_id = $1 AND c.id = s.id ORDER BY s.likeness DESC, c.id

-- show --
-- One company.
SELECT c.id, c.name, c.country, c.city, c.domain, c.registry_id, c.phone, c.employees, c.industry, c.sources, c.created_at, c.updated_at,
       c.description, c.naics,
       ARRAY(SELECT k.key_type || ' ' || k.value FROM app.entity_keys k WHERE k.tenant_id = c.tenant_id AND k.entity_id = c.id
              ORDER BY k.key_type, k.value LIMIT 100) AS keys,
       ARRAY(SELECT m.id FROM app.companies m WHERE m.tenant_id = c.tenant_id AND m.merged_into = c.id ORDER BY m.id LIMIT 100) AS merged,
       ARRAY(SELECT l.id FROM app.leads l WHERE l.tenant_id = c.tenant_id AND l.company_id = c.id AND l.merged_into IS NULL ORDER BY l.id LIMIT 100) AS leads
  FROM app.companies c WHERE c.tenant_id = $1 AND c.id = $2
