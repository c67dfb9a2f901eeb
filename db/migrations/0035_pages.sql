-- What the console's first pages ask is read out of an index, however many runs and however much history there is.

-- Which business job a run is of. Behind the wall an index can be searched by a column, not by a member of JSON: those operators are not leakproof.
ALTER TABLE app.runs ADD COLUMN job text GENERATED ALWAYS AS (params->>'job') STORED;
CREATE INDEX runs_job ON app.runs (tenant_id, job, id) WHERE kind = 'job' AND NOT dry_run;

-- A tenant's runs of today, which its quota counts.
CREATE INDEX runs_created ON app.runs (tenant_id, created_at);

-- The newest runs that ended by themselves, whatever their kind.
CREATE INDEX runs_finished ON app.runs (tenant_id, finished_at DESC) WHERE finished_at IS NOT NULL AND NOT dry_run AND status <> 'cancelled';

-- What left the outbox long after it was written: few rows, so that whoever counts what was sent lately need not look at a whole day.
CREATE INDEX outbox_history_late ON app.outbox_history (tenant_id, sent_at) WHERE sent_at - created_at > interval '1 hour';
