-- How long rows stay, and the nightly proof that walls hold.

-- Where the history begins: the first day of the oldest month that stands, or of a row that waits for its month. 'infinity': there is none.
CREATE FUNCTION app.history_begins() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT least(
        (SELECT min(to_date(right(c.relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC') FROM pg_catalog.pg_inherits i
           JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'app.outbox_history'::pg_catalog.regclass AND c.relname ~ '^outbox_history_\d{4}_\d\d$'),
        (SELECT min(d.created_at) FROM app.outbox_history_default d), 'infinity'));
END
$$;
REVOKE ALL ON FUNCTION app.history_begins() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.history_begins() TO headwater_system;

-- Drop the oldest month of the history whose last day is `days` past. NULL: there is none.
CREATE FUNCTION app.drop_month(days integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    partition text := (
        SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'app.outbox_history'::pg_catalog.regclass AND c.relname ~ '^outbox_history_\d{4}_\d\d$'
           AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= app.now() - days * interval '1 day'
         ORDER BY c.relname LIMIT 1);
BEGIN
    IF partition IS NOT NULL THEN
        EXECUTE pg_catalog.format('DROP TABLE app.%I', partition);
    END IF;
    RETURN partition;
END
$$;
REVOKE ALL ON FUNCTION app.drop_month(integer) FROM PUBLIC;

-- When which table was last gone through for rows past their time. One process a table and day: who comes second finds the row taken.
CREATE TABLE app.retention_passes (
    table_name varchar(100) NOT NULL PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT app.now(),
    passed_at timestamptz,
    deleted bigint NOT NULL DEFAULT 0 CHECK (deleted >= 0),
    pages bigint NOT NULL DEFAULT 0 CHECK (pages >= 0)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.retention_passes TO headwater_system;

-- What the house grants a tenant. Tenants read theirs; only the system role writes. No row, or NULL: the installation's own limit.
CREATE TABLE app.tenant_quotas (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    queued_buffer integer CHECK (queued_buffer BETWEEN 1 AND 100000),
    max_runs_per_day integer CHECK (max_runs_per_day BETWEEN 0 AND 1000000),
    daily_shortlist_cap integer CHECK (daily_shortlist_cap BETWEEN 0 AND 1000000),
    set_by varchar(200) NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id)
);
CALL app.wall('app.tenant_quotas', 'SELECT');

-- What the nightly search for a planted secret found, from every tenant's role. The rows are the reserved tenant's.
CREATE TABLE app.isolation_checks (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    at timestamptz NOT NULL DEFAULT app.now(),
    tenants integer NOT NULL CHECK (tenants >= 0),
    relations integer NOT NULL CHECK (relations >= 0),
    functions integer NOT NULL CHECK (functions >= 0),
    seconds double precision NOT NULL CHECK (seconds >= 0),
    leaks jsonb NOT NULL DEFAULT '[]',
    unplanted text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX isolation_checks_at ON app.isolation_checks (tenant_id, at DESC);
CALL app.wall('app.isolation_checks', 'SELECT');
