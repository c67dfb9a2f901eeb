-- put --
-- What a page of companies came to. Rows in the order of their keys (law 7).
INSERT INTO app.icp_candidate_companies AS k (tenant_id, icp_profile_id, company_id, rule_set_id, verdict, fit, coverage, reasons)
SELECT $1, $2, c.company_id, $3, c.verdict, c.fit, c.coverage, c.reasons::jsonb
  FROM unnest($4::uuid[], $5::text[], $6::float8[], $7::float8[], $8::text[]) AS c(company_id, verdict, fit, coverage, reasons)
 ORDER BY c.company_id
ON CONFLICT (tenant_id, icp_profile_id, company_id) DO UPDATE SET rule_set_id = EXCLUDED.rule_set_id, verdict = EXCLUDED.verdict,
       fit = EXCLUDED.fit, coverage = EXCLUDED.coverage, reasons = EXCLUDED.reasons, refreshed_at = app.now(), gone_at = NULL

-- before --
-- What was said of some companies until now.
SELECT company_id, verdict, fit, coverage, reasons FROM app.icp_candidate_companies
 WHERE tenant_id = $1 AND icp_profile_id = $2 AND company_id = ANY($3::uuid[]) AND gone_at IS NULL

-- now --
-- When a refresh begins.
SELECT app.now()

-- bury --
-- Companies that a whole refresh did not meet: deleted, or merged into another.
UPDATE app.icp_candidate_companies SET gone_at = app.now() WHERE tenant_id = $1 AND icp_profile_id = $2 AND refreshed_at < $3 AND gone_at IS NULL
RETURNING 1

-- counts --
-- What stands there.
SELECT verdict, count(*)::int AS n FROM app.icp_candidate_companies WHERE tenant_id = $1 AND icp_profile_id = $2 AND gone_at IS NULL GROUP BY 1

-- list --
-- Companies held against a profile, the newest row first.
SELECT k.id, k.company_id, c.name AS company_name, k.verdict, k.fit, k.coverage, k.reasons, k.rule_set_id, k.refreshed_at, k.gone_at
  FROM app.icp_candidate_companies k JOIN app.companies c ON c.tenant_id = k.tenant_id AND c.id = k.company_id
 WHERE k.tenant_id = $1 AND k.icp_profile_id = $2 AND k.id < $3 AND ($4::text IS NULL OR k.verdict = $4) AND ($5 OR k.gone_at IS NULL)
 ORDER BY k.id DESC LIMIT $6
