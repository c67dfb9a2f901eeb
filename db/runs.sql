-- new_id --
-- An id by the database's clock, for rows that name each other.
SELECT app.uuidv7()

-- start --
-- A run is born pending. An occurrence key makes the second start of the same occurrence return nothing.
-- Whoever has not begun within a day never will: its event is dead, and the sweep ends the run.
-- Gives its id, and how many runs a day its tenant is granted.
INSERT INTO app.runs (deadline_at, tenant_id, id, kind, mode, dry_run, triggered_by, requested_by, occurrence_key, params)
VALUES (app.now() + interval '1 day', $1, coalesce($2, app.uuidv7()), $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, kind, occurrence_key) WHERE occurrence_key IS NOT NULL DO NOTHING
RETURNING id, (SELECT q.max_runs_per_day FROM app.tenant_quotas q WHERE q.tenant_id = $1) AS most

-- by_occurrence --
-- The run that already stands for an occurrence.
SELECT id FROM app.runs WHERE tenant_id = $1 AND kind = $2 AND occurrence_key = $3

-- begin --
-- pending -> running. The deadline is the time budget, by the database's clock.
UPDATE app.runs SET status = 'running', started_at = app.now(), updated_at = app.now(),
       deadline_at = app.now() + $3::float8 * interval '1 second'
 WHERE tenant_id = $1 AND id = $2 AND status = 'pending' RETURNING id

-- lock --
-- Writers of one run take turns, so its caps are exact. Lock order: execution, run, entity keys.
SELECT status, mode, deadline_at < app.now() AS expired, open_slices, created_companies_count, discovered_count, params
  FROM app.runs WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- yield_early --
-- A rehearsal takes locks page by page, out of the fixed order: it lets go before the deadlock detector (1 s) picks a real run.
SELECT set_config('lock_timeout', '300ms', true)

-- peek --
-- The same without the lock, for the load beat.
SELECT status, mode, deadline_at < app.now() AS expired,
       created_companies_count, discovered_count, params
  FROM app.runs WHERE tenant_id = $1 AND id = $2

-- close_open_slices --
-- All at once, for cancel and for overdue runs.
WITH closed AS (
    UPDATE app.run_slices SET state = $3, stop_reason = $4, closed_at = app.now()
     WHERE tenant_id = $1 AND run_id = $2 AND state = 'open' RETURNING id
)
UPDATE app.runs SET open_slices = open_slices - (SELECT count(*) FROM closed), updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- finish --
-- The end of a run, once.
UPDATE app.runs SET status = $3, error_code = left($4, 100), error = left($5, 4000), stop_reason = $6,
       stats = $7::jsonb || CASE WHEN kind = 'nightly' THEN jsonb_build_object('steps', counters) ELSE '{}' END, finished_at = app.now(), updated_at = app.now(),
       error_details = CASE WHEN $4::text IS NOT NULL THEN $7::jsonb -> 'errors' END,
       cancel_requested_at = CASE WHEN $3 = 'cancelled' THEN coalesce(cancel_requested_at, app.now()) ELSE cancel_requested_at END,
       api_calls_made = (SELECT count(*) FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.run_id = $2)
 WHERE tenant_id = $1 AND id = $2 AND status IN ('pending', 'running') RETURNING id

-- dry_counts --
-- A dry run's counters, measured in the transaction that was rolled back.
UPDATE app.runs SET discovered_count = $3, deduped_count = $4, created_companies_count = $5, skipped_companies_count = $6,
       created_contacts_count = $7, skipped_contacts_count = $8, created_leads_count = $9, skipped_leads_count = $10,
       error_count = $11, open_slices = 0, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2

-- reopen --
-- A slice whose job an operator retries: the run goes on from its last committed page.
WITH again AS (
    UPDATE app.run_slices SET state = 'open', closed_at = NULL, error_code = NULL, error = NULL, stop_reason = NULL
     WHERE tenant_id = $1 AND id = $2 AND run_id = $3 AND state IN ('error', 'dead', 'cancelled') RETURNING run_id
)
UPDATE app.runs r SET open_slices = r.open_slices + 1, error_count = greatest(0, r.error_count - 1), status = 'running', finished_at = NULL,
       error_code = NULL, error = NULL, error_details = NULL, stop_reason = NULL, stats = NULL, cancel_requested_at = NULL, updated_at = app.now(),
       started_at = coalesce(r.started_at, app.now()),
       deadline_at = app.now() + (r.params->>'max_runtime_seconds')::float8 * interval '1 second'
  FROM again a WHERE r.tenant_id = $1 AND r.id = a.run_id RETURNING r.id

-- restart --
-- The same for a run whose planning job is retried.
UPDATE app.runs SET status = 'pending', finished_at = NULL, error_code = NULL, error = NULL, error_details = NULL, stop_reason = NULL, stats = NULL,
       started_at = NULL, deadline_at = app.now() + interval '1 day', cancel_requested_at = NULL, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND status IN ('failed', 'cancelled') AND NOT EXISTS (SELECT FROM app.run_slices s WHERE s.tenant_id = $1 AND s.run_id = $2)
RETURNING id

-- show --
-- One run, whole.
SELECT id, kind, status, mode, dry_run, triggered_by, requested_by, params, open_slices, api_calls_made, discovered_count, deduped_count,
       created_companies_count, skipped_companies_count, created_contacts_count, skipped_contacts_count, created_leads_count,
       skipped_leads_count, error_count, stats, error_code, error, stop_reason, created_at, started_at, finished_at, cancel_requested_at,
       extract(epoch FROM coalesce(finished_at, app.now()) - started_at)::float8 AS duration_s,
       CASE WHEN status = 'running' THEN greatest(0, extract(epoch FROM deadline_at - app.now()) * 1000)::bigint END AS remaining_ms
  FROM app.runs WHERE tenant_id = $1 AND id = $2

-- slices --
-- Its slices in order.
SELECT id, ordinal, channel, query, state, page, found, companies_created, companies_skipped, would_cost, stop_reason, error_code, error
  FROM app.run_slices WHERE tenant_id = $1 AND run_id = $2 ORDER BY ordinal

-- list --
-- Newest first, keyset by id.
SELECT id, kind, status, mode, dry_run, triggered_by, requested_by, params, open_slices, api_calls_made, discovered_count, deduped_count,
       created_companies_count, skipped_companies_count, created_contacts_count, skipped_contacts_count, created_leads_count,
       skipped_leads_count, error_count, stats, error_code, error, stop_reason, created_at, started_at, finished_at, cancel_requested_at,
       extract(epoch FROM coalesce(finished_at, app.now()) - started_at)::float8 AS duration_s,
       CASE WHEN status = 'running' THEN greatest(0, extract(epoch FROM deadline_at - app.now()) * 1000)::bigint END AS remaining_ms
  FROM app.runs
 WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text[] IS NULL OR status = ANY($3))
   AND ($4::text IS NULL OR mode = $4) AND ($5::boolean IS NULL OR dry_run = $5) AND ($6::text IS NULL OR kind = $6)
 ORDER BY id DESC LIMIT $7

-- last_success --
-- Completed only, newest first (S1.03).
SELECT id, finished_at AS completed_at, started_at FROM app.runs
 WHERE tenant_id = $1 AND status = 'completed' AND NOT dry_run AND kind = $2 ORDER BY finished_at DESC LIMIT 1

-- clean --
-- Runs that nothing refers to, older than $2 days (S1.06).
DELETE FROM app.runs r WHERE r.tenant_id = $1 AND r.created_at < app.now() - $2::int * interval '1 day'
   AND r.status NOT IN ('pending', 'running')
   AND NOT EXISTS (SELECT FROM app.runs c WHERE c.tenant_id = $1 AND c.parent_id = r.id)

-- overdue --
-- Runs past their deadline by $1 seconds that nothing has ended: a lost wake-up must not hang them.
SELECT tenant_id, id FROM app.runs WHERE status IN ('pending', 'running') AND deadline_at < app.now() - $1::float8 * interval '1 second' LIMIT 100
