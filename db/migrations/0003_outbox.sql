-- The outbox, the arbiter of "once" (job_executions), and what is kept of failures.
--
-- Lengths are varchar(n), not CHECKs: Postgres reads the text of every CHECK anew for each statement that writes the table, which made a
-- one-row insert here cost twice that of a bare one. What is left of the laws stands in one constraint a table.

CREATE TABLE app.outbox_events (
    tenant_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL DEFAULT app.uuidv7(),
    aggregate_type varchar(50) NOT NULL,
    aggregate_id uuid NOT NULL,
    type varchar(100) NOT NULL,
    version smallint NOT NULL,
    payload jsonb NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    correlation_id uuid,
    sink varchar(50) NOT NULL DEFAULT 'queue',
    priority smallint NOT NULL DEFAULT 0,
    ordering_key varchar(200),
    state text NOT NULL DEFAULT 'pending',
    available_at timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_expires_at timestamptz,
    last_error varchar(4000),
    error_class varchar(100),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, event_id),
    CONSTRAINT leased_while_processing CHECK (CASE state
        WHEN 'processing' THEN lease_token IS NOT NULL AND lease_expires_at IS NOT NULL AND sink <> 'queue'
        ELSE state IN ('pending', 'failed') AND lease_token IS NULL AND lease_expires_at IS NULL END)
) WITH (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_events_due ON app.outbox_events (tenant_id, available_at, id) WHERE sink = 'queue' AND state IN ('pending', 'failed');
-- External sinks, leases and what went wrong: no index that a healthy event for our own queue would enter, and only one to ask about.
CREATE INDEX outbox_events_unusual ON app.outbox_events (tenant_id, id) WHERE state <> 'pending' OR sink <> 'queue';
CALL app.wall('app.outbox_events', 'SELECT, INSERT');

-- The tenants with something to hand off, each with the time of its first event: one index probe a tenant, however long the backlog.
CREATE VIEW app.outbox_heads WITH (security_invoker = true) AS
    WITH RECURSIVE heads AS (
        (SELECT o.tenant_id, o.available_at FROM app.outbox_events o
          WHERE o.sink = 'queue' AND o.state IN ('pending', 'failed')
          ORDER BY o.tenant_id, o.available_at LIMIT 1)
        UNION ALL
        SELECT n.tenant_id, n.available_at FROM heads h CROSS JOIN LATERAL (
            SELECT o.tenant_id, o.available_at FROM app.outbox_events o
             WHERE o.sink = 'queue' AND o.state IN ('pending', 'failed') AND o.tenant_id > h.tenant_id
             ORDER BY o.tenant_id, o.available_at LIMIT 1) n
    )
    SELECT tenant_id, available_at FROM heads;
GRANT SELECT ON app.outbox_heads TO headwater_app, headwater_system;

-- Insert-only, one partition a month of created_at; months are made three ahead by maintenance.
CREATE TABLE app.outbox_history (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    type text NOT NULL,
    version smallint NOT NULL,
    payload jsonb NOT NULL,
    headers jsonb NOT NULL,
    correlation_id uuid,
    sink text NOT NULL,
    priority smallint NOT NULL,
    attempts smallint NOT NULL,
    last_error text,
    error_class text,
    routes smallint NOT NULL,          -- how many jobs the pipeline made of it
    created_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, created_at, id)
) PARTITION BY RANGE (created_at);
CREATE INDEX outbox_history_event ON app.outbox_history (tenant_id, event_id);
CREATE INDEX outbox_history_type ON app.outbox_history (tenant_id, type, created_at, id);
CREATE INDEX outbox_history_aggregate ON app.outbox_history (tenant_id, aggregate_id, created_at, id);
CREATE INDEX outbox_history_correlation ON app.outbox_history (tenant_id, correlation_id, created_at, id) WHERE correlation_id IS NOT NULL;
CREATE TABLE app.outbox_history_default PARTITION OF app.outbox_history DEFAULT;
CALL app.wall('app.outbox_history', 'SELECT');
CALL app.wall('app.outbox_history_default', 'SELECT');
REVOKE UPDATE, DELETE ON app.outbox_history, app.outbox_history_default FROM headwater_system;

-- The one arbiter of "once". No index names state, token or a time, so that start and done are HOT updates.
CREATE TABLE app.job_executions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    job varchar(100) NOT NULL,
    queue varchar(100) NOT NULL,
    scope text NOT NULL,
    key varchar(300) NOT NULL,
    coalesce_key varchar(300),
    state text NOT NULL DEFAULT 'queued',
    token integer NOT NULL DEFAULT 0,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    priority smallint NOT NULL DEFAULT 0,
    payload jsonb NOT NULL,
    event_id uuid NOT NULL,
    correlation_id uuid,
    run_id uuid,
    worker_id bigint,
    cancel_requested_at timestamptz,
    error varchar(4000),
    error_class varchar(100),
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT known_state CHECK (
        state IN ('queued', 'running', 'waiting', 'done', 'dead', 'cancelled', 'quarantined', 'superseded') AND scope IN ('once', 'coalesce')
        AND (coalesce_key IS NULL OR (scope = 'coalesce' AND state = 'queued' AND coalesce_key = key)))
) WITH (fillfactor = 70, autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX job_executions_once ON app.job_executions (tenant_id, job, key) WHERE scope = 'once';
CREATE UNIQUE INDEX job_executions_coalesce ON app.job_executions (tenant_id, job, coalesce_key) WHERE coalesce_key IS NOT NULL;
CREATE INDEX job_executions_event ON app.job_executions (event_id, tenant_id);
CREATE INDEX job_executions_run ON app.job_executions (run_id, tenant_id, id) WHERE run_id IS NOT NULL;
CALL app.wall('app.job_executions', 'SELECT, UPDATE');

-- An event whose job already existed: which execution absorbed it.
CREATE TABLE app.absorbed_events (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    job text NOT NULL,
    execution_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, event_id, job)
);
CALL app.wall('app.absorbed_events', 'SELECT');

-- One row an attempt that did not end in done: the error history of an execution.
CREATE TABLE app.job_attempts (
    tenant_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    token integer NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('failed', 'snoozed', 'timeout', 'crashed', 'cancelled', 'dead', 'quarantined')),
    error_class varchar(100),
    error varchar(4000),
    traceback varchar(20000),
    worker_id bigint,
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    retry_at timestamptz,
    PRIMARY KEY (tenant_id, execution_id, token),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES app.job_executions (tenant_id, id)
);
CALL app.wall('app.job_attempts', 'SELECT, INSERT');

-- Events that could not be handed off or delivered, and jobs that gave up. Never dropped while unresolved.
CREATE TABLE app.dead_letters (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('event', 'job')),
    event_id uuid NOT NULL,
    execution_id uuid,
    name varchar(100) NOT NULL,           -- event type or job name
    event jsonb,                                               -- the whole event row, kind = 'event'
    attempts smallint NOT NULL,
    error_class varchar(100),
    error varchar(4000),
    traceback varchar(20000),
    correlation_id uuid,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolution text CHECK (resolution IN ('replayed', 'dismissed')),
    resolved_by varchar(200),
    PRIMARY KEY (tenant_id, id),
    CHECK ((kind = 'event') = (event IS NOT NULL)),
    CHECK ((kind = 'job') = (execution_id IS NOT NULL)),
    CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE UNIQUE INDEX dead_letters_open_execution ON app.dead_letters (tenant_id, execution_id) WHERE resolved_at IS NULL AND kind = 'job';
CREATE INDEX dead_letters_event ON app.dead_letters (event_id, tenant_id);
CREATE INDEX dead_letters_open ON app.dead_letters (tenant_id, id) WHERE resolved_at IS NULL;
CALL app.wall('app.dead_letters', 'SELECT, INSERT, UPDATE');

-- The API never touches the queue: it writes a pause, and the dispatcher obeys.
CREATE TABLE app.pauses (
    tenant_id uuid PRIMARY KEY REFERENCES app.tenants,
    reason varchar(500) NOT NULL DEFAULT '',
    paused_by varchar(200) NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT app.now()
);
CALL app.wall('app.pauses', 'SELECT, INSERT, DELETE');

-- Every documented status of an outbox event in one place (R8, R9).
CREATE VIEW app.outbox WITH (security_invoker = true) AS
    SELECT tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink,
           state AS status, available_at, attempts, last_error, error_class, created_at, NULL::timestamptz AS sent_at
      FROM app.outbox_events
    UNION ALL
    SELECT tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink,
           'sent', NULL, attempts, last_error, error_class, created_at, sent_at
      FROM app.outbox_history
    UNION ALL
    SELECT tenant_id, (event->>'id')::bigint, event_id, event->>'aggregate_type', (event->>'aggregate_id')::uuid, name,
           (event->>'version')::smallint, event->'payload', event->'headers', correlation_id, event->>'sink',
           'dead_letter', NULL, attempts, error, error_class, (event->>'created_at')::timestamptz, NULL
      FROM app.dead_letters WHERE kind = 'event' AND resolved_at IS NULL;
GRANT SELECT ON app.outbox TO headwater_app, headwater_system;

-- Makes the history partition of a month, taking along what had to wait in DEFAULT. False: it exists. Owner only.
CREATE FUNCTION app.make_month(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    partition text := 'outbox_history_' || to_char(day, 'YYYY_MM');
BEGIN
    IF to_regclass('app.' || partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE app.%I (LIKE app.outbox_history INCLUDING ALL)', partition);
    EXECUTE format('WITH moved AS (DELETE FROM app.outbox_history_default WHERE created_at >= %L AND created_at < %L RETURNING *)
                    INSERT INTO app.%I SELECT * FROM moved', starts, ends, partition);
    EXECUTE format('ALTER TABLE app.outbox_history ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)', partition, starts, ends);
    CALL app.wall(('app.' || partition)::regclass, 'SELECT');
    EXECUTE format('REVOKE UPDATE, DELETE ON app.%I FROM headwater_system', partition);
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION app.make_month(date) FROM PUBLIC;
