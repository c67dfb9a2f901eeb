-- make_months --
-- This month's history partition and the next ones, where missing, and those of rows that had to wait in DEFAULT.
SELECT to_char(m, 'YYYY-MM') AS month, app.make_month(m::date) AS made
  FROM (SELECT generate_series(n.month, n.month + $1::int * interval '1 month', interval '1 month') AS m
          FROM (SELECT date_trunc('month', app.now() AT TIME ZONE 'UTC') AS month) n
        UNION SELECT date_trunc('month', d.created_at AT TIME ZONE 'UTC') FROM app.outbox_history_default d) months
 ORDER BY m

-- drop_month --
-- The oldest month whose last day is $1 days past goes as a whole.
SELECT app.drop_month($1)

-- past_months --
-- How many would go.
SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'app.outbox_history'::regclass AND c.relname ~ '^outbox_history_\d{4}_\d\d$'
   AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= app.now() - $1::int * interval '1 day'

-- astray --
-- Rows that had to wait in the DEFAULT partition: maintenance came late.
SELECT count(*) FROM (SELECT FROM app.outbox_history_default LIMIT 100000) t

-- pages --
-- How many pages a table has.
SELECT (pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint)::bigint

-- take --
-- Today's pass over a table is ours, unless somebody has begun it within $2 hours.
INSERT INTO app.retention_passes AS p (table_name) VALUES ($1)
ON CONFLICT (table_name) DO UPDATE SET begun_at = app.now() WHERE p.begun_at < app.now() - $2::float8 * interval '1 hour'
RETURNING true

-- ask --
-- Every table is due for a pass, except those begun within the hour.
UPDATE app.retention_passes SET begun_at = '-infinity' WHERE begun_at < app.now() - interval '1 hour' RETURNING table_name

-- passed --
-- It is over.
INSERT INTO app.retention_passes AS p (table_name, passed_at, deleted, pages) VALUES ($1, app.now(), $2, $3)
ON CONFLICT (table_name) DO UPDATE SET passed_at = EXCLUDED.passed_at, deleted = EXCLUDED.deleted, pages = EXCLUDED.pages

-- give_back --
-- It could not be finished: somebody may try again before tomorrow.
UPDATE app.retention_passes SET begun_at = '-infinity' WHERE table_name = $1

-- passes --
-- What the last passes did.
SELECT table_name, passed_at, deleted FROM app.retention_passes

-- late --
-- Tables whose last finished pass is $1 hours past.
SELECT count(*) FROM app.retention_passes p WHERE coalesce(p.passed_at, p.begun_at) < app.now() - $1::float8 * interval '1 hour'

-- past_job_attempts --
-- Those of executions that ended, whose dead letter is answered.
SELECT t.ctid FROM app.job_attempts t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.ended_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = t.tenant_id AND e.id = t.execution_id
                       AND (e.finished_at IS NULL OR e.finished_at >= app.now() - $1::int * interval '1 day'))
   AND NOT EXISTS (SELECT FROM app.dead_letters d WHERE d.tenant_id = t.tenant_id AND d.execution_id = t.execution_id AND d.kind = 'job' AND d.resolved_at IS NULL)
 LIMIT $4

-- past_job_executions --
-- Ended ones, as long as neither their event's month, nor an open dead letter, nor a run that goes on, names them.
SELECT t.ctid FROM app.job_executions t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.finished_at < app.now() - $1::int * interval '1 day'
   AND t.state NOT IN ('queued', 'running', 'waiting') AND t.queued_at < (SELECT app.history_begins())
   AND NOT EXISTS (SELECT FROM app.job_attempts a WHERE a.tenant_id = t.tenant_id AND a.execution_id = t.id)
   AND NOT EXISTS (SELECT FROM app.dead_letters d WHERE d.tenant_id = t.tenant_id AND d.execution_id = t.id AND d.kind = 'job' AND d.resolved_at IS NULL)
   AND NOT EXISTS (SELECT FROM app.runs r WHERE r.tenant_id = t.tenant_id AND r.id = t.run_id AND r.status IN ('pending', 'running'))
 LIMIT $4

-- past_absorbed_events --
-- Those whose event's month is gone.
SELECT t.ctid FROM app.absorbed_events t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.at < app.now() - $1::int * interval '1 day'
   AND t.at < (SELECT app.history_begins())
 LIMIT $4

-- past_ordering_turns --
-- Whose last event is long over, and after whom nobody waits.
SELECT t.ctid FROM app.ordering_turns t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.taken_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.outbox_events o WHERE o.tenant_id = t.tenant_id AND o.sink = 'ordered' AND o.ordering_key = t.ordering_key)
   AND NOT EXISTS (SELECT FROM app.outbox_events o WHERE o.tenant_id = t.tenant_id AND o.event_id = t.event_id)
   AND NOT EXISTS (SELECT FROM app.dead_letters d WHERE d.tenant_id = t.tenant_id AND d.event_id = t.event_id AND d.resolved_at IS NULL)
 LIMIT $4

-- past_runs --
-- Ended ones that no run refers to (S1.06).
SELECT t.ctid FROM app.runs t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.created_at < app.now() - $1::int * interval '1 day'
   AND t.status NOT IN ('pending', 'running')
   AND NOT EXISTS (SELECT FROM app.runs c WHERE c.tenant_id = t.tenant_id AND c.parent_id = t.id)
 LIMIT $4

-- past_sessions --
-- Over, with all their tokens gone.
SELECT t.ctid FROM app.sessions t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.expires_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.refresh_tokens r WHERE r.tenant_id = t.tenant_id AND r.session_id = t.id)
 LIMIT $4

-- past_enrichments --
-- Ended ones.
SELECT t.ctid FROM app.enrichments t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.started_at < app.now() - $1::int * interval '1 day'
   AND t.finished_at IS NOT NULL
 LIMIT $4

-- past_source_records --
-- Those of runs that are over.
SELECT t.ctid FROM app.source_records t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.created_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.runs r WHERE r.tenant_id = t.tenant_id AND r.status IN ('pending', 'running') AND (r.id = t.run_id OR r.parent_id = t.run_id))
 LIMIT $4

-- past_field_values --
-- Replaced ones, and those of entities that are gone.
SELECT t.ctid FROM app.field_values t WHERE t.ctid >= $2 AND t.ctid < $3
   AND (t.superseded_at < app.now() - $1::int * interval '1 day' OR (t.observed_at < app.now() - $1::int * interval '1 day'
        AND NOT EXISTS (SELECT FROM app.companies c WHERE c.tenant_id = t.tenant_id AND c.id = t.entity_id)
        AND NOT EXISTS (SELECT FROM app.contacts c WHERE c.tenant_id = t.tenant_id AND c.id = t.entity_id)))
 LIMIT $4

-- past_vendor_items --
-- Those that no run names, of calls that are over.
SELECT t.ctid FROM app.vendor_items t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.created_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.run_vendor_items r WHERE r.tenant_id = t.tenant_id AND r.item_id = t.id)
   AND NOT EXISTS (SELECT FROM app.vendor_calls v WHERE v.tenant_id = t.tenant_id AND v.id = t.call_id AND v.settled_at IS NULL)
 LIMIT $4

-- past_vendor_calls --
-- Settled ones whose items are gone.
SELECT t.ctid FROM app.vendor_calls t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.sent_at < app.now() - $1::int * interval '1 day'
   AND t.settled_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM app.vendor_items i WHERE i.tenant_id = t.tenant_id AND i.call_id = t.id)
 LIMIT $4

-- past_leads --
-- Those that nothing younger speaks of: no message, no score, no word of anybody, no record.
SELECT t.ctid FROM app.leads t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.updated_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.messages m WHERE m.tenant_id = t.tenant_id AND m.lead_id = t.id)
   AND NOT EXISTS (SELECT FROM app.source_records s WHERE s.tenant_id = t.tenant_id AND s.lead_id = t.id)
   AND NOT EXISTS (SELECT FROM app.score_predictions p WHERE p.tenant_id = t.tenant_id AND p.lead_id = t.id AND p.scored_at >= app.now() - $1::int * interval '1 day')
   AND NOT EXISTS (SELECT FROM app.lead_feedback f WHERE f.tenant_id = t.tenant_id AND f.lead_id = t.id AND f.created_at >= app.now() - $1::int * interval '1 day')
 LIMIT $4

-- past_contacts --
-- Whom nothing names.
SELECT t.ctid FROM app.contacts t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.updated_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.leads l WHERE l.tenant_id = t.tenant_id AND l.contact_id = t.id)
   AND NOT EXISTS (SELECT FROM app.messages m WHERE m.tenant_id = t.tenant_id AND m.contact_id = t.id)
   AND NOT EXISTS (SELECT FROM app.contacts c WHERE c.tenant_id = t.tenant_id AND c.merged_into = t.id)
 LIMIT $4

-- past_companies --
-- Which nothing names.
SELECT t.ctid FROM app.companies t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.updated_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.leads l WHERE l.tenant_id = t.tenant_id AND l.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.contacts c WHERE c.tenant_id = t.tenant_id AND c.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.source_records s WHERE s.tenant_id = t.tenant_id AND s.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.crawl_sites s WHERE s.tenant_id = t.tenant_id AND s.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.orders o WHERE o.tenant_id = t.tenant_id AND o.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.samples o WHERE o.tenant_id = t.tenant_id AND o.company_id = t.id)
   AND NOT EXISTS (SELECT FROM app.companies c WHERE c.tenant_id = t.tenant_id AND c.merged_into = t.id)
 LIMIT $4

-- past_entity_keys --
-- Those of entities that are gone.
SELECT t.ctid FROM app.entity_keys t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.created_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.companies c WHERE c.tenant_id = t.tenant_id AND c.id = t.entity_id)
   AND NOT EXISTS (SELECT FROM app.contacts c WHERE c.tenant_id = t.tenant_id AND c.id = t.entity_id)
 LIMIT $4

-- past_crm_links --
-- Those of entities that are gone.
SELECT t.ctid FROM app.crm_links t WHERE t.ctid >= $2 AND t.ctid < $3 AND t.updated_at < app.now() - $1::int * interval '1 day'
   AND NOT EXISTS (SELECT FROM app.companies c WHERE c.tenant_id = t.tenant_id AND c.id = t.local_id)
   AND NOT EXISTS (SELECT FROM app.contacts c WHERE c.tenant_id = t.tenant_id AND c.id = t.local_id)
   AND NOT EXISTS (SELECT FROM app.leads l WHERE l.tenant_id = t.tenant_id AND l.id = t.local_id)
 LIMIT $4
