-- leads --
-- Leads with company, contact, site, and whether anybody has looked for more. A merged company or contact is the one it was merged into.
SELECT l.id, l.icp_profile_id, l.source, to_jsonb(c) - 'tenant_id' AS company,
       CASE WHEN p.id IS NOT NULL THEN to_jsonb(p) - 'tenant_id' END AS contact, c.id AS company_id, p.id AS contact_id, s.outcome, s.language,
       (SELECT count(*)::int FROM app.contacts k WHERE k.tenant_id = c.tenant_id AND k.company_id = c.id AND k.merged_into IS NULL) AS contacts,
       EXISTS (SELECT FROM app.enrichments e WHERE e.tenant_id = l.tenant_id AND e.lead_id = l.id AND e.state = 'COMPLETED') AS looked
  FROM app.leads l
  JOIN app.companies c0 ON c0.tenant_id = l.tenant_id AND c0.id = l.company_id
  LEFT JOIN app.companies c1 ON c1.tenant_id = l.tenant_id AND c1.id = c0.merged_into
  LEFT JOIN app.companies c2 ON c2.tenant_id = l.tenant_id AND c2.id = c1.merged_into
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = coalesce(c2.id, c1.id, c0.id)
  LEFT JOIN app.contacts p0 ON p0.tenant_id = l.tenant_id AND p0.id = l.contact_id
  LEFT JOIN app.contacts p1 ON p1.tenant_id = l.tenant_id AND p1.id = p0.merged_into
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = coalesce(p1.id, p0.id)
  LEFT JOIN LATERAL (SELECT s.outcome, s.language FROM app.crawl_sites s WHERE s.tenant_id = c.tenant_id AND s.company_id = c.id
                      ORDER BY s.crawled_at DESC LIMIT 1) s ON true
 WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])

-- companies --
-- Companies by themselves, with site, and whether anybody has looked for more.
SELECT c.id, to_jsonb(c) - 'tenant_id' AS company, s.outcome, s.language,
       EXISTS (SELECT FROM app.leads l JOIN app.enrichments e ON e.tenant_id = l.tenant_id AND e.lead_id = l.id AND e.state = 'COMPLETED'
                WHERE l.tenant_id = c.tenant_id AND l.company_id = c.id) AS looked
  FROM app.companies c
  LEFT JOIN LATERAL (SELECT s.outcome, s.language FROM app.crawl_sites s WHERE s.tenant_id = c.tenant_id AND s.company_id = c.id
                      ORDER BY s.crawled_at DESC LIMIT 1) s ON true
 WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) ORDER BY c.id

-- newest_companies --
-- The newest ones that were not merged into another.
SELECT id FROM app.companies WHERE tenant_id = $1 AND merged_into IS NULL ORDER BY id DESC LIMIT $2

-- companies_after --
-- A page in the order of ids.
SELECT id FROM app.companies WHERE tenant_id = $1 AND id > $2 AND merged_into IS NULL ORDER BY id LIMIT $3

-- facts --
-- Current values of some fields of some entities.
SELECT entity_id, field, value, confidence, verified, observed_at FROM app.field_values
 WHERE tenant_id = $1 AND entity_id = ANY($2::uuid[]) AND superseded_at IS NULL AND field = ANY($3::text[])
