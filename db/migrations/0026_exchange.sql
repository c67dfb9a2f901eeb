-- What comes in and goes out: replays of runs, files of rows, webhooks of tenants.

-- A replay is a run of its own: `parent_id` is the run that is done again, `dry_run` says that nothing was applied.
ALTER TABLE app.runs DROP CONSTRAINT runs_kind_check;
ALTER TABLE app.runs ADD CONSTRAINT runs_kind_check
    CHECK (kind IN ('discovery', 'opportunities', 'nightly', 'job', 'training', 'rollup', 'maintenance', 'replay'));

-- What a replay found to be different from what stands, in the order it is shown. Nothing of a person but where they work.
CREATE TABLE app.replay_differences (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    run_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    kind text NOT NULL CHECK (kind IN ('company', 'contact', 'lead', 'record', 'score')),
    change text NOT NULL CHECK (change IN ('created', 'changed', 'placed')),
    entity_id uuid,
    subject jsonb NOT NULL DEFAULT '{}',
    fields jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, run_id, position),
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.replay_differences', 'SELECT, INSERT, DELETE');

-- A file that came in. Its content and how its columns were read are its name: the same file again is the same import.
CREATE TABLE app.imports (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('companies', 'leads', 'suppressions')),
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    label varchar(200) NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
    dry_run boolean NOT NULL DEFAULT false,
    rows integer NOT NULL DEFAULT 0,
    created integer NOT NULL DEFAULT 0,
    merged integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    bad integer NOT NULL DEFAULT 0,
    errors integer NOT NULL DEFAULT 0,
    companies_created integer NOT NULL DEFAULT 0,
    contacts_created integer NOT NULL DEFAULT 0,
    columns jsonb NOT NULL DEFAULT '{}',
    ignored jsonb NOT NULL DEFAULT '[]',
    notes jsonb NOT NULL DEFAULT '[]',
    requested_by varchar(200) NOT NULL,
    started_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'done') = (finished_at IS NOT NULL)),
    CHECK (rows = created + merged + skipped + bad)
);
CREATE UNIQUE INDEX imports_content ON app.imports (tenant_id, kind, content_hash) WHERE NOT dry_run;
CALL app.wall('app.imports', 'SELECT, INSERT, UPDATE, DELETE');

-- What was wrong with which row. Values are not kept: they may be somebody's.
CREATE TABLE app.import_errors (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    position integer NOT NULL,
    row_number integer NOT NULL,
    column_name varchar(100),
    code varchar(50) NOT NULL,
    message varchar(500) NOT NULL,
    fatal boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, import_id, position),
    FOREIGN KEY (tenant_id, import_id) REFERENCES app.imports (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.import_errors', 'SELECT, INSERT, DELETE');

-- Where a tenant wants facts told. The signing secret is derived from a setting and never stored: nothing here could be used to sign.
-- `failures` and `open_until` are its circuit breaker: while it is open, its deliveries wait untouched.
CREATE TABLE app.webhook_endpoints (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    url varchar(2000) NOT NULL,
    events text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 50),
    ordering text NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'block', 'park', 'skip')),
    enabled boolean NOT NULL DEFAULT true,
    description varchar(500),
    secret_version integer NOT NULL DEFAULT 1 CHECK (secret_version >= 1),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    open_until timestamptz,
    last_error varchar(500),
    disabled_reason varchar(200),
    created_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id)
);
CALL app.wall('app.webhook_endpoints', 'SELECT, INSERT, UPDATE, DELETE');
