-- alone --
-- One run at a time of a job of a tenant: the later one sees what the earlier one has done.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.job:' || $2::text || ':' || $1::uuid::text, 0))

-- now --
-- The moment a run is about: the same for every statement of it.
SELECT app.now()

-- note --
-- What a run came to.
UPDATE app.runs SET counters = counters || $3::jsonb, error_count = $4, updated_at = app.now() WHERE tenant_id = $1 AND id = $2
