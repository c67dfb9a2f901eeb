-- What came of pushing leads to a CRM; one row a lead and cause, whose last word counts.
CREATE TABLE app.crm_pushes (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    cause varchar(200) NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'unchanged', 'skipped', 'conflict', 'error')),
    reason varchar(500),
    records jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, lead_id, cause),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.crm_pushes', 'SELECT, INSERT, UPDATE, DELETE');
