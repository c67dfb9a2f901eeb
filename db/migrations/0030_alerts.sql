-- Alerts: who looked after them, where they are told, what was told, when the rules were last looked at.

ALTER TABLE app.alerts
    ADD COLUMN acknowledged_by varchar(200),
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN resolved_by varchar(200);
CREATE INDEX alerts_newest ON app.alerts (tenant_id, id DESC);

-- A run is held against the ones before it: the newest ended runs of its kind.
CREATE INDEX runs_ended ON app.runs (tenant_id, kind, finished_at DESC) WHERE finished_at IS NOT NULL AND NOT dry_run AND status <> 'cancelled';

-- Where a tenant wants its alerts told. A URL may be a secret itself, `secret_ref` names the setting that holds one: neither is shown.
CREATE TABLE app.alert_channels (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name varchar(100) NOT NULL,
    kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'pagerduty', 'email', 'sentry')),
    url varchar(2000),
    secret_ref varchar(200),
    address varchar(320),
    min_severity text NOT NULL DEFAULT 'warning' CHECK (min_severity IN ('critical', 'error', 'warning', 'info')),
    enabled boolean NOT NULL DEFAULT true,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_error varchar(500),
    last_sent_at timestamptz,
    tested_at timestamptz,
    test_result varchar(500),
    created_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL app.wall('app.alert_channels', 'SELECT, INSERT, UPDATE, DELETE');

-- What was told where: one row an alert, a channel and a transition, so that nothing is told twice.
CREATE TABLE app.alert_deliveries (
    tenant_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    transition text NOT NULL CHECK (transition IN ('opened', 'resolved')),
    state text NOT NULL CHECK (state IN ('sending', 'sent', 'skipped', 'dead')),
    attempts integer NOT NULL DEFAULT 1,
    reason varchar(500),
    began_at timestamptz NOT NULL DEFAULT app.now(),
    ended_at timestamptz,
    PRIMARY KEY (tenant_id, alert_id, channel_id, transition),
    FOREIGN KEY (tenant_id, alert_id) REFERENCES app.alerts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, channel_id) REFERENCES app.alert_channels (tenant_id, id) ON DELETE CASCADE,
    CHECK ((state = 'sending') = (ended_at IS NULL))
);
CREATE INDEX alert_deliveries_channel ON app.alert_deliveries (channel_id, tenant_id);
CALL app.wall('app.alert_deliveries', 'SELECT, INSERT, UPDATE, DELETE');

-- When the rules that no run's end wakes were last looked at. The row of the reserved tenant `system` speaks for all.
CREATE TABLE app.alert_looks (
    tenant_id uuid PRIMARY KEY REFERENCES app.tenants,
    looked_at timestamptz NOT NULL
);
CALL app.wall('app.alert_looks', 'SELECT');

-- What a run went through and what of it failed, whatever its kind: the documents' counters of discovery, a member of `counters` for the rest.
-- No items where its kind does not say.
CREATE FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN kind IN ('discovery', 'maintenance') THEN discovered
                ELSE (SELECT (counters ->> k.name)::numeric::bigint
                        FROM unnest(ARRAY['items', 'processed', 'records', 'total', 'opportunities_found']) WITH ORDINALITY AS k(name, place)
                       WHERE jsonb_typeof(counters -> k.name) = 'number' ORDER BY k.place LIMIT 1) END,
           greatest(failed, (SELECT (counters ->> k.name)::numeric::bigint FROM unnest(ARRAY['errors', 'failed']) WITH ORDINALITY AS k(name, place)
                              WHERE jsonb_typeof(counters -> k.name) = 'number' ORDER BY k.place LIMIT 1))
$$;
REVOKE EXECUTE ON FUNCTION app.run_measures(text, jsonb, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.run_measures(text, jsonb, integer, integer) TO headwater_app, headwater_system;
