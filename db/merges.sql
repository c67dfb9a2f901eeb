-- lock --
-- Entity locks in key order.
SELECT id, merged_into FROM app.companies WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- root --
-- Under which company this one goes now, through any number of merges.
WITH RECURSIVE up(id, merged_into) AS (
    SELECT c.id, c.merged_into FROM app.companies c WHERE c.tenant_id = $1 AND c.id = $2
    UNION SELECT c.id, c.merged_into FROM app.companies c JOIN up ON c.id = up.merged_into WHERE c.tenant_id = $1
)
SELECT id FROM up WHERE merged_into IS NULL

-- lead_root --
-- Which lead stands for this one now, through any number of merges.
WITH RECURSIVE up(id, merged_into) AS (
    SELECT l.id, l.merged_into FROM app.leads l WHERE l.tenant_id = $1 AND l.id = $2
    UNION SELECT l.id, l.merged_into FROM app.leads l JOIN up ON l.id = up.merged_into WHERE l.tenant_id = $1
)
SELECT id FROM up WHERE merged_into IS NULL

-- lead_family --
-- A lead and those that were merged into it, by however many steps.
WITH RECURSIVE down(id) AS (
    SELECT $2::uuid
    UNION SELECT l.id FROM app.leads l JOIN down d ON l.merged_into = d.id WHERE l.tenant_id = $1
)
SELECT id FROM down ORDER BY id

-- decision --
-- What was decided about a pair; locked after its companies.
SELECT id, a_id, b_id, decision, survivor_id, undo, changes, probability FROM app.match_decisions
 WHERE tenant_id = $1 AND id = $2 AND kind = 'company' FOR UPDATE

-- pair --
-- The two companies of a decision.
SELECT a_id, b_id FROM app.match_decisions WHERE tenant_id = $1 AND id = $2 AND kind = 'company'

-- registries --
-- Registry ids by company: two of them are two companies.
SELECT k.entity_id, k.value FROM app.entity_keys k
 WHERE k.tenant_id = $1 AND k.kind = 'company' AND k.entity_id = ANY($2::uuid[]) AND k.key_type = 'registry' ORDER BY k.value

-- move_keys --
-- Keys follow the merge, so that hits land on the survivor.
UPDATE app.entity_keys SET entity_id = $3 WHERE tenant_id = $1 AND kind = 'company' AND entity_id = $2 RETURNING key_type, value

-- move_contacts --
-- People follow.
UPDATE app.contacts SET company_id = $3 WHERE tenant_id = $1 AND company_id = $2 RETURNING id

-- point_leads --
-- A survivor's lead wins: the other one of the same profile points to it.
UPDATE app.leads l SET merged_into = w.id
  FROM (SELECT DISTINCT ON (s.icp_profile_id) s.id, s.icp_profile_id FROM app.leads s
         WHERE s.tenant_id = $1 AND s.company_id = $3 AND s.merged_into IS NULL ORDER BY s.icp_profile_id, s.id) w
 WHERE l.tenant_id = $1 AND l.company_id = $2 AND l.merged_into IS NULL AND l.icp_profile_id IS NOT DISTINCT FROM w.icp_profile_id
RETURNING l.id, w.id AS winner

-- move_leads --
-- Leads the survivor has none for become its own.
UPDATE app.leads SET company_id = $3 WHERE tenant_id = $1 AND company_id = $2 AND merged_into IS NULL RETURNING id

-- move_facts --
-- What is known follows, except what the survivor's sources say in the same words.
UPDATE app.field_values v SET entity_id = $3
 WHERE v.tenant_id = $1 AND v.kind = 'company' AND v.entity_id = $2
   AND NOT EXISTS (SELECT FROM app.field_values s WHERE s.tenant_id = v.tenant_id AND s.kind = v.kind AND s.entity_id = $3
                      AND s.field = v.field AND s.vendor = v.vendor AND s.value_hash = v.value_hash)
RETURNING id

-- move_records --
-- What sources said follows.
UPDATE app.source_records SET company_id = $3 WHERE tenant_id = $1 AND company_id = $2 RETURNING id

-- move_sites --
-- So does what was read of its site.
UPDATE app.crawl_sites SET company_id = $3 WHERE tenant_id = $1 AND company_id = $2 RETURNING id

-- retire_candidates --
-- The survivor alone is held against profiles.
UPDATE app.icp_candidate_companies SET gone_at = app.now() WHERE tenant_id = $1 AND company_id = $2 AND gone_at IS NULL RETURNING id

-- redirect --
-- From now on it goes under the survivor.
UPDATE app.companies SET merged_into = $3 WHERE tenant_id = $1 AND id = $2

-- columns --
-- The columns a merge may change.
SELECT country, city, domain, registry_id, industries, sources, employees, industry, naics, description, phone, compared_at, updated_at
  FROM app.companies WHERE tenant_id = $1 AND id = $2

-- write_columns --
-- The survivor with the best of both.
UPDATE app.companies SET country = $3, city = $4, domain = $5, registry_id = $6, industries = $7::text[], sources = $8::text[], employees = $9,
       industry = $10, naics = $11::text[], description = $12, phone = $13, compared_at = $14, updated_at = $15
 WHERE tenant_id = $1 AND id = $2

-- decide --
-- What was decided, by whom, and how to take it back.
UPDATE app.match_decisions SET decision = $3, survivor_id = $4, undo = $5, decided_by = left($6, 200), decided_at = app.now(),
       reason = coalesce($7, reason), changes = changes + 1
 WHERE tenant_id = $1 AND id = $2 RETURNING changes

-- later --
-- The merge by which a company went under another.
SELECT id FROM app.match_decisions WHERE tenant_id = $1 AND kind = 'company' AND decision IN ('auto', 'merged') AND survivor_id <> $2
   AND (a_id = $2 OR b_id = $2) ORDER BY decided_at DESC, id DESC LIMIT 1

-- return_keys --
-- Keys go back, as far as the survivor still has them.
UPDATE app.entity_keys k SET entity_id = $2 FROM unnest($4::text[], $5::text[]) AS w(key_type, value)
 WHERE k.tenant_id = $1 AND k.kind = 'company' AND k.entity_id = $3 AND k.key_type = w.key_type AND k.value = w.value

-- return_contacts --
-- People go back.
UPDATE app.contacts SET company_id = $2 WHERE tenant_id = $1 AND company_id = $3 AND id = ANY($4::uuid[])

-- return_leads --
-- Leads go back, whether they were moved or pointed to another.
UPDATE app.leads SET company_id = $2, merged_into = NULL WHERE tenant_id = $1 AND id = ANY($3::uuid[])

-- return_facts --
-- What was known goes back.
UPDATE app.field_values SET entity_id = $2 WHERE tenant_id = $1 AND entity_id = $3 AND id = ANY($4::uuid[])

-- return_records --
-- What sources said goes back.
UPDATE app.source_records SET company_id = $2 WHERE tenant_id = $1 AND company_id = $3 AND id = ANY($4::uuid[])

-- return_sites --
-- So does what was read of its site.
UPDATE app.crawl_sites SET company_id = $2 WHERE tenant_id = $1 AND company_id = $3 AND id = ANY($4::uuid[])

-- return_candidates --
-- It is held against profiles again.
UPDATE app.icp_candidate_companies SET gone_at = NULL WHERE tenant_id = $1 AND id = ANY($2::uuid[])

-- live_leads --
-- The leads of a company that stand for themselves.
SELECT id FROM app.leads WHERE tenant_id = $1 AND company_id = ANY($2::uuid[]) AND merged_into IS NULL ORDER BY id
