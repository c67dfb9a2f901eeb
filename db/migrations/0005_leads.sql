-- What was found, once each, and what it cost.

CREATE TABLE app.companies (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name varchar(500) NOT NULL,
    name_core varchar(500) NOT NULL,
    country text CHECK (country ~ '^[A-Z]{2}$'),
    city varchar(200),
    domain varchar(253),
    registry_id varchar(100),
    industries text[] NOT NULL DEFAULT '{}',
    sources text[] NOT NULL DEFAULT '{}',
    created_by_run uuid,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX companies_run ON app.companies (created_by_run, tenant_id) WHERE created_by_run IS NOT NULL;
CALL app.wall('app.companies', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE app.contacts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    company_id uuid NOT NULL,
    name varchar(300),
    title varchar(300),
    email varchar(320),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id)
);
CREATE INDEX contacts_company ON app.contacts (company_id, tenant_id);
CALL app.wall('app.contacts', 'SELECT, INSERT, UPDATE, DELETE');

-- The dedupe arbiter (R13): whoever inserts the key first owns the entity.
CREATE TABLE app.entity_keys (
    tenant_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('company', 'contact')),
    key_type text NOT NULL CHECK (key_type IN ('registry', 'domain', 'email', 'name_country')),
    value varchar(600) NOT NULL,
    entity_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, kind, key_type, value)
);
CREATE INDEX entity_keys_entity ON app.entity_keys (entity_id, tenant_id);
CALL app.wall('app.entity_keys', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE app.leads (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    company_id uuid NOT NULL,
    contact_id uuid,
    icp_profile_id uuid,
    status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'processing', 'enriched', 'failed')),
    source varchar(50) NOT NULL,
    run_id uuid,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, company_id, icp_profile_id, contact_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id)
);
CREATE INDEX leads_run ON app.leads (run_id, tenant_id, id);
CREATE INDEX leads_status ON app.leads (tenant_id, status, id);
CALL app.wall('app.leads', 'SELECT, INSERT, UPDATE, DELETE');

-- One row a hit (LeadDiscoveryRecord): what a vendor said, on which page of which run, and what became of it.
CREATE TABLE app.source_records (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source varchar(50) NOT NULL,
    vendor varchar(50) NOT NULL,
    external_id varchar(500) NOT NULL,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    payload jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('DISCOVERED', 'DUPLICATE', 'REJECTED', 'ERROR')),
    reason varchar(200),
    run_id uuid NOT NULL,
    slice_id uuid NOT NULL,
    page integer NOT NULL,
    company_id uuid,
    lead_id uuid,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, run_id, slice_id, page, external_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id)
);
CREATE INDEX source_records_lead ON app.source_records (lead_id, tenant_id) WHERE lead_id IS NOT NULL;
CREATE INDEX source_records_company ON app.source_records (company_id, tenant_id) WHERE company_id IS NOT NULL;
CALL app.wall('app.source_records', 'SELECT, INSERT, UPDATE, DELETE');

-- The ledger. A call groups items; an item is what the vendor bills (here: a page). Design law 5.
CREATE TABLE app.vendor_calls (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    vendor varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    billable boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('sent', 'answered', 'released', 'forfeited')),
    units_reserved double precision NOT NULL CHECK (units_reserved >= 0),
    units_spent double precision NOT NULL DEFAULT 0 CHECK (units_spent >= 0),
    run_id uuid,
    execution_id uuid,
    execution_token integer,
    error varchar(4000),
    sent_at timestamptz NOT NULL DEFAULT app.now(),
    settled_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'sent') = (settled_at IS NULL))
);
CREATE INDEX vendor_calls_run ON app.vendor_calls (run_id, tenant_id) WHERE run_id IS NOT NULL;
CREATE INDEX vendor_calls_execution ON app.vendor_calls (execution_id, tenant_id) WHERE execution_id IS NOT NULL;
CREATE INDEX vendor_calls_unsettled ON app.vendor_calls (tenant_id, sent_at) WHERE state = 'sent';
CALL app.wall('app.vendor_calls', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.vendor_items (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    call_id uuid NOT NULL,
    vendor varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    live boolean NOT NULL DEFAULT true,
    state text NOT NULL CHECK (state IN ('sent', 'answered', 'released', 'forfeited')),
    request jsonb NOT NULL,
    response jsonb,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES app.vendor_calls (tenant_id, id),
    CHECK ((state = 'answered') = (response IS NOT NULL)),
    CHECK (state <> 'released' OR NOT live)
);
-- At most one in-flight or unexpired row an item.
CREATE UNIQUE INDEX vendor_items_live ON app.vendor_items (tenant_id, vendor, operation, fingerprint) WHERE live;
CREATE INDEX vendor_items_call ON app.vendor_items (call_id, tenant_id);
CALL app.wall('app.vendor_items', 'SELECT, INSERT, UPDATE');

-- Which ledger rows a run read: what replay follows.
CREATE TABLE app.run_vendor_items (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    item_id uuid NOT NULL,
    slice_id uuid,
    page integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, run_id, item_id),
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, item_id) REFERENCES app.vendor_items (tenant_id, id)
);
CALL app.wall('app.run_vendor_items', 'SELECT, INSERT, UPDATE, DELETE');
