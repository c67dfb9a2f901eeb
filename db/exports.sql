-- companies --
-- A page of companies, oldest first, keyset by id. Those merged into another are not there any more.
SELECT c.id, c.name, c.domain, c.country, c.city, c.registry_id, c.industries, c.sources, c.created_at, c.updated_at
  FROM app.companies c
 WHERE c.tenant_id = $1 AND c.id > $2 AND c.merged_into IS NULL AND ($4::text IS NULL OR c.country = $4) AND ($5::timestamptz IS NULL OR c.updated_at >= $5)
 ORDER BY c.id LIMIT $3

-- leads --
-- A page of leads with their companies and contacts, oldest first, keyset by id. Those merged into another are not there any more.
SELECT l.id, l.status, l.source, l.run_id, l.icp_profile_id, l.company_id, c.name, c.domain, c.country, c.city, c.registry_id,
       p.name AS contact_name, p.title AS contact_title, p.email AS contact_email, l.created_at, l.updated_at
  FROM app.leads l JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = l.contact_id
 WHERE l.tenant_id = $1 AND l.id > $2 AND l.merged_into IS NULL AND ($4::text IS NULL OR c.country = $4) AND ($5::timestamptz IS NULL OR l.updated_at >= $5)
   AND ($6::text IS NULL OR l.status = $6) AND ($7::uuid IS NULL OR l.run_id = $7) AND ($8::uuid IS NULL OR l.icp_profile_id = $8)
 ORDER BY l.id LIMIT $3

-- suppressions --
-- A page of the list: hashes, never values.
SELECT s.id, s.channel, s.key_type, s.key_hash, s.reason, s.source, s.created_at
  FROM app.suppressions s WHERE s.tenant_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3
