-- Whom a tenant wants as customers, and public tenders that fit.

-- A closed profile stays for what refers to it; its name is free again.
CREATE TABLE app.icp_profiles (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name varchar(200) NOT NULL,
    target_industries text[] NOT NULL DEFAULT '{}',
    target_countries text[] NOT NULL DEFAULT '{}',
    min_company_size integer CHECK (min_company_size >= 0),
    max_company_size integer CHECK (max_company_size >= 0),
    required_technologies text[] NOT NULL DEFAULT '{}',
    naics_codes text[] NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    closed_at timestamptz,
    created_by varchar(200),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    CHECK (min_company_size <= max_company_size)
);
CREATE UNIQUE INDEX icp_profiles_name ON app.icp_profiles (tenant_id, name) WHERE closed_at IS NULL;
CALL app.wall('app.icp_profiles', 'SELECT, INSERT, UPDATE');

-- How far a source was read, slice by slice (R6). `watermark` is the newest posting seen, never later than the start of the run that
-- saw it; the next run starts one lag before it. The range last asked for is kept, so that a second run on the same day asks the same
-- question, which the ledger answers.
CREATE TABLE app.source_cursors (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source varchar(50) NOT NULL,
    slice varchar(200) NOT NULL,
    watermark date,
    asked_from date,
    asked_to date,
    last_run_id uuid,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source, slice)
);
CALL app.wall('app.source_cursors', 'SELECT, INSERT, UPDATE, DELETE');

-- Rows of the reserved tenant `system` are the shared store: each notice once, whichever tenants' codes asked for it. A tenant holds
-- copies of those that fall under its own profiles' codes, so that it reads nothing but its own rows, and cannot tell from
-- what is there which codes others follow.
CREATE TABLE app.opportunities (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source varchar(50) NOT NULL,
    notice_id varchar(200) NOT NULL,
    solicitation_number varchar(300),
    title varchar(1000) NOT NULL,
    agency varchar(1000),
    kind varchar(300),
    naics text[] NOT NULL DEFAULT '{}',
    set_aside varchar(300),
    posted_on date,
    deadline_at varchar(300),
    active boolean,
    country varchar(300),
    state varchar(300),
    city varchar(300),
    url varchar(2000),
    description_url varchar(2000),
    raw jsonb,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    seen_slice_id uuid,
    seen_window varchar(50),
    changed_at timestamptz NOT NULL DEFAULT app.now(),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source, notice_id)
);
CREATE INDEX opportunities_changed ON app.opportunities (tenant_id, changed_at);
CREATE INDEX opportunities_solicitation ON app.opportunities (tenant_id, solicitation_number) WHERE solicitation_number IS NOT NULL;
CALL app.wall('app.opportunities', 'SELECT, INSERT, UPDATE, DELETE');

-- One a notice and profile: what the profile's newest version says about the notice's newest content.
CREATE TABLE app.opportunity_evaluations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    opportunity_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    profile_version integer NOT NULL,
    content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
    matched boolean NOT NULL,
    fit double precision NOT NULL CHECK (fit BETWEEN 0 AND 1),
    reasons text[] NOT NULL DEFAULT '{}',
    run_id uuid,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, opportunity_id, profile_id),
    FOREIGN KEY (tenant_id, opportunity_id) REFERENCES app.opportunities (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, profile_id) REFERENCES app.icp_profiles (tenant_id, id)
);
CREATE INDEX opportunity_evaluations_profile ON app.opportunity_evaluations (profile_id, tenant_id);
CALL app.wall('app.opportunity_evaluations', 'SELECT, INSERT, UPDATE, DELETE');
