-- What a job may say of itself, what a job may be unique by, and events of one key handed off one after the other.

-- Progress, the checkpoint that the next attempt begins with, and the result. Beside the execution, not on it: most jobs say nothing, and
-- what starts and ends every job stays as narrow as it was.
CREATE TABLE app.job_reports (
    tenant_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    token integer NOT NULL,            -- of the attempt that said it
    percent float8 CHECK (percent BETWEEN 0 AND 100),
    message varchar(500),
    checkpoint jsonb CHECK (octet_length(checkpoint::text) <= 8192),
    result jsonb CHECK (octet_length(result::text) <= 8192),
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, execution_id),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES app.job_executions (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.job_reports', 'SELECT, INSERT, UPDATE');

-- Two more scopes. `exclusive` keeps its key from queued to the end, between attempts as well; it stands in coalesce_key, where the UNIQUE
-- index is that `coalesce` has: an index that named the state would cost every job its HOT updates. `period` has its own.
DROP POLICY known_state ON app.job_executions;
CREATE POLICY known_state ON app.job_executions AS RESTRICTIVE USING (true) WITH CHECK (
    state IN ('queued', 'running', 'waiting', 'done', 'dead', 'cancelled', 'quarantined', 'superseded')
    AND scope IN ('once', 'coalesce', 'exclusive', 'period')
    AND (coalesce_key IS NULL OR (coalesce_key = key AND (
        (scope = 'coalesce' AND state = 'queued') OR (scope = 'exclusive' AND state IN ('queued', 'running', 'waiting'))))));
CREATE UNIQUE INDEX job_executions_period ON app.job_executions (tenant_id, job, key) WHERE scope = 'period';

-- The done mark gives an exclusive key back. It is NULL already for every other job: nothing is written for that.
CREATE OR REPLACE PROCEDURE app.complete(tenant uuid, execution uuid, attempt integer) LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE app.job_executions e SET state = 'done', finished_at = app.now(), coalesce_key = NULL
     WHERE e.tenant_id = tenant AND e.id = execution AND e.token = attempt AND e.state = 'running' AND e.cancel_requested_at IS NULL;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = 'another attempt owns this execution, or it was cancelled';
    END IF;
END
$$;

-- Whom an execution has absorbed: asked for each job that is shown.
CREATE INDEX absorbed_events_execution ON app.absorbed_events (tenant_id, execution_id);

-- Events for our own queue that have an ordering key wait under the sink 'ordered' until it is their turn; then the sink becomes 'queue', and
-- the handoff takes them as any other. So no claim ever walks over events that may not go yet, and events without a key enter no new index.
CREATE INDEX outbox_events_ordered ON app.outbox_events (tenant_id, ordering_key, id) WHERE sink = 'ordered';

-- Whose turn it is, or was last: one row a key.
CREATE TABLE app.ordering_turns (
    tenant_id uuid NOT NULL,
    ordering_key varchar(200) NOT NULL,
    event_id uuid NOT NULL,
    on_failure text NOT NULL CHECK (on_failure IN ('block', 'park', 'skip')),
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, ordering_key)
);
CALL app.wall('app.ordering_turns', 'SELECT');

-- Ageing: when waiting jobs were last moved up, and the newest delivery there was then, so that what has that id or a lower one has waited a whole step.
CREATE TABLE app.queue_ageing (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    aged_at timestamptz NOT NULL DEFAULT app.now(),
    up_to bigint NOT NULL DEFAULT 0
);
GRANT SELECT, UPDATE ON app.queue_ageing TO headwater_system;
INSERT INTO app.queue_ageing DEFAULT VALUES;
