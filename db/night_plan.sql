-- mark --
-- How far the changes of a source were read.
SELECT changed_at, key FROM app.night_marks WHERE tenant_id = $1 AND source = $2

-- move_mark --
-- Read so far, never back.
INSERT INTO app.night_marks AS m (tenant_id, source, changed_at, key) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, source) DO UPDATE SET changed_at = EXCLUDED.changed_at, key = EXCLUDED.key, updated_at = app.now()
 WHERE (m.changed_at, m.key) < (EXCLUDED.changed_at, EXCLUDED.key)

-- known --
-- Companies that are known under these keys of the register.
SELECT k.value, k.entity_id FROM app.entity_keys k
 WHERE k.tenant_id = $1 AND k.kind = 'company' AND k.key_type = 'registry' AND k.value = ANY($2::text[])

-- renew --
-- What the register says of companies that stand: a name it gave, and the industry where none was known. Locks in the order of ids.
WITH said AS (
    SELECT k.entity_id AS id, s.name, s.name_core, s.industry FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS s(key, name, name_core, industry)
      JOIN app.entity_keys k ON k.tenant_id = $1 AND k.kind = 'company' AND k.key_type = 'registry' AND k.value = s.key
), held AS (
    SELECT c.id FROM app.companies c WHERE c.tenant_id = $1 AND c.id IN (SELECT id FROM said) AND c.merged_into IS NULL ORDER BY c.id FOR NO KEY UPDATE
)
UPDATE app.companies c SET name = CASE WHEN 'acra' = ANY(c.sources) THEN s.name ELSE c.name END,
       name_core = CASE WHEN 'acra' = ANY(c.sources) THEN s.name_core ELSE c.name_core END, industry = coalesce(c.industry, s.industry),
       sources = CASE WHEN 'acra' = ANY(c.sources) THEN c.sources ELSE c.sources || 'acra'::text END, updated_at = app.now(), compared_at = NULL
  FROM said s JOIN held h ON h.id = s.id WHERE c.tenant_id = $1 AND c.id = s.id
   AND (('acra' = ANY(c.sources) AND c.name <> s.name) OR (c.industry IS NULL AND s.industry IS NOT NULL) OR NOT 'acra' = ANY(c.sources))
RETURNING c.id

-- profiles --
-- Open profiles, oldest first.
SELECT id, target_countries, target_industries FROM app.icp_profiles WHERE tenant_id = $1 AND closed_at IS NULL ORDER BY id

-- may_begin --
-- Is there room for one more tenant's night?
SELECT app.night_may_begin($1)

-- waiting --
-- How many wait for that.
SELECT app.nights_waiting()

-- rank --
-- Every candidate in its order: unseen, then stale, then recent; within a class by fit x coverage gap, then the one looked at longest ago, then id.
-- A company that fits several profiles stands under the one where most is to be learned. Without a profile every company is a candidate.
-- $3: days until a site is stale, $4: until an address is, $5: until what is missing is looked for again.
WITH open_profiles AS (
    SELECT id FROM app.icp_profiles WHERE tenant_id = $1 AND closed_at IS NULL
), held AS (
    SELECT DISTINCT ON (k.company_id) k.company_id, k.icp_profile_id, k.verdict, k.fit, k.coverage, k.reasons->0->>'words' AS rule
      FROM app.icp_candidate_companies k JOIN open_profiles p ON p.id = k.icp_profile_id
     WHERE k.tenant_id = $1 AND k.gone_at IS NULL
     ORDER BY k.company_id, k.verdict = 'REJECTED', coalesce(k.fit, 0.5) * (1 - k.coverage) DESC, k.icp_profile_id
), pool AS (
    SELECT company_id, icp_profile_id, verdict, fit, coverage, rule FROM held
    UNION ALL
    SELECT c.id, NULL, 'CANDIDATE', NULL, 0, NULL FROM app.companies c
     WHERE c.tenant_id = $1 AND c.merged_into IS NULL AND NOT EXISTS (SELECT FROM open_profiles)
), tried AS (
    SELECT l.company_id, max(e.finished_at) FILTER (WHERE e.state = 'COMPLETED') AS done_at, max(e.started_at) AS tried_at
      FROM app.leads l JOIN app.enrichments e ON e.tenant_id = l.tenant_id AND e.lead_id = l.id WHERE l.tenant_id = $1 GROUP BY 1
), sites AS (
    SELECT company_id, max(crawled_at) AS crawled_at FROM app.crawl_sites WHERE tenant_id = $1 AND company_id IS NOT NULL GROUP BY 1
), people AS (
    SELECT company_id, bool_or(email IS NOT NULL) AS reachable, max(email_checked_at) AS checked_at FROM app.contacts
     WHERE tenant_id = $1 AND merged_into IS NULL GROUP BY 1
), looked AS (
    SELECT DISTINCT company_id FROM app.leads WHERE tenant_id = $1 AND snapshot_id IS NOT NULL
), classed AS (
    SELECT p.company_id, p.icp_profile_id, p.verdict, p.fit, p.coverage, p.rule, coalesce(p.fit, 0.5) * (1 - p.coverage) AS gap,
           greatest(t.tried_at, s.crawled_at) AS looked_at,
           CASE WHEN t.tried_at IS NULL AND s.crawled_at IS NULL THEN 0
                WHEN t.done_at IS NULL OR coalesce(s.crawled_at, t.done_at) < app.now() - $3::float8 * interval '1 day'
                     OR w.checked_at < app.now() - $4::float8 * interval '1 day' THEN 1
                WHEN (w.reachable IS NOT TRUE OR l.company_id IS NULL) AND t.tried_at < app.now() - $5::float8 * interval '1 day' THEN 1
                ELSE 2 END AS class
      FROM pool p LEFT JOIN tried t USING (company_id) LEFT JOIN sites s USING (company_id) LEFT JOIN people w USING (company_id)
      LEFT JOIN looked l USING (company_id)
)
INSERT INTO app.night_companies (tenant_id, run_id, company_id, place, reason, detail, icp_profile_id, fit, coverage, looked_at, stage)
SELECT $1, $2, company_id,
       CASE WHEN verdict <> 'REJECTED' THEN row_number() OVER (PARTITION BY verdict = 'REJECTED' ORDER BY class, gap DESC, looked_at NULLS FIRST, company_id) END,
       CASE WHEN verdict = 'REJECTED' THEN 'rejected' ELSE (ARRAY['unseen', 'stale', 'recent'])[class + 1] END,
       CASE WHEN verdict = 'REJECTED' THEN left(rule, 300) END, icp_profile_id, fit, coverage, looked_at, 'passed_over'
  FROM classed ORDER BY company_id

-- ranked --
-- Candidates by their place, from $3 on.
SELECT n.company_id, n.place, n.reason, n.icp_profile_id, c.domain FROM app.night_companies n
  JOIN app.companies c ON c.tenant_id = n.tenant_id AND c.id = n.company_id
 WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.place > $3 AND n.stage = 'passed_over' ORDER BY n.place LIMIT $4

-- suppress --
-- Nobody may write to them: they have no place.
UPDATE app.night_companies SET place = NULL, reason = 'suppressed', detail = 'its domain stands on the suppression list'
 WHERE tenant_id = $1 AND run_id = $2 AND company_id = ANY($3::uuid[])

-- over_cap --
-- The others, with their place.
UPDATE app.night_companies SET reason = 'over_cap', detail = reason || ', rank ' || place || ' > cap ' || $3::int
 WHERE tenant_id = $1 AND run_id = $2 AND place IS NOT NULL AND NOT company_id = ANY($4::uuid[]) AND reason IN ('unseen', 'stale', 'recent')

-- own_leads --
-- The lead of each company: the one of its profile, else one without a profile.
SELECT DISTINCT ON (w.company_id) w.company_id, l.id, l.icp_profile_id IS DISTINCT FROM w.icp_profile_id AS adopted
  FROM unnest($2::uuid[], $3::uuid[]) AS w(company_id, icp_profile_id)
  JOIN app.leads l ON l.tenant_id = $1 AND l.company_id = w.company_id AND l.merged_into IS NULL
   AND (l.icp_profile_id IS NOT DISTINCT FROM w.icp_profile_id OR l.icp_profile_id IS NULL)
 ORDER BY w.company_id, l.icp_profile_id IS DISTINCT FROM w.icp_profile_id, l.id

-- adopt --
-- A lead without a profile is held against the one its company was chosen for.
UPDATE app.leads l SET icp_profile_id = w.icp_profile_id, updated_at = app.now()
  FROM unnest($2::uuid[], $3::uuid[]) AS w(id, icp_profile_id) WHERE l.tenant_id = $1 AND l.id = w.id AND l.icp_profile_id IS NULL

-- add_leads --
-- A lead for each company that has none, with the person known longest.
INSERT INTO app.leads (tenant_id, company_id, contact_id, icp_profile_id, source, run_id)
SELECT $1, w.company_id, (SELECT p.id FROM app.contacts p WHERE p.tenant_id = $1 AND p.company_id = w.company_id AND p.merged_into IS NULL
                           ORDER BY p.email IS NOT NULL DESC, p.id LIMIT 1), w.icp_profile_id, 'nightly', $2
  FROM unnest($3::uuid[], $4::uuid[]) AS w(company_id, icp_profile_id) ORDER BY w.company_id
ON CONFLICT DO NOTHING RETURNING id, company_id, icp_profile_id

-- choose --
-- Chosen: each has a lead and a slice of the run, and knows already which steps it will not need.
UPDATE app.night_companies n SET stage = 'waiting', lead_id = w.lead_id, slice_id = w.slice_id, steps = w.steps::jsonb
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[]) AS w(company_id, lead_id, slice_id, steps)
 WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.company_id = w.company_id

-- freeze --
-- The manifest.
INSERT INTO app.night_manifests (tenant_id, run_id, night, company_ids, cap, cap_source, caps, budgets, from_run_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- resume --
-- The companies of an earlier night. What came to its end there is not done again.
INSERT INTO app.night_companies (tenant_id, run_id, company_id, place, reason, detail, icp_profile_id, lead_id, fit, coverage, looked_at, stage, prediction_id)
SELECT n.tenant_id, $2, n.company_id, n.place, CASE WHEN d.done THEN 'done_before' ELSE n.reason END,
       CASE WHEN d.done THEN 'done by run ' || $3::uuid END, n.icp_profile_id, n.lead_id, n.fit, n.coverage, n.looked_at, 'passed_over', n.prediction_id
  FROM app.night_companies n LEFT JOIN app.run_slices s ON s.tenant_id = n.tenant_id AND s.id = n.slice_id
 CROSS JOIN LATERAL (SELECT n.reason = 'done_before' OR s.state = 'done' AS done) d
 WHERE n.tenant_id = $1 AND n.run_id = $3 AND (n.slice_id IS NOT NULL OR n.reason = 'done_before') ORDER BY n.company_id

-- left_over --
-- What of it is to be done.
SELECT company_id, place, reason, icp_profile_id, lead_id FROM app.night_companies
 WHERE tenant_id = $1 AND run_id = $2 AND reason <> 'done_before' ORDER BY place

-- history --
-- What the tenant's latest enrichments cost and how long they took.
SELECT count(*)::int AS n, coalesce(avg(cost_usd), 0)::float8 AS cost_usd,
       coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)), 0)::float8 AS seconds
  FROM (SELECT cost_usd, started_at, finished_at FROM app.enrichments WHERE tenant_id = $1 AND state = 'COMPLETED' ORDER BY id DESC LIMIT 200) e

-- ends --
-- When so many seconds from now are over.
SELECT app.now() + $1::float8 * interval '1 second'

-- reasons --
-- How many candidates stand under each reason.
SELECT reason, count(*)::int AS n FROM app.night_companies WHERE tenant_id = $1 AND run_id = $2 GROUP BY 1 ORDER BY 1
