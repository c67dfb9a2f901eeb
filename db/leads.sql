-- add_companies --
-- The companies that are new.
INSERT INTO app.companies (tenant_id, id, name, name_core, country, city, domain, registry_id, industries, sources, created_by_run)
SELECT $1, c.id, c.name, c.name_core, c.country, c.city, c.domain, c.registry_id,
       coalesce(string_to_array(nullif(c.industries, ''), ' '), '{}'), ARRAY[c.source], $2
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
       AS c(id, name, name_core, country, city, domain, registry_id, industries, source)
 ORDER BY c.id

-- enrich_companies --
-- What a duplicate adds to the company it stands for: only what was empty, and its source.
UPDATE app.companies c
   SET domain = coalesce(c.domain, d.domain), registry_id = coalesce(c.registry_id, d.registry_id), city = coalesce(c.city, d.city),
       country = coalesce(c.country, d.country), sources = CASE WHEN d.source = ANY(c.sources) THEN c.sources ELSE c.sources || d.source END,
       updated_at = app.now(), compared_at = CASE WHEN c.city IS NULL AND d.city IS NOT NULL THEN NULL ELSE c.compared_at END
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS d(id, country, city, domain, registry_id, source)
 WHERE c.tenant_id = $1 AND c.id = d.id
   AND ((c.domain IS NULL AND d.domain IS NOT NULL) OR (c.registry_id IS NULL AND d.registry_id IS NOT NULL) OR (c.city IS NULL AND d.city IS NOT NULL)
        OR (c.country IS NULL AND d.country IS NOT NULL) OR NOT d.source = ANY(c.sources))

-- lock_companies --
-- Entity locks in key order, before anything is added to them.
SELECT id, merged_into FROM app.companies WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- seen_by_run --
-- Companies this run has met before.
SELECT DISTINCT company_id FROM app.source_records WHERE tenant_id = $1 AND run_id = $2 AND company_id = ANY($3::uuid[])

-- add_contacts --
-- People at those companies, whose keys were free.
INSERT INTO app.contacts (tenant_id, id, company_id, name, title, email, linkedin_url)
SELECT $1, c.id, c.company_id, c.name, c.title, c.email, c.linkedin_url
  FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
       AS c(id, company_id, name, title, email, linkedin_url) ORDER BY c.id

-- add_leads --
-- One lead a company and profile, unless there is one.
INSERT INTO app.leads (tenant_id, company_id, contact_id, icp_profile_id, source, run_id)
SELECT $1, w.company_id, w.contact_id, $2, w.source, $3 FROM unnest($4::uuid[], $5::uuid[], $6::text[]) AS w(company_id, contact_id, source)
 WHERE NOT EXISTS (SELECT FROM app.leads l WHERE l.tenant_id = $1 AND l.company_id = w.company_id AND l.icp_profile_id IS NOT DISTINCT FROM $2)
 ORDER BY w.company_id
ON CONFLICT DO NOTHING
RETURNING id, company_id

-- add_records --
-- Every hit, with what became of it.
INSERT INTO app.source_records (tenant_id, source, vendor, external_id, content_hash, payload, status, reason, run_id, slice_id, page, company_id, lead_id)
SELECT $1, $2, $3, r.external_id, sha256(convert_to(r.payload::text, 'UTF8')), r.payload, r.status, r.reason, $4, $5, $6, r.company_id, r.lead_id
  FROM unnest($7::text[], $8::jsonb[], $9::text[], $10::text[], $11::uuid[], $12::uuid[]) AS r(external_id, payload, status, reason, company_id, lead_id)
 ORDER BY r.external_id
ON CONFLICT DO NOTHING
RETURNING id, lead_id

-- add_lead --
-- A lead somebody typed in.
INSERT INTO app.leads (tenant_id, company_id, contact_id, icp_profile_id, source) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING id

-- lead_of_company --
-- The lead that is already there.
SELECT l.id FROM app.leads l WHERE l.tenant_id = $1 AND l.company_id = $2 AND l.icp_profile_id IS NOT DISTINCT FROM $3 ORDER BY l.id LIMIT 1

-- list --
-- Newest first, keyset by id, with company and the newest discovery record.
SELECT l.id, l.status, l.source, l.run_id, l.icp_profile_id, l.created_at, l.updated_at,
       c.id AS company_id, c.name AS company_name, c.country, c.city, c.domain, c.registry_id, c.industries, c.sources,
       p.id AS contact_id, p.name AS contact_name, p.email AS contact_email
  FROM app.leads l
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = l.contact_id
 WHERE l.tenant_id = $1 AND ($2::uuid IS NULL OR l.id < $2) AND ($3::text IS NULL OR l.status = $3)
   AND ($4::uuid IS NULL OR l.run_id = $4)
   AND ($7::text IS NULL OR EXISTS (SELECT FROM app.score_predictions s
         WHERE s.tenant_id = l.tenant_id AND s.lead_id = l.id AND s.decides AND s.band = $7))
   AND CASE WHEN $5::uuid IS NULL THEN l.merged_into IS NULL
            ELSE l.id = $5 END
 ORDER BY l.id DESC LIMIT $6

-- records --
-- What was said about a lead's company: its discovery records, newest first.
SELECT r.id, r.source, r.vendor, r.external_id, r.status, r.reason, r.run_id, r.slice_id, r.page, r.payload, r.created_at
  FROM app.source_records r JOIN app.leads l ON l.tenant_id = r.tenant_id AND l.company_id = r.company_id
 WHERE r.tenant_id = $1 AND l.id = $2 ORDER BY r.id DESC LIMIT 200

-- latest_records --
-- The newest discovery record of each of these companies.
SELECT DISTINCT ON (r.company_id) r.company_id, r.id, r.source, r.vendor, r.external_id, r.status, r.run_id, r.created_at
  FROM app.source_records r WHERE r.tenant_id = $1 AND r.company_id = ANY($2::uuid[]) ORDER BY r.company_id, r.id DESC

-- contacts --
-- People at a lead's company.
SELECT p.id, p.name, p.title, p.email FROM app.contacts p JOIN app.leads l ON l.tenant_id = p.tenant_id AND l.company_id = p.company_id
 WHERE p.tenant_id = $1 AND l.id = $2 ORDER BY p.id LIMIT 200
