-- Learning: what people say became of a lead, and how model versions do against what came true.

-- What somebody said about a lead, as it was said. Labels are made of it; the same source event twice is one.
CREATE TABLE app.lead_feedback (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    lead_id uuid NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'rejected', 'contacted', 'replied', 'meeting', 'won', 'lost', 'bad_data')),
    event_at timestamptz NOT NULL,
    source varchar(50) NOT NULL,
    source_event varchar(200) NOT NULL,
    note varchar(2000),
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 10),
    known_at timestamptz NOT NULL DEFAULT app.now(),
    given_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, lead_id, source, source_event),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_feedback_lead ON app.lead_feedback (lead_id, tenant_id, id);
CALL app.wall('app.lead_feedback', 'SELECT, INSERT, DELETE');

CREATE INDEX labels_lead ON app.labels (lead_id, tenant_id);

-- When it last became the one that decides: a rollback goes back to whoever was before.
ALTER TABLE app.model_versions ADD COLUMN active_at timestamptz;

-- One look at a version against what came true: its figures, whether the window was passed, and what was decided.
CREATE TABLE app.model_evaluations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    model_version_id uuid NOT NULL,
    cause varchar(200) NOT NULL,
    window_from timestamptz,
    window_to timestamptz,
    passed boolean,
    decision text NOT NULL CHECK (decision IN ('promoted', 'stays', 'kept', 'rolled_back')),
    reason varchar(2000) NOT NULL,
    metrics jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, model_version_id, cause),
    FOREIGN KEY (tenant_id, model_version_id) REFERENCES app.model_versions (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.model_evaluations', 'SELECT, INSERT');
