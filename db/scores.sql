-- lock_lead --
-- Whoever looks at a lead, or scores it, does so alone.
SELECT id, merged_into FROM app.leads WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- add_snapshot --
-- What is known now, unless the same is stored already.
INSERT INTO app.feature_snapshots (tenant_id, lead_id, icp_profile_id, snapshot_version, source_version, feature_vector_hash, vector, verdict, reasons)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id

-- same_snapshot --
-- The one that is stored already.
SELECT id FROM app.feature_snapshots WHERE tenant_id = $1 AND lead_id = $2 AND icp_profile_id IS NOT DISTINCT FROM $3 AND snapshot_version = $4
   AND source_version = $5 AND feature_vector_hash = $6

-- stand_on --
-- The lead's own snapshot from now on.
UPDATE app.leads SET snapshot_id = $3 WHERE tenant_id = $1 AND id = $2 AND snapshot_id IS DISTINCT FROM $3

-- snapshot --
-- One snapshot, and whether it is still its lead's own.
SELECT s.id, s.lead_id, s.icp_profile_id, s.source_version, s.feature_vector_hash, s.vector, l.snapshot_id = s.id AS current, l.merged_into
  FROM app.feature_snapshots s JOIN app.leads l ON l.tenant_id = s.tenant_id AND l.id = s.lead_id WHERE s.tenant_id = $1 AND s.id = $2

-- versions --
-- The models that score leads: the ACTIVE one first, then the newest in SHADOW.
SELECT id, model, stage = 'ACTIVE' AS active, traffic FROM app.model_versions
 WHERE tenant_id = $1 AND family = $2 AND stage <> 'ARCHIVED' ORDER BY stage = 'ACTIVE' DESC, version DESC LIMIT 6

-- rationale --
-- What was said of the same vector under the same rules and model.
SELECT p.rationale FROM app.feature_snapshots s JOIN app.score_predictions p ON p.tenant_id = s.tenant_id AND p.snapshot_id = s.id
 WHERE s.tenant_id = $1 AND s.feature_vector_hash = $2 AND s.icp_profile_id IS NOT DISTINCT FROM $3 AND s.source_version = $4
   AND p.rule_set_id IS NOT DISTINCT FROM $5 AND p.model_version_id IS NOT DISTINCT FROM $6 AND p.rationale IS NOT NULL
 ORDER BY p.scored_at DESC LIMIT 1

-- percentile --
-- A score among the newest ones that decide about other leads; half of its equals count as lower. Null while there are fewer than $5.
SELECT CASE WHEN count(*) >= $5 THEN (count(*) FILTER (WHERE r.score < $2) + 0.5 * count(*) FILTER (WHERE r.score = $2))::float8 / count(*) END
  FROM (SELECT p.score FROM app.score_predictions p WHERE p.tenant_id = $1 AND p.decides AND p.lead_id <> $3 ORDER BY p.id DESC LIMIT $4) r

-- stand_down --
-- What decided about a lead until now.
UPDATE app.score_predictions SET decides = false WHERE tenant_id = $1 AND lead_id = $2 AND decides RETURNING id

-- keep --
-- A prediction. The same snapshot, rules and model again are the same prediction: it may come to decide, and its place may move.
INSERT INTO app.score_predictions AS p (tenant_id, lead_id, snapshot_id, rule_set_id, model_version_id, decides, probability, score, percentile,
       band, fit, coverage, base_log_odds, contributions, rationale, rejected, reasons, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, CASE WHEN $6 THEN app.now() END)
ON CONFLICT (tenant_id, snapshot_id, rule_set_id, model_version_id) DO UPDATE SET decides = EXCLUDED.decides,
       percentile = EXCLUDED.percentile, rationale = coalesce(EXCLUDED.rationale, p.rationale), scored_at = app.now(),
       decided_at = coalesce(p.decided_at, EXCLUDED.decided_at)
RETURNING id

-- latest --
-- The score that decides about each of these leads.
SELECT lead_id, id, snapshot_id, rule_set_id, model_version_id, band, score, probability, percentile, fit, coverage, rejected, reasons, rationale,
       scored_at, base_log_odds, contributions FROM app.score_predictions WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) AND decides

-- snapshots --
-- The newest snapshots of a lead.
SELECT id, icp_profile_id, snapshot_version, source_version, encode(feature_vector_hash, 'hex') AS feature_vector_hash, vector, verdict, reasons,
       created_at FROM app.feature_snapshots WHERE tenant_id = $1 AND lead_id = $2 ORDER BY id DESC LIMIT 50

-- scores --
-- Every prediction of a lead, the newest first.
SELECT id, snapshot_id, rule_set_id, model_version_id, decides, band, score, probability, percentile, fit, coverage, rejected, reasons, rationale,
       scored_at, created_at, base_log_odds, contributions FROM app.score_predictions WHERE tenant_id = $1 AND lead_id = $2
 ORDER BY scored_at DESC, id DESC LIMIT 500

-- there --
-- Is there such a lead?
SELECT EXISTS (SELECT FROM app.leads WHERE tenant_id = $1 AND id = $2)

-- named --
-- Those of these leads that there are.
SELECT id FROM app.leads WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id

-- unscored --
-- The newest leads that have been enriched; without a score, unless $3.
SELECT l.id FROM app.leads l WHERE l.tenant_id = $1 AND l.status IN ('enriched', 'failed') AND l.merged_into IS NULL
   AND ($3 OR NOT EXISTS (SELECT FROM app.score_predictions p WHERE p.tenant_id = l.tenant_id AND p.lead_id = l.id AND p.decides))
 ORDER BY l.id DESC LIMIT $2

-- of_profile --
-- A profile's leads that have been looked at, newest first.
SELECT l.id, count(*) OVER ()::int AS n FROM app.leads l WHERE l.tenant_id = $1 AND l.icp_profile_id = $2 AND l.snapshot_id IS NOT NULL
   AND l.merged_into IS NULL
 ORDER BY l.id DESC LIMIT $3

-- vectors --
-- What is known of a profile's leads, newest first.
SELECT l.id, c.name AS company_name, s.vector
  FROM app.leads l JOIN app.feature_snapshots s ON s.tenant_id = l.tenant_id AND s.id = l.snapshot_id
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
 WHERE l.tenant_id = $1 AND l.icp_profile_id = $2 AND l.merged_into IS NULL ORDER BY l.id DESC LIMIT $3
