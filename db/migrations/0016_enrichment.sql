-- What is known about a company or a person, from whom, how surely; and the order in which vendors are asked.

-- One value of one field as one source gave it. The newest of a source is current; which source wins is worked out when it is read.
CREATE TABLE app.field_values (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('company', 'contact')),
    entity_id uuid NOT NULL,
    field varchar(50) NOT NULL,
    value jsonb NOT NULL,
    value_hash bytea NOT NULL CHECK (length(value_hash) = 32),
    vendor varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    source_url varchar(2000),
    terms text NOT NULL CHECK (terms IN ('public', 'attribution', 'licensed', 'crawled', 'own')),
    confidence double precision NOT NULL CHECK (confidence >= 0 AND confidence <= 1),
    verified boolean,
    lead_id uuid,
    observed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    superseded_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, entity_id, field, vendor, value_hash)
);
CREATE INDEX field_values_entity ON app.field_values (entity_id, tenant_id, field) WHERE superseded_at IS NULL;
CALL app.wall('app.field_values', 'SELECT, INSERT, UPDATE, DELETE');

-- One enrichment of one lead (LeadEnrichmentRecord): what was asked, what came of it, what it cost.
CREATE TABLE app.enrichments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    cause varchar(200) NOT NULL,
    state text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'COMPLETED', 'FAILED')),
    payload jsonb NOT NULL DEFAULT '{}',
    cost_usd double precision NOT NULL DEFAULT 0 CHECK (cost_usd >= 0),
    error_code varchar(100),
    error varchar(4000),
    started_at timestamptz NOT NULL DEFAULT app.now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, lead_id, cause),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE,
    CHECK ((finished_at IS NULL) = (state = 'PENDING'))
);
CALL app.wall('app.enrichments', 'SELECT, INSERT, UPDATE, DELETE');

CREATE VIEW app.lead_enrichment_records WITH (security_invoker = true) AS
    SELECT tenant_id, id, lead_id, state AS status, payload, cost_usd, error, started_at, finished_at FROM app.enrichments;
GRANT SELECT ON app.lead_enrichment_records TO headwater_app, headwater_system;

-- In which order vendors are asked for a field. A new order is SHADOW first: it is judged on live rows before it is followed.
CREATE TABLE app.waterfall_orders (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    field varchar(50) NOT NULL,
    stage text NOT NULL CHECK (stage IN ('SHADOW', 'ACTIVE', 'ARCHIVED')),
    operations text[] NOT NULL CHECK (cardinality(operations) BETWEEN 1 AND 20),
    made_by varchar(200) NOT NULL,
    verdict jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    stage_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX waterfall_orders_active ON app.waterfall_orders (tenant_id, field, stage) WHERE stage <> 'ARCHIVED';
CALL app.wall('app.waterfall_orders', 'SELECT, INSERT, UPDATE');

-- What became of each vendor asked for a field of a row. On the first line of a field that has a
-- SHADOW order: what the row costs and finds by either, in expectation where a vendor was not asked.
CREATE TABLE app.waterfall_steps (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    enrichment_id uuid NOT NULL,
    field varchar(50) NOT NULL,
    place integer NOT NULL CHECK (place >= 0),
    operation varchar(100) NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'rejected', 'miss', 'suppressed', 'error', 'skipped')),
    reason varchar(200),
    stored boolean NOT NULL DEFAULT false,
    units double precision NOT NULL DEFAULT 0 CHECK (units >= 0),
    cost_usd double precision NOT NULL DEFAULT 0 CHECK (cost_usd >= 0),
    explored boolean NOT NULL DEFAULT false,
    shadow_id uuid,
    shadow_cost_usd double precision,
    shadow_found double precision,
    active_cost_usd double precision,
    active_found double precision,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, enrichment_id, field, place),
    FOREIGN KEY (tenant_id, enrichment_id) REFERENCES app.enrichments (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX waterfall_steps_shadow ON app.waterfall_steps (shadow_id, tenant_id) WHERE shadow_id IS NOT NULL;
CALL app.wall('app.waterfall_steps', 'SELECT, INSERT');

-- A person is known by more than an address.
ALTER TABLE app.contacts
    ADD COLUMN phone varchar(40),
    ADD COLUMN linkedin_url varchar(500),
    ADD COLUMN email_status text CHECK (email_status IN ('valid', 'risky', 'unknown', 'invalid', 'suppress')),
    ADD COLUMN email_checked_at timestamptz,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT app.now();
ALTER TABLE app.companies
    ADD COLUMN employees integer CHECK (employees >= 0),
    ADD COLUMN industry varchar(300),
    ADD COLUMN naics text[] NOT NULL DEFAULT '{}',
    ADD COLUMN description varchar(4000),
    ADD COLUMN phone varchar(40);
