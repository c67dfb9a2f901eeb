-- Schedules, and what became of each of their occurrences.

-- `next_due_at` is the occurrence that is next; `fire_at` is when it is looked at: with the schedule's stagger, or later after an error.
-- `is_default`: made for everybody; while not `edited` it follows the settings. A removed one stays, so that it is not made again and what it
-- did can be read.
CREATE TABLE app.schedules (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('discovery', 'nightly', 'job', 'rollup', 'models', 'matching', 'opportunities', 'register', 'cleanup')),
    name varchar(63) NOT NULL,
    cron varchar(200) NOT NULL,
    zone varchar(64) NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    params jsonb NOT NULL DEFAULT '{}',
    jitter_s integer NOT NULL DEFAULT 0 CHECK (jitter_s BETWEEN 0 AND 21600),
    catch_up text NOT NULL DEFAULT 'once' CHECK (catch_up IN ('skip', 'once', 'all')),
    next_due_at timestamptz,
    fire_at timestamptz,
    last_due_at timestamptz,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_error varchar(500),
    is_default boolean NOT NULL DEFAULT false,
    edited boolean NOT NULL DEFAULT false,
    created_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    removed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((next_due_at IS NULL) = (fire_at IS NULL)),
    CHECK (next_due_at IS NULL OR (enabled AND removed_at IS NULL))
);
CREATE UNIQUE INDEX schedules_name ON app.schedules (tenant_id, name) WHERE removed_at IS NULL;
CREATE INDEX schedules_due ON app.schedules (fire_at) WHERE fire_at IS NOT NULL;
CREATE INDEX schedules_defaults ON app.schedules (tenant_id, name) WHERE is_default;
CALL app.wall('app.schedules', 'SELECT, INSERT, UPDATE');

-- An occurrence has one row, whoever settles it: its key is what makes firing exactly once. The row and the run it starts are one commit.
CREATE TABLE app.schedule_fires (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('started', 'skipped', 'failed')),
    reason varchar(500),
    run_id uuid,
    fired_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, schedule_id, due_at),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES app.schedules (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs (tenant_id, id) ON DELETE SET NULL (run_id)
);
CREATE INDEX schedule_fires_run ON app.schedule_fires (run_id, tenant_id) WHERE run_id IS NOT NULL;
CREATE INDEX schedule_fires_age ON app.schedule_fires (due_at);
CALL app.wall('app.schedule_fires', 'SELECT');
