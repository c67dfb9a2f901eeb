-- known --
-- Is there such a run?
SELECT EXISTS (SELECT FROM app.runs WHERE tenant_id = $1 AND id = $2)

-- list --
-- Records of a run, newest first. They are found by the run, and then put in order: behind OFFSET 0 the planner does not see that there is one,
-- for which it would read the records of all runs.
SELECT r.id, r.source, r.vendor, r.status, r.reason, r.slice_id, r.page, r.company_id, c.name AS company_name, r.lead_id, r.created_at
  FROM (SELECT s.* FROM app.source_records s WHERE s.tenant_id = $1 AND s.run_id = $2 OFFSET 0) r
  LEFT JOIN app.companies c ON c.tenant_id = r.tenant_id AND c.id = r.company_id
 WHERE r.id < $3 AND ($4::text[] IS NULL OR r.status = ANY($4)) AND ($5::uuid IS NULL OR r.slice_id = $5)
   AND (NOT $6::boolean OR r.company_id IS NULL OR NOT EXISTS (SELECT FROM app.source_records o WHERE o.tenant_id = $1 AND o.run_id = $2
                                                                  AND o.company_id = r.company_id AND o.id < r.id))
 ORDER BY r.id DESC LIMIT $7
