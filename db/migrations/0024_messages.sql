-- Messages: templates, consents, what vendors told us; and what erasing a person needs (B.09, R20).

-- What a tenant's suppressions are hashed with: random, made when it is first needed, never changed (old entries would be lost).
CREATE TABLE app.suppression_keys (
    tenant_id uuid PRIMARY KEY REFERENCES app.tenants,
    key bytea NOT NULL CHECK (length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT app.now()
);
CALL app.wall('app.suppression_keys', 'SELECT, INSERT');

-- `erased`: not only left alone, but not to be known again.
ALTER TABLE app.suppressions ADD COLUMN erased boolean NOT NULL DEFAULT false;
GRANT UPDATE ON app.suppressions TO headwater_app;
CREATE INDEX suppressions_erased ON app.suppressions (tenant_id) WHERE erased;

-- That a person agreed to be written to, or is a customer: where a region asks for it, nothing is sent without.
CREATE TABLE app.consents (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    contact_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('any', 'whatsapp', 'email', 'phone')),
    basis text NOT NULL CHECK (basis IN ('opt_in', 'existing_customer')),
    source varchar(200) NOT NULL,
    note varchar(1000),
    given_at timestamptz NOT NULL,
    recorded_by varchar(200) NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_by varchar(200),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id) ON DELETE CASCADE,
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE UNIQUE INDEX consents_standing ON app.consents (tenant_id, contact_id, channel, basis) WHERE withdrawn_at IS NULL;
CREATE INDEX consents_contact ON app.consents (contact_id, tenant_id);
CALL app.wall('app.consents', 'SELECT, INSERT, UPDATE, DELETE');

-- A tenant's own words. `parameters` name what fills {{1}}, {{2}} … of `body`; `vendor_templates` says under which number or name a
-- vendor has approved just that text: {"trengo": "98231", "whatsapp": "intro"}.
CREATE TABLE app.message_templates (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    channel text NOT NULL CHECK (channel IN ('whatsapp', 'email')),
    sequence_step integer NOT NULL DEFAULT 1 CHECK (sequence_step >= 1),
    language varchar(20) NOT NULL,
    body varchar(4000) NOT NULL,
    parameters text[] NOT NULL DEFAULT '{}' CHECK (cardinality(parameters) <= 20),
    vendor_templates jsonb NOT NULL DEFAULT '{}',
    set_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, sequence_step, language)
);
CALL app.wall('app.message_templates', 'SELECT, INSERT, UPDATE, DELETE');

-- `outgoing`: exactly what the vendor is asked to send, frozen with the decision, so that a second attempt asks for the same message and
-- the ledger knows it. `recipient_hash`: the phone it went to, as the suppression list would hold it.
ALTER TABLE app.messages
    ADD COLUMN outgoing jsonb,
    ADD COLUMN recipient_hash bytea CHECK (length(recipient_hash) = 32),
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN read_at timestamptz;
CREATE INDEX messages_recipient ON app.messages (recipient_hash, tenant_id, id) WHERE recipient_hash IS NOT NULL;
CREATE INDEX messages_contact ON app.messages (contact_id, tenant_id) WHERE contact_id IS NOT NULL;

-- What vendors told us, once each. `message_id` is null for what is about no message of ours.
CREATE TABLE app.message_events (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    vendor varchar(50) NOT NULL,
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('report', 'answer', 'stop', 'resume')),
    status text CHECK (status IN ('sent', 'delivered', 'read', 'failed')),
    message_id uuid,
    body varchar(4000),
    at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key_hash),
    FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_events_message ON app.message_events (message_id, tenant_id, id) WHERE message_id IS NOT NULL;
CALL app.wall('app.message_events', 'SELECT, INSERT, UPDATE, DELETE');
