-- Singapore's company register in staging, and the queries that discovery draws from.

-- ACRA's rows are public and the same for everybody, so they are stored once, under the reserved tenant `system`, behind the same wall as every
-- table: a tenant's own transaction sees none of them. Whoever needs them reads in a transaction of the reserved tenant (db/staging.py is the
-- only place that opens one) and writes what follows in the tenant's own. A tenant that wrote here would write a row of its own, seen by nobody else.
-- The register's number is the key: two million rows need no second id. `changed_at` moves only when the content hash does.
CREATE TABLE app.staging_acra_companies (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    uen varchar(20) NOT NULL,
    entity_name varchar(500) NOT NULL,
    entity_status_description varchar(300),
    entity_type_description varchar(300),
    company_type_description varchar(300),
    registration_incorporation_date date,
    uen_issue_date date,
    primary_ssic_code varchar(10),
    primary_ssic_description varchar(300),
    secondary_ssic_code varchar(10),
    secondary_ssic_description varchar(300),
    block varchar(20),
    street_name varchar(300),
    level_no varchar(20),
    unit_no varchar(20),
    building_name varchar(300),
    postal_code varchar(20),
    annual_return_date date,
    account_due_date date,
    no_of_officers integer,
    former_entity_names text[] NOT NULL DEFAULT '{}',
    source text NOT NULL CHECK (source IN ('file', 'webhook', 'pull')),
    content_hash bytea NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT app.now(),
    last_seen_at timestamptz NOT NULL DEFAULT app.now(),
    changed_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, uen)
) WITH (fillfactor = 85);
CREATE INDEX staging_acra_companies_changed ON app.staging_acra_companies (changed_at, uen, tenant_id);
CALL app.wall('app.staging_acra_companies', 'SELECT, INSERT, UPDATE');

-- One row for each filling: a file by the hash of its content, a day of webhooks, a data set of a pull. `rows_read` is how far it came, moved in the
-- transaction that writes the rows, so that whoever goes on after a crash starts where the last commit ended.
CREATE TABLE app.staging_imports (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source text NOT NULL CHECK (source IN ('file', 'webhook', 'pull')),
    name varchar(200) NOT NULL,
    label varchar(300) NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done')),
    rows_read bigint NOT NULL DEFAULT 0,
    rows_new bigint NOT NULL DEFAULT 0,
    rows_changed bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_dropped bigint NOT NULL DEFAULT 0,
    rows_repeated bigint NOT NULL DEFAULT 0,
    bad jsonb NOT NULL DEFAULT '[]',
    started_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source, name),
    CHECK ((state = 'done') = (finished_at IS NOT NULL))
);
CALL app.wall('app.staging_imports', 'SELECT, INSERT, UPDATE');

-- What a tenant's discovery runs look for when a run names nothing. `text_key` is the text without case and surplus blanks.
CREATE TABLE app.discovery_queries (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    text varchar(300) NOT NULL,
    text_key varchar(300) NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    source text NOT NULL CHECK (source IN ('typed', 'generated')),
    icp_profile_id uuid,
    created_by varchar(200),
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, text_key),
    FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles (tenant_id, id)
);
CREATE INDEX discovery_queries_profile ON app.discovery_queries (icp_profile_id, tenant_id) WHERE icp_profile_id IS NOT NULL;
CALL app.wall('app.discovery_queries', 'SELECT, INSERT, UPDATE, DELETE');
