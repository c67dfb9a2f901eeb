-- subject --
-- The run that ended, and how long ago, in seconds. A dry run is a person's trial: it raises nothing.
SELECT r.kind, r.params->>'job' AS job, extract(epoch FROM app.now() - r.finished_at)::float8 AS ago_s
  FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.finished_at IS NOT NULL AND NOT r.dry_run AND r.status <> 'cancelled'

-- history --
-- The newest runs of a kind (and business job) that ended, neither dry nor cancelled.
SELECT r.id, r.status, extract(epoch FROM r.finished_at - r.started_at)::float8 AS duration_s, m.items, m.errors
  FROM app.runs r, LATERAL app.run_measures(r.kind, r.counters, r.discovered_count, r.error_count) m
 WHERE r.tenant_id = $1 AND r.kind = $2 AND r.params->>'job' IS NOT DISTINCT FROM $3 AND r.finished_at IS NOT NULL AND NOT r.dry_run
   AND r.status <> 'cancelled'
 ORDER BY r.finished_at DESC, r.id DESC LIMIT $4

-- month --
-- Its last $4 days; at most 10,000 runs are looked at.
SELECT count(*)::int AS runs, count(*) FILTER (WHERE s.status = 'failed')::int AS failed, coalesce(sum(s.items), 0)::bigint AS items,
       coalesce(sum(s.errors) FILTER (WHERE s.items IS NOT NULL), 0)::bigint AS errors
  FROM (SELECT r.status, m.items, m.errors FROM app.runs r, LATERAL app.run_measures(r.kind, r.counters, r.discovered_count, r.error_count) m
         WHERE r.tenant_id = $1 AND r.kind = $2 AND r.params->>'job' IS NOT DISTINCT FROM $3 AND r.finished_at IS NOT NULL AND NOT r.dry_run
           AND r.status <> 'cancelled' AND r.finished_at > app.now() - $4::int * interval '1 day'
         ORDER BY r.finished_at DESC LIMIT 10000) s

-- named --
-- Runs by id, in the order given.
SELECT r.id, r.kind, r.params->>'job' AS job, r.status, r.finished_at, extract(epoch FROM r.finished_at - r.started_at)::float8 AS duration_s,
       m.items, m.errors
  FROM unnest($2::uuid[]) WITH ORDINALITY AS w(id, place) JOIN app.runs r ON r.tenant_id = $1 AND r.id = w.id,
       LATERAL app.run_measures(r.kind, r.counters, r.discovered_count, r.error_count) m
 ORDER BY w.place
