-- lines --
-- Runs of nights, newest first.
SELECT r.id, r.params->'nightly'->>'night' AS night, r.status, r.dry_run, r.triggered_by, r.created_at, r.started_at, r.open_slices AS open_companies,
       extract(epoch FROM coalesce(r.finished_at, app.now()) - r.started_at)::float8 AS duration_s, r.error,
       m.cap, m.cap_source, coalesce(cardinality(m.company_ids), (r.stats->'forecast'->>'companies')::int) AS chosen,
       coalesce((r.counters->'scoring'->>'done')::int, 0) AS scored, coalesce((r.counters->'crm_push'->>'done')::int, 0) AS pushed
  FROM app.runs r LEFT JOIN app.night_manifests m ON m.tenant_id = r.tenant_id AND m.run_id = r.id
 WHERE r.tenant_id = $1 AND r.kind = 'nightly' AND r.id < $2 ORDER BY r.id DESC LIMIT $3

-- days --
-- Days between two that had a night, each with its newest run. A day has few runs and a tenant one night a day: no index knows the date.
SELECT DISTINCT ON (n.night) n.night, n.run_id, n.status, n.chosen, (sum(n.scored) OVER day)::int AS scored, (sum(n.pushed) OVER day)::int AS pushed,
       (count(*) OVER day)::int AS runs
  FROM (SELECT r.params->'nightly'->>'night' AS night, r.id AS run_id, r.status, cardinality(m.company_ids) AS chosen,
               coalesce((r.counters->'scoring'->>'done')::int, 0) AS scored, coalesce((r.counters->'crm_push'->>'done')::int, 0) AS pushed
          FROM app.runs r LEFT JOIN app.night_manifests m ON m.tenant_id = r.tenant_id AND m.run_id = r.id
         WHERE r.tenant_id = $1 AND r.kind = 'nightly' AND NOT r.dry_run AND r.params->'nightly'->>'night' BETWEEN $2::text AND $3::text) n
WINDOW day AS (PARTITION BY n.night)
 ORDER BY n.night, n.run_id DESC

-- shortlists --
-- Nights before $2 that chose companies, newest first, each as its newest run has it.
SELECT n.night, n.run_id, n.status, n.cap, n.cap_source, n.chosen,
       (SELECT count(*)::int FROM app.night_companies c JOIN app.score_predictions p ON p.tenant_id = c.tenant_id AND p.id = c.prediction_id
         WHERE c.tenant_id = $1 AND c.run_id = n.run_id AND p.band = 'HIGH') AS high
  FROM (SELECT DISTINCT ON (m.night) m.night, m.run_id, r.status, m.cap, m.cap_source, cardinality(m.company_ids) AS chosen
          FROM app.night_manifests m JOIN app.runs r ON r.tenant_id = m.tenant_id AND r.id = m.run_id
         WHERE m.tenant_id = $1 AND m.night < $2 ORDER BY m.night DESC, m.run_id DESC LIMIT $3) n
 ORDER BY n.night DESC

-- placed --
-- Candidates with a place after $3: the chosen ones, those passed over, or ($4 NULL) both. $6, $7: a step, and what it said of them; what said
-- nothing is still to do.
SELECT n.company_id, c.name, n.lead_id, n.place, n.reason, n.detail, n.stage, s.state AS status, n.steps, n.error_code
  FROM app.night_companies n
  LEFT JOIN app.companies c ON c.tenant_id = n.tenant_id AND c.id = n.company_id
  LEFT JOIN app.run_slices s ON s.tenant_id = n.tenant_id AND s.id = n.slice_id
 WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.place > $3 AND ($4::boolean IS NULL OR (n.stage = 'passed_over') = $4)
   AND ($5::text IS NULL OR n.reason = $5) AND ($6::text IS NULL OR coalesce(n.steps ->> $6, 'to_do') = $7)
 ORDER BY n.place LIMIT $8

-- unplaced --
-- Candidates that nobody may or should work on, after $3.
SELECT n.company_id, c.name, n.lead_id, n.place, n.reason, n.detail, n.stage, NULL AS status, n.steps, n.error_code
  FROM app.night_companies n LEFT JOIN app.companies c ON c.tenant_id = n.tenant_id AND c.id = n.company_id
 WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.place IS NULL AND n.company_id > $3 AND ($4::text IS NULL OR n.reason = $4)
 ORDER BY n.company_id LIMIT $5
