-- Clock, ids, tenants, access. The runner has made the roles (owner, system, app) and the empty schemas app and queue.

-- The clock is shifted for tests by replacing this function, which only its owner may do.
CREATE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT interval '0' $$;

-- STABLE on purpose: an index condition may use it, and one statement sees one answer closely enough.
CREATE FUNCTION app.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$ BEGIN RETURN clock_timestamp() + app.clock_shift(); END $$;

DO $do$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        EXECUTE 'CREATE FUNCTION app.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS ''SELECT pg_catalog.uuidv7()''';
    ELSE
        -- RFC 9562 version 7: 48 bits of Unix milliseconds, then the random bits of a version 4 id.
        EXECUTE $fn$
            CREATE FUNCTION app.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $body$
                SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                    52, 1), 53, 1), 'hex')::uuid
            $body$
        $fn$;
    END IF;
END
$do$;

-- Keys begin with tenant_id. Plain indexes begin with what they are for: on an empty table a plan by (tenant_id, x) costs the same as one by
-- the primary key (tenant_id, id), and a cached plan keeps the wrong choice until the next ANALYZE.

-- Puts a table behind the tenant wall. `verbs` are what the app role may do there.
CREATE PROCEDURE app.wall(target regclass, verbs text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY tenant ON %s TO headwater_app USING (tenant_id = nullif(current_setting(''request.tenant_id'', true), '''')::uuid) WITH CHECK (tenant_id = nullif(current_setting(''request.tenant_id'', true), '''')::uuid)', target);
    EXECUTE format('CREATE POLICY system ON %s TO headwater_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY owner ON %s TO headwater_owner USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO headwater_app', verbs, target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO headwater_system', target);
END
$$;

GRANT USAGE ON SCHEMA app TO headwater_app, headwater_system;
REVOKE EXECUTE ON PROCEDURE app.wall(regclass, text) FROM PUBLIC;

-- The directory of tenants: all may read it, only system writes it.
CREATE TABLE app.tenants (
    id uuid PRIMARY KEY DEFAULT app.uuidv7(),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'closed')),
    created_at timestamptz NOT NULL DEFAULT app.now()
);
GRANT SELECT ON app.tenants TO headwater_app;
GRANT SELECT, INSERT, UPDATE ON app.tenants TO headwater_system;
INSERT INTO app.tenants (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000001', 'system', 'System');

CREATE TABLE app.users (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 320 AND email = lower(email)),
    role text NOT NULL CHECK (role IN ('owner', 'ops', 'analyst', 'viewer')),
    password_hash text NOT NULL CHECK (length(password_hash) <= 500),
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);
CALL app.wall('app.users', 'SELECT, INSERT, UPDATE');

-- One session a login; its refresh tokens rotate, and a used one that comes back revokes the session.
CREATE TABLE app.sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    user_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoke_reason text CHECK (length(revoke_reason) <= 100),
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES app.users (tenant_id, id)
);
CREATE INDEX sessions_user ON app.sessions (user_id, tenant_id);
CALL app.wall('app.sessions', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.refresh_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES app.sessions (tenant_id, id)
);
CREATE INDEX refresh_tokens_session ON app.refresh_tokens (session_id, tenant_id);
CALL app.wall('app.refresh_tokens', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.api_keys (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL CHECK (role IN ('owner', 'ops', 'analyst', 'viewer')),
    scopes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(scopes) <= 50),
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    created_by text CHECK (length(created_by) <= 200),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key_hash)
);
CALL app.wall('app.api_keys', 'SELECT, INSERT, UPDATE');

-- Failed logins by account and by address, in fixed windows. `subject_hash` keeps mail and IP addresses out of the table.
CREATE TABLE app.login_failures (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    subject_hash bytea NOT NULL CHECK (length(subject_hash) = 32),
    window_start timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, subject_hash, window_start)
);
CALL app.wall('app.login_failures', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE app.idempotency_keys (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    route text NOT NULL CHECK (length(route) <= 100),
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, route, key)
);
CALL app.wall('app.idempotency_keys', 'SELECT, INSERT');

-- Append-only: nobody but retention (owner) may change or delete what was logged.
CREATE TABLE app.audit_log (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    at timestamptz NOT NULL DEFAULT app.now(),
    actor text NOT NULL CHECK (length(actor) <= 200),
    action text NOT NULL CHECK (length(action) <= 100),
    subject_type text NOT NULL CHECK (length(subject_type) <= 50),
    subject_id text NOT NULL CHECK (length(subject_id) <= 200),
    detail jsonb NOT NULL DEFAULT '{}',
    correlation_id uuid,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_log_subject ON app.audit_log (tenant_id, subject_type, subject_id, id);
CALL app.wall('app.audit_log', 'SELECT, INSERT');
REVOKE UPDATE, DELETE ON app.audit_log FROM headwater_system;
