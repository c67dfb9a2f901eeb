-- What a tenant asked for, in slices that can be resumed.

CREATE TABLE app.runs (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('discovery', 'opportunities', 'nightly', 'job', 'training', 'rollup', 'maintenance')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'partial', 'failed', 'cancelled')),
    mode text NOT NULL DEFAULT 'daily' CHECK (mode IN ('daily', 'manual', 'test')),
    dry_run boolean NOT NULL DEFAULT false,
    triggered_by varchar(50) NOT NULL,
    requested_by varchar(200),
    occurrence_key varchar(200),
    parent_id uuid,
    params jsonb NOT NULL DEFAULT '{}',
    open_slices integer NOT NULL DEFAULT 0 CHECK (open_slices >= 0),
    api_calls_made integer NOT NULL DEFAULT 0,
    discovered_count integer NOT NULL DEFAULT 0,
    deduped_count integer NOT NULL DEFAULT 0,
    created_companies_count integer NOT NULL DEFAULT 0,
    skipped_companies_count integer NOT NULL DEFAULT 0,
    created_contacts_count integer NOT NULL DEFAULT 0,
    skipped_contacts_count integer NOT NULL DEFAULT 0,
    created_leads_count integer NOT NULL DEFAULT 0,
    skipped_leads_count integer NOT NULL DEFAULT 0,
    error_count integer NOT NULL DEFAULT 0,
    counters jsonb NOT NULL DEFAULT '{}',
    naics_codes text[],
    posted_from date,
    posted_to date,
    stats jsonb,
    error_code varchar(100),
    error varchar(4000),
    error_details jsonb,
    stop_reason varchar(100),
    deadline_at timestamptz,
    cancel_requested_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES app.runs (tenant_id, id),
    CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'partial', 'failed', 'cancelled'))),
    CHECK (status = 'pending' OR started_at IS NOT NULL OR status IN ('cancelled', 'failed'))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX runs_occurrence ON app.runs (tenant_id, kind, occurrence_key) WHERE occurrence_key IS NOT NULL;
CREATE INDEX runs_status ON app.runs (tenant_id, status, finished_at DESC);
CREATE INDEX runs_started ON app.runs (tenant_id, started_at);
CREATE INDEX runs_mode ON app.runs (tenant_id, mode, id);
CREATE INDEX runs_kind ON app.runs (tenant_id, kind, id);
CREATE INDEX runs_parent ON app.runs (parent_id, tenant_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_overdue ON app.runs (deadline_at) WHERE status IN ('pending', 'running');
CALL app.wall('app.runs', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE app.run_slices (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    run_id uuid NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    channel varchar(50) NOT NULL,
    query varchar(500) NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'error', 'cancelled', 'dead')),
    page integer NOT NULL DEFAULT 0 CHECK (page >= 0),
    cursor varchar(500),
    found integer NOT NULL DEFAULT 0,
    companies_created integer NOT NULL DEFAULT 0,
    companies_skipped integer NOT NULL DEFAULT 0,
    would_cost double precision NOT NULL DEFAULT 0,
    stop_reason varchar(100),
    error_code varchar(100),
    error varchar(4000),
    closed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, run_id, ordinal),
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE CASCADE,
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CALL app.wall('app.run_slices', 'SELECT, INSERT, UPDATE, DELETE');

-- The documents' names (R2).
CREATE VIEW app.discovery_runs WITH (security_invoker = true) AS
    SELECT tenant_id, id, coalesce(started_at, created_at) AS started_at, finished_at, finished_at AS completed_at,
           round(extract(epoch FROM finished_at - coalesce(started_at, created_at)), 2)::numeric(10, 2) AS duration_seconds,
           status, mode, dry_run, triggered_by, stats, error, error AS error_message, error_details,
           created_companies_count, created_contacts_count, created_leads_count,
           skipped_companies_count AS skipped_count, error_count,
           naics_codes, posted_from, posted_to, api_calls_made,
           coalesce((counters->>'opportunities_found')::int, 0) AS opportunities_found,
           coalesce((counters->>'opportunities_new')::int, 0) AS opportunities_new,
           coalesce((counters->>'opportunities_updated')::int, 0) AS opportunities_updated,
           coalesce((counters->>'opportunities_unchanged')::int, 0) AS opportunities_unchanged,
           coalesce((counters->>'evaluations_created')::int, 0) AS evaluations_created,
           created_at, updated_at
      FROM app.runs WHERE kind IN ('discovery', 'opportunities');
CREATE VIEW app.enrichment_runs WITH (security_invoker = true) AS
    SELECT tenant_id, id AS run_id, started_at, finished_at, status, counters AS step_counters, error AS error_summary
      FROM app.runs WHERE kind = 'nightly';
GRANT SELECT ON app.discovery_runs, app.enrichment_runs TO headwater_app, headwater_system;
