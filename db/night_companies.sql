-- begin_next --
-- The next companies of a night, in their order. Those that need no enrichment are looked at at once.
UPDATE app.night_companies n SET stage = CASE WHEN jsonb_exists(n.steps, 'crawl') THEN 'scoring' ELSE 'enriching' END, started_at = app.now()
 WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.company_id IN (
       SELECT w.company_id FROM app.night_companies w WHERE w.tenant_id = $1 AND w.run_id = $2 AND w.stage = 'waiting' ORDER BY w.place LIMIT $3)
RETURNING n.place, n.lead_id, n.icp_profile_id, n.stage

-- enriched --
-- Steps 4 to 7 are over.
UPDATE app.night_companies SET stage = 'scoring', steps = steps || $4::jsonb, error_code = $5
 WHERE tenant_id = $1 AND run_id = $2 AND lead_id = $3 AND stage = 'enriching' RETURNING company_id

-- scored --
-- Step 8 is over.
UPDATE app.night_companies SET stage = 'pushing', steps = steps || $4::jsonb, prediction_id = $5
 WHERE tenant_id = $1 AND run_id = $2 AND lead_id = $3 AND stage IN ('enriching', 'scoring') RETURNING company_id

-- end --
-- All steps are over, or it was given up.
UPDATE app.night_companies SET stage = 'ended', steps = $4::jsonb || steps || $5::jsonb, error_code = coalesce(error_code, $6), finished_at = app.now()
 WHERE tenant_id = $1 AND run_id = $2 AND lead_id = $3 AND stage IN ('enriching', 'scoring', 'pushing') RETURNING slice_id, error_code

-- tell --
-- What the steps came to so far, on the run's row; a company that was scored was kept. Counting reads every company of the night: but for the first
-- and the last time ($4, the last open slice) it is done about fifty times a night, so that a long one is not counted again for each company.
WITH mine AS (
    SELECT n.steps, n.stage = 'ended' AND n.prediction_id IS NOT NULL AS kept FROM app.night_companies n
     WHERE n.tenant_id = $1 AND n.run_id = $2 AND n.slice_id IS NOT NULL
), marks AS (
    SELECT e.key AS step, e.value AS mark, count(*)::int AS n FROM mine m CROSS JOIN LATERAL jsonb_each_text(m.steps) e GROUP BY 1, 2
), counted AS (
    SELECT w.step, jsonb_build_object('in', (SELECT count(*) FROM mine), 'done', coalesce(sum(k.n) FILTER (WHERE k.mark = 'done'), 0),
                                      'skipped', coalesce(jsonb_object_agg(k.mark, k.n) FILTER (WHERE k.mark <> 'done'), '{}')) AS came_to
      FROM unnest($3::text[]) AS w(step) LEFT JOIN marks k ON k.step = w.step GROUP BY w.step
)
UPDATE app.runs r SET counters = r.counters || (SELECT jsonb_object_agg(c.step, c.came_to) FROM counted c),
       discovered_count = (SELECT count(*) FILTER (WHERE m.kept) FROM mine m), updated_at = app.now()
 WHERE r.tenant_id = $1 AND r.id = $2
   AND ($4::boolean OR r.open_slices <= 1 OR r.open_slices % greatest(1, (r.params->>'max_companies')::int / 50) = 0)
