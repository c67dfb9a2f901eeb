-- tonight --
-- The date of a night that begins now, in its zone.
SELECT (app.now() AT TIME ZONE $1::text)::date

-- manifest --
-- What a night works on.
SELECT m.run_id, m.night, m.company_ids, m.cap, m.cap_source, m.caps, m.budgets, m.from_run_id, m.frozen_at, r.status
  FROM app.night_manifests m JOIN app.runs r ON r.tenant_id = m.tenant_id AND r.id = m.run_id WHERE m.tenant_id = $1 AND m.run_id = $2

-- passed_over --
-- Why candidates were not chosen.
SELECT reason, count(*)::int AS n FROM app.night_companies WHERE tenant_id = $1 AND run_id = $2 AND stage = 'passed_over' GROUP BY 1 ORDER BY 2 DESC, 1

-- show --
-- One night.
SELECT r.id, (SELECT t.slug FROM app.tenants t WHERE t.id = r.tenant_id) AS tenant, r.status, r.dry_run, r.params, r.counters, r.stats, r.open_slices,
       r.error_code, r.error, r.stop_reason, r.created_at, r.started_at, r.finished_at,
       extract(epoch FROM coalesce(r.finished_at, app.now()) - r.started_at)::float8 AS duration_s
  FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.kind = 'nightly'

-- companies --
-- The candidates of a night: the chosen ones first, then those passed over, by their place.
SELECT n.company_id, c.name, n.lead_id, n.place, n.reason, n.detail, n.stage, s.state AS status, n.steps, n.error_code
  FROM app.night_companies n
  LEFT JOIN app.companies c ON c.tenant_id = n.tenant_id AND c.id = n.company_id
  LEFT JOIN app.run_slices s ON s.tenant_id = n.tenant_id AND s.id = n.slice_id
 WHERE n.tenant_id = $1 AND n.run_id = $2 ORDER BY n.stage = 'passed_over', n.place NULLS LAST, n.company_id LIMIT $3

-- count --
-- What steps came to, beside what stands there.
UPDATE app.runs SET counters = counters || $3::jsonb, updated_at = app.now() WHERE tenant_id = $1 AND id = $2
