-- From an enriched lead to a qualified one: rules, snapshots, scores, models, labels, messages, what the CRM knows, daily figures.

-- What a tenant has decided for itself (caps, thresholds, gates), by name. Absent: the setting or default that its reader names.
CREATE TABLE app.tenant_policies (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name varchar(100) NOT NULL,
    value jsonb NOT NULL,
    set_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL app.wall('app.tenant_policies', 'SELECT, INSERT, UPDATE, DELETE');

-- Merged into another: a redirect, which can be taken back. Whoever reads entities follows it.
ALTER TABLE app.companies ADD COLUMN merged_into uuid;
ALTER TABLE app.contacts ADD COLUMN merged_into uuid;

-- A version of a profile's rules and thresholds. One ACTIVE a profile decides; one SHADOW may be watched beside it.
CREATE TABLE app.rule_sets (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    icp_profile_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    stage text NOT NULL DEFAULT 'SHADOW' CHECK (stage IN ('SHADOW', 'ACTIVE', 'ARCHIVED')),
    medium_from double precision NOT NULL DEFAULT 0.33 CHECK (medium_from > 0 AND medium_from < 1),
    high_from double precision NOT NULL DEFAULT 0.66 CHECK (high_from > 0 AND high_from < 1),
    made_by varchar(200) NOT NULL,
    reason varchar(2000),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    stage_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, icp_profile_id, version),
    FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles (tenant_id, id),
    CHECK (medium_from <= high_from)
);
CREATE UNIQUE INDEX rule_sets_stage ON app.rule_sets (tenant_id, icp_profile_id, stage) WHERE stage <> 'ARCHIVED';
CALL app.wall('app.rule_sets', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.qualification_rules (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    rule_set_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    type text NOT NULL CHECK (type IN ('WEIGHTED', 'HARD_FILTER')),
    field_key varchar(100) NOT NULL,
    operator varchar(20) NOT NULL,
    value jsonb,
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1000),
    on_missing text NOT NULL DEFAULT 'DEFER' CHECK (on_missing IN ('FAIL', 'PASS', 'DEFER')),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, rule_set_id, position),
    FOREIGN KEY (tenant_id, rule_set_id) REFERENCES app.rule_sets (tenant_id, id)
);
CALL app.wall('app.qualification_rules', 'SELECT, INSERT');

-- Companies held against a profile (R19: a plain table, refreshed by upsert and tombstone), with the reason where one is out (B.05).
CREATE TABLE app.icp_candidate_companies (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    icp_profile_id uuid NOT NULL,
    company_id uuid NOT NULL,
    rule_set_id uuid,
    verdict text NOT NULL CHECK (verdict IN ('CANDIDATE', 'REJECTED', 'DEFERRED')),
    fit double precision CHECK (fit >= 0 AND fit <= 1),
    coverage double precision NOT NULL DEFAULT 0 CHECK (coverage >= 0 AND coverage <= 1),
    reasons jsonb NOT NULL DEFAULT '[]',
    refreshed_at timestamptz NOT NULL DEFAULT app.now(),
    gone_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, icp_profile_id, company_id),
    FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles (tenant_id, id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX icp_candidate_companies_company ON app.icp_candidate_companies (company_id, tenant_id);
CALL app.wall('app.icp_candidate_companies', 'SELECT, INSERT, UPDATE, DELETE');

-- What was known of a lead at one moment (LeadFeatureSnapshot, S2.10). Never changed; a lead's erasure takes them along.
CREATE TABLE app.feature_snapshots (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    icp_profile_id uuid,
    snapshot_version integer NOT NULL CHECK (snapshot_version >= 1),
    source_version varchar(100) NOT NULL,
    feature_vector_hash bytea NOT NULL CHECK (length(feature_vector_hash) = 32),
    vector jsonb NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('PASSED', 'REJECTED', 'DEFERRED')),
    reasons jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, lead_id, icp_profile_id, snapshot_version, source_version, feature_vector_hash),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX feature_snapshots_lead ON app.feature_snapshots (lead_id, tenant_id, id);
CALL app.wall('app.feature_snapshots', 'SELECT, INSERT, DELETE');

-- A trained model (ModelVersion, S2.12): coefficients as JSON, how it was made and how it did. One ACTIVE a family.
CREATE TABLE app.model_versions (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    family varchar(50) NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    kind varchar(50) NOT NULL DEFAULT 'logistic_regression',
    stage text NOT NULL DEFAULT 'SHADOW' CHECK (stage IN ('SHADOW', 'ACTIVE', 'ARCHIVED')),
    model jsonb NOT NULL,
    config jsonb NOT NULL DEFAULT '{}',
    metrics jsonb NOT NULL DEFAULT '{}',
    reason varchar(2000),
    data_hash bytea CHECK (length(data_hash) = 32),
    trained_from timestamptz,
    trained_to timestamptz,
    training_run_id uuid,
    -- The share of leads that a SHADOW version decides in an A/B split; the ACTIVE one decides the others.
    traffic double precision NOT NULL DEFAULT 0 CHECK (traffic >= 0 AND traffic <= 1),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    stage_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, family, version)
);
CREATE UNIQUE INDEX model_versions_active ON app.model_versions (tenant_id, family) WHERE stage = 'ACTIVE';
CALL app.wall('app.model_versions', 'SELECT, INSERT, UPDATE');

-- What a snapshot was worth (LeadScorePrediction, S2.11). `decides`: the row the product acts on; others are watched in SHADOW.
CREATE TABLE app.score_predictions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    snapshot_id uuid NOT NULL,
    rule_set_id uuid,
    model_version_id uuid,
    decides boolean NOT NULL,
    probability double precision CHECK (probability >= 0 AND probability <= 1),
    score double precision NOT NULL CHECK (score >= 0 AND score <= 1),
    percentile double precision CHECK (percentile >= 0 AND percentile <= 1),
    band text NOT NULL CHECK (band IN ('LOW', 'MEDIUM', 'HIGH')),
    fit double precision CHECK (fit >= 0 AND fit <= 1),
    coverage double precision NOT NULL CHECK (coverage >= 0 AND coverage <= 1),
    base_log_odds double precision NOT NULL DEFAULT 0,
    contributions jsonb NOT NULL DEFAULT '[]',
    rationale varchar(4000),
    rejected boolean NOT NULL DEFAULT false,
    reasons jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, snapshot_id, rule_set_id, model_version_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, snapshot_id) REFERENCES app.feature_snapshots (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX score_predictions_lead ON app.score_predictions (lead_id, tenant_id, id);
CREATE INDEX score_predictions_snapshot ON app.score_predictions (snapshot_id, tenant_id);
CALL app.wall('app.score_predictions', 'SELECT, INSERT, UPDATE, DELETE');

-- What became of a lead, as somebody said. `event_at`: when it was so; `known_at`: when we could have known.
CREATE TABLE app.labels (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    kind varchar(50) NOT NULL,
    value double precision NOT NULL CHECK (value >= 0 AND value <= 1),
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0),
    source varchar(50) NOT NULL,
    source_event varchar(200) NOT NULL,
    event_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, lead_id, kind, source_event),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX labels_known ON app.labels (tenant_id, known_at);
CALL app.wall('app.labels', 'SELECT, INSERT, UPDATE, DELETE');

-- Whom nobody may write to: keyed hashes, so that what is erased stays suppressed and cannot be read back (B.09).
CREATE TABLE app.suppressions (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    channel text NOT NULL CHECK (channel IN ('any', 'whatsapp', 'email', 'phone')),
    key_type text NOT NULL CHECK (key_type IN ('email', 'phone', 'domain', 'person')),
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    reason varchar(200) NOT NULL,
    source varchar(100) NOT NULL,
    added_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, key_type, key_hash)
);
CALL app.wall('app.suppressions', 'SELECT, INSERT, DELETE');

-- A draft until a person says yes; then sent at most once. `state` says how far it got (R20).
CREATE TABLE app.messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    contact_id uuid,
    prediction_id uuid,
    channel text NOT NULL CHECK (channel IN ('whatsapp', 'email')),
    sequence_step integer NOT NULL DEFAULT 1 CHECK (sequence_step >= 1),
    state text NOT NULL DEFAULT 'draft'
        CHECK (state IN ('draft', 'approved', 'sending', 'sent', 'delivered', 'read', 'failed', 'rejected', 'suppressed')),
    language varchar(20) NOT NULL DEFAULT 'en',
    template varchar(200) NOT NULL,
    parameters jsonb NOT NULL DEFAULT '[]',
    body varchar(4000) NOT NULL,
    written_by text NOT NULL CHECK (written_by IN ('model', 'template', 'person')),
    notes jsonb NOT NULL DEFAULT '[]',
    approved_by varchar(200),
    approved_at timestamptz,
    reason varchar(1000),
    vendor varchar(50),
    vendor_ref varchar(500),
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, lead_id, channel, sequence_step),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id)
);
CREATE INDEX messages_state ON app.messages (tenant_id, state, id);
CREATE INDEX messages_reference ON app.messages (vendor, vendor_ref, tenant_id) WHERE vendor_ref IS NOT NULL;
CALL app.wall('app.messages', 'SELECT, INSERT, UPDATE, DELETE');

-- A tenant's CRM. `secret_ref` names the setting that holds the key; the key itself is never stored (S3.16).
CREATE TABLE app.odoo_connections (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    url varchar(500) NOT NULL,
    database varchar(200),
    login varchar(320),
    secret_ref varchar(200) NOT NULL,
    transport text NOT NULL DEFAULT 'auto' CHECK (transport IN ('auto', 'json2', 'jsonrpc')),
    enabled boolean NOT NULL DEFAULT true,
    tested_at timestamptz,
    test_result jsonb,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id)
);
CALL app.wall('app.odoo_connections', 'SELECT, INSERT, UPDATE, DELETE');

-- What of ours stands where in the CRM, and what was last written there.
CREATE TABLE app.crm_links (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    system varchar(50) NOT NULL,
    model varchar(64) NOT NULL,
    local_id uuid NOT NULL,
    external_id varchar(200) NOT NULL,
    remote_id bigint,
    last_hash bytea CHECK (length(last_hash) = 32),
    last_values jsonb,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'linked', 'conflict', 'error')),
    detail jsonb NOT NULL DEFAULT '{}',
    last_error varchar(4000),
    last_run_id uuid,
    pushed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, system, model, local_id)
);
CREATE INDEX crm_links_local ON app.crm_links (local_id, tenant_id);
CALL app.wall('app.crm_links', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE app.daily_metrics (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    day date NOT NULL,
    metric varchar(100) NOT NULL,
    dims jsonb NOT NULL DEFAULT '{}',
    dims_hash bytea NOT NULL CHECK (length(dims_hash) = 32),
    value double precision NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, day, metric, dims_hash)
);
CALL app.wall('app.daily_metrics', 'SELECT, INSERT, UPDATE, DELETE');

-- The documents' names.
CREATE VIEW app.lead_features WITH (security_invoker = true) AS
    SELECT tenant_id, id, lead_id, icp_profile_id, snapshot_version, source_version, feature_vector_hash, vector, verdict, reasons, created_at
      FROM app.feature_snapshots;
CREATE VIEW app.lead_scores WITH (security_invoker = true) AS
    SELECT tenant_id, id, lead_id, snapshot_id, model_version_id, rule_set_id, probability, score, percentile, band, coverage, contributions,
           rationale, created_at FROM app.score_predictions WHERE decides;
GRANT SELECT ON app.lead_features, app.lead_scores TO headwater_app, headwater_system;
