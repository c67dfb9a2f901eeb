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
