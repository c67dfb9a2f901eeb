-- alone --
-- One run at a time of a job of a tenant: the later one sees what the earlier one has done.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.job:' || $2::text || ':' || $1::uuid::text, 0))

-- now --
-- The moment a run is about: the same for every statement of it.
SELECT app.now()

-- note --
-- What a run came to.
UPDATE app.runs SET counters = counters || $3::jsonb, error_count = $4, updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- last --
-- The newest run of each of these jobs that was no dry run; a job that never ran has its name only.
SELECT j.name AS job, r.* FROM unnest($2::text[]) WITH ORDINALITY AS j(name, n)
  LEFT JOIN LATERAL (
    SELECT r.id AS run_id, r.status, r.triggered_by, r.started_at, r.finished_at, r.error,
           extract(epoch FROM coalesce(r.finished_at, app.now()) - r.started_at)::float8 AS duration_s,
           (r.counters->>'processed')::int AS processed, (r.counters->>'changed')::int AS changed, r.error_count AS errors
      FROM app.runs r WHERE r.tenant_id = $1 AND r.kind = 'job' AND r.job = j.name AND NOT r.dry_run ORDER BY r.id DESC LIMIT 1
  ) r ON true
 ORDER BY j.n
