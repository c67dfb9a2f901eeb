-- What may run at once and how often, by queue and by tenant, and which queue or vendor stands still. A tenant's own pause stays in app.pauses.
-- Rows of queues and vendors are the reserved tenant's: they hold for everybody. Tenants read theirs; only the system role writes.
-- `tokens` are those that were left at `tokens_at`: a bucket of `burst`, filled with `per_s` a second.
CREATE TABLE app.limits (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    scope text NOT NULL CHECK (scope IN ('queue', 'tenant', 'vendor')),
    name varchar(100) NOT NULL,
    max_running integer CHECK (max_running BETWEEN 1 AND 100000),
    per_s double precision CHECK (per_s BETWEEN 0.0001 AND 100000),
    burst integer CHECK (burst BETWEEN 1 AND 100000),
    tokens double precision CHECK (tokens >= 0),
    tokens_at timestamptz,
    paused_at timestamptz,
    paused_by varchar(200),
    reason varchar(500),
    set_by varchar(200) NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, scope, name),
    CHECK (CASE scope WHEN 'tenant' THEN name = '' ELSE name <> '' AND tenant_id = '00000000-0000-7000-8000-000000000001' END),
    CHECK (num_nulls(per_s, burst, tokens, tokens_at) IN (0, 4)),
    CHECK (num_nulls(paused_at, paused_by, reason) IN (0, 3)),
    CHECK (scope <> 'vendor' OR (max_running IS NULL AND per_s IS NULL)),
    CHECK (scope <> 'tenant' OR paused_at IS NULL)
);
CALL app.wall('app.limits', 'SELECT');

-- How much of the workers a tenant gets beside others, and how deep its backlog may be before the API asks it to wait.
ALTER TABLE app.tenant_quotas ADD COLUMN weight smallint CHECK (weight BETWEEN 1 AND 100),
    ADD COLUMN max_waiting_events integer CHECK (max_waiting_events BETWEEN 1 AND 10000000);
