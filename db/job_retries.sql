-- given_up --
-- Jobs with an open dead letter that a filter finds, the longest dead first, and when each would be due at $3 a second. Unless they are only
-- counted ($4) they are locked in the order of their ids, as everybody locks executions (law 7); their runs come after them.
WITH found AS MATERIALIZED (
    SELECT d.tenant_id, d.execution_id, d.created_at, row_number() OVER (ORDER BY d.created_at, d.id) - 1 AS nth
      FROM app.dead_letters d
     WHERE d.tenant_id = ANY($1::uuid[]) AND d.resolved_at IS NULL AND d.kind = 'job'
       AND ($5::text IS NULL OR d.name = $5) AND ($6::text IS NULL OR d.error_class = $6)
       AND d.created_at >= $7::timestamptz AND d.created_at <= $8::timestamptz
       AND ($9::uuid IS NULL OR EXISTS (SELECT FROM app.job_executions r WHERE r.tenant_id = d.tenant_id AND r.id = d.execution_id AND r.run_id = $9))
     ORDER BY d.created_at, d.id LIMIT $2::bigint + 1
), held AS MATERIALIZED (
    SELECT e.tenant_id, e.id FROM found f JOIN app.job_executions e ON e.tenant_id = f.tenant_id AND e.id = f.execution_id
     WHERE NOT $4::bool AND f.nth < $2 ORDER BY e.tenant_id, e.id FOR NO KEY UPDATE OF e
)
SELECT f.tenant_id, e.id, e.job, e.run_id, e.payload, f.created_at, c.now + coalesce(f.nth / $3::float8, 0) * interval '1 second' AS due_at,
       f.nth >= $2 AS beyond, (SELECT count(*) FROM held) AS held
  FROM found f JOIN app.job_executions e ON e.tenant_id = f.tenant_id AND e.id = f.execution_id, (SELECT app.now() AS now) c
 ORDER BY f.nth
