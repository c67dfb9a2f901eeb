CREATE SCHEMA app;

ALTER SCHEMA app OWNER TO headwater_owner;

CREATE SCHEMA trgm;

ALTER SCHEMA trgm OWNER TO headwater_owner;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA trgm;

CREATE PROCEDURE app.analyze_grown()
    LANGUAGE plpgsql
    AS $$
DECLARE grown regclass;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('app.analyze_grown', 0)) THEN
        RETURN;
    END IF;
    SET LOCAL lock_timeout = '100ms';
    FOR grown IN
        SELECT c.oid FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
         WHERE s.schemaname = 'app' AND c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%autovacuum_analyze%'
           AND s.n_live_tup BETWEEN 3 * greatest(c.reltuples, 30) AND 100000 AND s.n_mod_since_analyze > s.n_live_tup / 2
         ORDER BY s.n_live_tup LIMIT 3
    LOOP
        EXECUTE format('ANALYZE %s', grown);
    END LOOP;
END
$$;

ALTER PROCEDURE app.analyze_grown() OWNER TO headwater_owner;

CREATE FUNCTION app.clock_shift() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT interval '0' $$;

ALTER FUNCTION app.clock_shift() OWNER TO headwater_owner;

CREATE PROCEDURE app.complete(IN tenant uuid, IN execution uuid, IN attempt integer)
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE app.job_executions e SET state = 'done', finished_at = app.now(), coalesce_key = NULL
     WHERE e.tenant_id = tenant AND e.id = execution AND e.token = attempt AND e.state = 'running' AND e.cancel_requested_at IS NULL;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = 'another attempt owns this execution, or it was cancelled';
    END IF;
END
$$;

ALTER PROCEDURE app.complete(IN tenant uuid, IN execution uuid, IN attempt integer) OWNER TO headwater_owner;

CREATE FUNCTION app.drop_month(days integer) RETURNS text
    LANGUAGE plpgsql
    AS $_$
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
$_$;

ALTER FUNCTION app.drop_month(days integer) OWNER TO headwater_owner;

CREATE FUNCTION app.history_begins() RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $_$
BEGIN
    RETURN (SELECT least(
        (SELECT min(to_date(right(c.relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC') FROM pg_catalog.pg_inherits i
           JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'app.outbox_history'::pg_catalog.regclass AND c.relname ~ '^outbox_history_\d{4}_\d\d$'),
        (SELECT min(d.created_at) FROM app.outbox_history_default d), 'infinity'));
END
$_$;

ALTER FUNCTION app.history_begins() OWNER TO headwater_owner;

CREATE FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'app'
    AS $$
DECLARE
    me CONSTANT uuid := nullif(current_setting('request.tenant_id', true), '')::uuid;
    house CONSTANT uuid := '00000000-0000-7000-8000-000000000001';
    today CONSTANT timestamp := app.now() AT TIME ZONE 'UTC';
    rule record;
    holder uuid;
    named text;
    holds jsonb := '[]';
BEGIN
    IF me IS NULL OR NOT coalesce(p_units >= 0 AND p_units < 'Infinity', false) THEN
        RAISE EXCEPTION 'a reservation needs a tenant and units' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR rule IN
        SELECT scope, period, limit_units FROM app.budgets b
         WHERE b.vendor = p_vendor AND b.unit = p_unit AND b.tenant_id = CASE b.scope WHEN 'credential' THEN house ELSE me END
        UNION ALL
        SELECT d ->> 'scope', d ->> 'period', (d ->> 'limit')::float8 FROM jsonb_array_elements(p_defaults) d
         WHERE NOT EXISTS (SELECT FROM app.budgets b WHERE b.vendor = p_vendor AND b.unit = p_unit AND b.scope = d ->> 'scope'
                              AND b.period = d ->> 'period' AND b.tenant_id = CASE b.scope WHEN 'credential' THEN house ELSE me END)
         ORDER BY 1, 2
    LOOP
        CONTINUE WHEN rule.period = 'run' AND p_run IS NULL;
        holder := CASE rule.scope WHEN 'credential' THEN house ELSE me END;
        named := CASE rule.period WHEN 'run' THEN p_run::text WHEN 'day' THEN to_char(today, 'YYYY-MM-DD') ELSE to_char(today, 'YYYY-MM') END;
        FOR attempt IN 1..2 LOOP
            UPDATE app.budget_counters c SET reserved = round((reserved + p_units)::numeric, 6)::float8, limit_units = rule.limit_units, updated_at = app.now()
             WHERE c.tenant_id = holder AND c.scope = rule.scope AND c.vendor = p_vendor AND c.unit = p_unit AND c.period = rule.period AND c.bucket = named
               AND c.spent + c.reserved + p_units <= rule.limit_units;
            EXIT WHEN FOUND;
            IF attempt = 1 THEN
                INSERT INTO app.budget_counters (tenant_id, scope, vendor, unit, period, bucket, limit_units)
                VALUES (holder, rule.scope, p_vendor, p_unit, rule.period, named, rule.limit_units) ON CONFLICT DO NOTHING;
                CONTINUE;
            END IF;
            RAISE EXCEPTION 'budget_spent' USING ERRCODE = 'HW001', DETAIL = jsonb_build_object('scope', rule.scope, 'period', rule.period,
                'bucket', named, 'limit', rule.limit_units, 'asked', p_units)::text;
        END LOOP;
        holds := holds || jsonb_build_object('scope', rule.scope, 'period', rule.period, 'bucket', named);
    END LOOP;
    RETURN holds;
END
$$;

ALTER FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) OWNER TO headwater_owner;

CREATE FUNCTION app.make_month(day date) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    starts timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    partition text := 'outbox_history_' || to_char(day, 'YYYY_MM');
BEGIN
    IF to_regclass('app.' || partition) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM app.outbox_history_default WHERE created_at >= starts AND created_at < ends) THEN
        LOCK TABLE ONLY app.outbox_history IN ACCESS EXCLUSIVE MODE;
    END IF;
    EXECUTE format('CREATE TABLE app.%I (LIKE app.outbox_history INCLUDING ALL)', partition);
    EXECUTE format('WITH moved AS (DELETE FROM app.outbox_history_default WHERE created_at >= %L AND created_at < %L RETURNING *)
                    INSERT INTO app.%I SELECT * FROM moved', starts, ends, partition);
    EXECUTE format('ALTER TABLE app.outbox_history ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)', partition, starts, ends);
    CALL app.wall(('app.' || partition)::regclass, 'SELECT');
    EXECUTE format('REVOKE UPDATE, DELETE ON app.%I FROM headwater_system', partition);
    RETURN true;
END
$$;

ALTER FUNCTION app.make_month(day date) OWNER TO headwater_owner;

CREATE FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT translate(p_name, 'abcdefghijklmnopqrstuvwxyz0123456789',
        substr('abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789',
               1 + (get_byte(uuid_send(p_tenant), 15) + 5 * ascii(coalesce(p_country, '')) + ascii(substr(coalesce(p_country, ''), 2))) % 36, 36))
$$;

ALTER FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) OWNER TO headwater_owner;

CREATE FUNCTION app.night_may_begin(p_most integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'app'
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('headwater.nights', 0));
    RETURN (SELECT count(*) FROM app.runs WHERE kind = 'nightly' AND status = 'running' AND NOT dry_run) < p_most;
END
$$;

ALTER FUNCTION app.night_may_begin(p_most integer) OWNER TO headwater_owner;

CREATE FUNCTION app.nights_waiting() RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'app'
    AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT FROM app.runs WHERE kind = 'nightly' AND status = 'pending' AND NOT dry_run LIMIT 1000) w);
END
$$;

ALTER FUNCTION app.nights_waiting() OWNER TO headwater_owner;

CREATE FUNCTION app.now() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT statement_timestamp() + app.clock_shift() $$;

ALTER FUNCTION app.now() OWNER TO headwater_owner;

CREATE FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint) RETURNS record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN kind IN ('discovery', 'maintenance') THEN discovered
                ELSE (SELECT (counters ->> k.name)::numeric::bigint
                        FROM unnest(ARRAY['items', 'processed', 'records', 'total', 'opportunities_found']) WITH ORDINALITY AS k(name, place)
                       WHERE jsonb_typeof(counters -> k.name) = 'number' ORDER BY k.place LIMIT 1) END,
           greatest(failed, (SELECT (counters ->> k.name)::numeric::bigint FROM unnest(ARRAY['errors', 'failed']) WITH ORDINALITY AS k(name, place)
                              WHERE jsonb_typeof(counters -> k.name) = 'number' ORDER BY k.place LIMIT 1))
$$;

ALTER FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint) OWNER TO headwater_owner;

CREATE FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[], p_error text, p_error_class text) RETURNS TABLE(reserved double precision, overrun jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'app'
    AS $$
DECLARE
    me CONSTANT uuid := nullif(current_setting('request.tenant_id', true), '')::uuid;
    house CONSTANT uuid := '00000000-0000-7000-8000-000000000001';
    sent record;  -- a table's type would have to stand before its table in a dump
    freed double precision;
    added double precision;
    hold record;
    passed double precision;
    over jsonb := '[]';
BEGIN
    SELECT * INTO sent FROM app.vendor_calls v WHERE v.tenant_id = me AND v.id = p_call FOR UPDATE;
    IF sent.id IS NULL OR NOT (sent.settled_at IS NULL OR (sent.state = 'forfeited' AND p_state = 'answered')) THEN
        RETURN;
    END IF;
    freed := CASE WHEN sent.settled_at IS NULL AND p_state <> 'unknown' THEN sent.units_reserved ELSE 0 END;
    added := CASE WHEN p_state = 'unknown' THEN 0 ELSE p_spent - sent.units_spent END;
    UPDATE app.vendor_calls v
       SET state = p_state, units_spent = CASE WHEN p_state = 'unknown' THEN v.units_spent ELSE p_spent END,
           latency_ms = coalesce(p_latency, v.latency_ms), found = p_counts[1], missed = p_counts[2], suppressed = p_counts[3], invalid = p_counts[4],
           error = left(p_error, 4000), error_class = left(p_error_class, 100), settled_at = CASE WHEN p_state <> 'unknown' THEN app.now() END
     WHERE v.tenant_id = me AND v.id = p_call;
    FOR hold IN SELECT h ->> 'scope' AS scope, h ->> 'period' AS period, h ->> 'bucket' AS bucket FROM jsonb_array_elements(sent.holds) h ORDER BY 1, 2 LOOP
        UPDATE app.budget_counters c
           SET reserved = greatest(0, round((c.reserved - freed)::numeric, 6)::float8), spent = greatest(0, round((c.spent + added)::numeric, 6)::float8),
               updated_at = app.now()
         WHERE c.tenant_id = CASE hold.scope WHEN 'credential' THEN house ELSE me END AND c.scope = hold.scope AND c.vendor = sent.vendor AND c.unit = sent.unit
           AND c.period = hold.period AND c.bucket = hold.bucket
        RETURNING CASE WHEN c.spent > c.limit_units THEN c.limit_units END INTO passed;
        IF passed IS NOT NULL THEN
            over := over || jsonb_build_object('scope', hold.scope, 'period', hold.period, 'bucket', hold.bucket, 'limit', passed);
        END IF;
    END LOOP;
    RETURN QUERY SELECT sent.units_reserved, over;
END
$$;

ALTER FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[], p_error text, p_error_class text) OWNER TO headwater_owner;

CREATE FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer) RETURNS TABLE(place integer, id uuid, likeness real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'app'
    SET "pg_trgm.similarity_threshold" TO '0.5'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
        DECLARE
            me CONSTANT uuid := nullif(current_setting('request.tenant_id', true), '')::uuid;
            n integer;
        BEGIN
            FOR n IN 1..least(coalesce(cardinality(p_names), 0), 10000) LOOP
                -- A slip of the pen costs a long name little; the higher bound spares reading most of the long lists of common trigrams.
                PERFORM set_config('pg_trgm.similarity_threshold', CASE WHEN length(p_names[n]) > 18 THEN '0.58' ELSE '0.5' END, true);
                IF p_countries[n] IS NULL THEN
                    RETURN QUERY
                        SELECT n, c.id, trgm.similarity(c.name_core, p_names[n]) AS alike FROM app.companies c
                         WHERE c.name_core OPERATOR(trgm.%) p_names[n] AND c.merged_into IS NULL AND c.tenant_id = me AND c.id IS DISTINCT FROM p_not[n]
                         ORDER BY alike DESC, c.id LIMIT least(greatest(p_most, 0), 50);
                ELSE
                    RETURN QUERY
                        SELECT n, f.id, f.alike FROM (
                            SELECT c.id, trgm.similarity(c.name_core, p_names[n]) AS alike FROM app.companies c
                             WHERE app.moved_name(c.tenant_id, c.country, c.name_core) OPERATOR(trgm.%) app.moved_name(me, p_countries[n], p_names[n])
                               AND c.merged_into IS NULL AND c.tenant_id = me AND c.country = p_countries[n] AND c.id IS DISTINCT FROM p_not[n]
                            UNION ALL
                            SELECT c.id, trgm.similarity(c.name_core, p_names[n]) FROM app.companies c
                             WHERE app.moved_name(c.tenant_id, c.country, c.name_core) OPERATOR(trgm.%) app.moved_name(me, NULL, p_names[n])
                               AND c.merged_into IS NULL AND c.tenant_id = me AND c.country IS NULL AND c.id IS DISTINCT FROM p_not[n]) f
                         ORDER BY f.alike DESC, f.id LIMIT least(greatest(p_most, 0), 50);
                END IF;
            END LOOP;
        END
        $$;

ALTER FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer) OWNER TO headwater_owner;

CREATE FUNCTION app.uuidv7() RETURNS uuid
    LANGUAGE sql PARALLEL RESTRICTED
    AS $$
            SELECT (overlay(lpad(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint), 15, '0') PLACING '7' FROM 13 FOR 0)
                    || to_hex(random(-9223372036854775808, -4611686018427387905)))::uuid
        $$;

ALTER FUNCTION app.uuidv7() OWNER TO headwater_owner;

CREATE PROCEDURE app.wall(IN target regclass, IN verbs text)
    LANGUAGE plpgsql
    AS $$
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

ALTER PROCEDURE app.wall(IN target regclass, IN verbs text) OWNER TO headwater_owner;

CREATE TABLE app.absorbed_events (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    job text NOT NULL,
    execution_id uuid NOT NULL,
    at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY app.absorbed_events FORCE ROW LEVEL SECURITY;

ALTER TABLE app.absorbed_events OWNER TO headwater_owner;

CREATE TABLE app.accounts (
    tenant_id uuid NOT NULL,
    company_id uuid NOT NULL,
    account_type text DEFAULT 'PROSPECT'::text NOT NULL,
    previous_type text,
    type_changed_at timestamp with time zone,
    orders integer DEFAULT 0 NOT NULL,
    first_order_at timestamp with time zone,
    last_order_at timestamp with time zone,
    value_12m double precision DEFAULT 0 NOT NULL,
    median_gap_days double precision,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT accounts_account_type_check CHECK ((account_type = ANY (ARRAY['PROSPECT'::text, 'NEW'::text, 'ACTIVE'::text, 'KEY'::text, 'AT_RISK'::text, 'DORMANT'::text]))),
    CONSTRAINT accounts_previous_type_check CHECK ((previous_type = ANY (ARRAY['PROSPECT'::text, 'NEW'::text, 'ACTIVE'::text, 'KEY'::text, 'AT_RISK'::text, 'DORMANT'::text])))
);

ALTER TABLE ONLY app.accounts FORCE ROW LEVEL SECURITY;

ALTER TABLE app.accounts OWNER TO headwater_owner;

CREATE TABLE app.alert_channels (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name character varying(100) NOT NULL,
    kind text NOT NULL,
    url character varying(2000),
    secret_ref character varying(200),
    address character varying(320),
    min_severity text DEFAULT 'warning'::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    last_error character varying(500),
    last_sent_at timestamp with time zone,
    tested_at timestamp with time zone,
    test_result character varying(500),
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT alert_channels_failures_check CHECK ((failures >= 0)),
    CONSTRAINT alert_channels_kind_check CHECK ((kind = ANY (ARRAY['webhook'::text, 'slack'::text, 'pagerduty'::text, 'email'::text, 'sentry'::text]))),
    CONSTRAINT alert_channels_min_severity_check CHECK ((min_severity = ANY (ARRAY['critical'::text, 'error'::text, 'warning'::text, 'info'::text])))
);

ALTER TABLE ONLY app.alert_channels FORCE ROW LEVEL SECURITY;

ALTER TABLE app.alert_channels OWNER TO headwater_owner;

CREATE TABLE app.alert_deliveries (
    tenant_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    transition text NOT NULL,
    state text NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    reason character varying(500),
    began_at timestamp with time zone DEFAULT app.now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT alert_deliveries_check CHECK (((state = 'sending'::text) = (ended_at IS NULL))),
    CONSTRAINT alert_deliveries_state_check CHECK ((state = ANY (ARRAY['sending'::text, 'sent'::text, 'skipped'::text, 'dead'::text]))),
    CONSTRAINT alert_deliveries_transition_check CHECK ((transition = ANY (ARRAY['opened'::text, 'resolved'::text])))
);

ALTER TABLE ONLY app.alert_deliveries FORCE ROW LEVEL SECURITY;

ALTER TABLE app.alert_deliveries OWNER TO headwater_owner;

CREATE TABLE app.alert_looks (
    tenant_id uuid NOT NULL,
    looked_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY app.alert_looks FORCE ROW LEVEL SECURITY;

ALTER TABLE app.alert_looks OWNER TO headwater_owner;

CREATE TABLE app.alerts (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    rule character varying(100) NOT NULL,
    scope character varying(200) NOT NULL,
    severity text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    first_seen timestamp with time zone DEFAULT app.now() NOT NULL,
    last_seen timestamp with time zone DEFAULT app.now() NOT NULL,
    count integer DEFAULT 1 NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    resolved_at timestamp with time zone,
    acknowledged_by character varying(200),
    acknowledged_at timestamp with time zone,
    resolved_by character varying(200),
    CONSTRAINT alerts_check CHECK (((state = 'resolved'::text) = (resolved_at IS NOT NULL))),
    CONSTRAINT alerts_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'error'::text, 'warning'::text, 'info'::text]))),
    CONSTRAINT alerts_state_check CHECK ((state = ANY (ARRAY['open'::text, 'ack'::text, 'resolved'::text])))
);

ALTER TABLE ONLY app.alerts FORCE ROW LEVEL SECURITY;

ALTER TABLE app.alerts OWNER TO headwater_owner;

CREATE TABLE app.api_keys (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    key_hash bytea NOT NULL,
    created_by text,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT api_keys_created_by_check CHECK ((length(created_by) <= 200)),
    CONSTRAINT api_keys_key_hash_check CHECK ((length(key_hash) = 32)),
    CONSTRAINT api_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT api_keys_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'ops'::text, 'analyst'::text, 'viewer'::text]))),
    CONSTRAINT api_keys_scopes_check CHECK ((cardinality(scopes) <= 50))
);

ALTER TABLE ONLY app.api_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE app.api_keys OWNER TO headwater_owner;

CREATE TABLE app.audit_log (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    at timestamp with time zone DEFAULT app.now() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject_type text NOT NULL,
    subject_id text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    correlation_id uuid,
    CONSTRAINT audit_log_action_check CHECK ((length(action) <= 100)),
    CONSTRAINT audit_log_actor_check CHECK ((length(actor) <= 200)),
    CONSTRAINT audit_log_subject_id_check CHECK ((length(subject_id) <= 200)),
    CONSTRAINT audit_log_subject_type_check CHECK ((length(subject_type) <= 50))
);

ALTER TABLE ONLY app.audit_log FORCE ROW LEVEL SECURITY;

ALTER TABLE app.audit_log OWNER TO headwater_owner;

CREATE TABLE app.breakers (
    operation character varying(150) NOT NULL,
    credential character varying(100) NOT NULL,
    state text NOT NULL,
    failures integer NOT NULL,
    opens integer NOT NULL,
    opened_until timestamp with time zone,
    error_code character varying(100),
    error character varying(500),
    error_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT breakers_failures_check CHECK ((failures >= 0)),
    CONSTRAINT breakers_opens_check CHECK ((opens >= 0)),
    CONSTRAINT breakers_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text]))),
    CONSTRAINT until_known CHECK (((state = 'closed'::text) OR (opened_until IS NOT NULL)))
);

ALTER TABLE app.breakers OWNER TO headwater_owner;

CREATE TABLE app.budget_counters (
    tenant_id uuid NOT NULL,
    scope text NOT NULL,
    vendor character varying(50) NOT NULL,
    unit character varying(20) NOT NULL,
    period text NOT NULL,
    bucket character varying(40) NOT NULL,
    limit_units double precision NOT NULL,
    reserved double precision DEFAULT 0 NOT NULL,
    spent double precision DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT budget_counters_period_check CHECK ((period = ANY (ARRAY['run'::text, 'day'::text, 'month'::text]))),
    CONSTRAINT budget_counters_reserved_check CHECK ((reserved >= (0)::double precision)),
    CONSTRAINT budget_counters_scope_check CHECK ((scope = ANY (ARRAY['tenant'::text, 'credential'::text]))),
    CONSTRAINT budget_counters_spent_check CHECK ((spent >= (0)::double precision))
)
WITH (fillfactor='50');

ALTER TABLE ONLY app.budget_counters FORCE ROW LEVEL SECURITY;

ALTER TABLE app.budget_counters OWNER TO headwater_owner;

CREATE TABLE app.budgets (
    tenant_id uuid NOT NULL,
    scope text NOT NULL,
    vendor character varying(50) NOT NULL,
    unit character varying(20) NOT NULL,
    period text NOT NULL,
    limit_units double precision NOT NULL,
    set_by character varying(200),
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT budgets_limit_units_check CHECK ((limit_units >= (0)::double precision)),
    CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['run'::text, 'day'::text, 'month'::text]))),
    CONSTRAINT budgets_scope_check CHECK ((scope = ANY (ARRAY['tenant'::text, 'credential'::text]))),
    CONSTRAINT credentials_are_the_houses CHECK (((scope = 'tenant'::text) OR (tenant_id = '00000000-0000-7000-8000-000000000001'::uuid)))
);

ALTER TABLE ONLY app.budgets FORCE ROW LEVEL SECURITY;

ALTER TABLE app.budgets OWNER TO headwater_owner;

CREATE TABLE app.companies (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name character varying(500) NOT NULL,
    name_core character varying(500) NOT NULL,
    country text,
    city character varying(200),
    domain character varying(253),
    registry_id character varying(100),
    industries text[] DEFAULT '{}'::text[] NOT NULL,
    sources text[] DEFAULT '{}'::text[] NOT NULL,
    created_by_run uuid,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    employees integer,
    industry character varying(300),
    naics text[] DEFAULT '{}'::text[] NOT NULL,
    description character varying(4000),
    phone character varying(40),
    merged_into uuid,
    compared_at timestamp with time zone,
    CONSTRAINT companies_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT companies_employees_check CHECK ((employees >= 0))
);

ALTER TABLE ONLY app.companies FORCE ROW LEVEL SECURITY;

ALTER TABLE app.companies OWNER TO headwater_owner;

CREATE TABLE app.crawl_sites (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    domain character varying(253) NOT NULL,
    company_id uuid,
    outcome text NOT NULL,
    reason character varying(300),
    home_url character varying(2000),
    moved_to character varying(253),
    language character varying(20),
    description character varying(4000),
    corpus text,
    requests integer NOT NULL,
    seconds double precision NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    crawled_at timestamp with time zone NOT NULL,
    CONSTRAINT crawl_sites_failures_check CHECK ((failures >= 0)),
    CONSTRAINT crawl_sites_outcome_check CHECK ((outcome = ANY (ARRAY['ok'::text, 'thin'::text, 'blocked'::text, 'unreachable'::text, 'refused'::text, 'robots'::text]))),
    CONSTRAINT crawl_sites_requests_check CHECK ((requests >= 0)),
    CONSTRAINT crawl_sites_seconds_check CHECK ((seconds >= (0)::double precision))
);

ALTER TABLE ONLY app.crawl_sites FORCE ROW LEVEL SECURITY;

ALTER TABLE app.crawl_sites OWNER TO headwater_owner;

CREATE TABLE app.feature_snapshots (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    icp_profile_id uuid,
    snapshot_version integer NOT NULL,
    source_version character varying(100) NOT NULL,
    feature_vector_hash bytea NOT NULL,
    vector jsonb NOT NULL,
    verdict text NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT feature_snapshots_feature_vector_hash_check CHECK ((length(feature_vector_hash) = 32)),
    CONSTRAINT feature_snapshots_snapshot_version_check CHECK ((snapshot_version >= 1)),
    CONSTRAINT feature_snapshots_verdict_check CHECK ((verdict = ANY (ARRAY['PASSED'::text, 'REJECTED'::text, 'DEFERRED'::text])))
);

ALTER TABLE ONLY app.feature_snapshots FORCE ROW LEVEL SECURITY;

ALTER TABLE app.feature_snapshots OWNER TO headwater_owner;

CREATE TABLE app.night_companies (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    company_id uuid NOT NULL,
    place integer,
    reason character varying(50) NOT NULL,
    detail character varying(300),
    icp_profile_id uuid,
    lead_id uuid,
    slice_id uuid,
    fit double precision,
    coverage double precision,
    looked_at timestamp with time zone,
    stage text NOT NULL,
    steps jsonb DEFAULT '{}'::jsonb NOT NULL,
    error_code character varying(100),
    prediction_id uuid,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT night_companies_check CHECK (((slice_id IS NULL) = (stage = 'passed_over'::text))),
    CONSTRAINT night_companies_check1 CHECK (((finished_at IS NOT NULL) = (stage = 'ended'::text))),
    CONSTRAINT night_companies_place_check CHECK ((place >= 1)),
    CONSTRAINT night_companies_stage_check CHECK ((stage = ANY (ARRAY['passed_over'::text, 'waiting'::text, 'enriching'::text, 'scoring'::text, 'pushing'::text, 'ended'::text])))
);

ALTER TABLE ONLY app.night_companies FORCE ROW LEVEL SECURITY;

ALTER TABLE app.night_companies OWNER TO headwater_owner;

CREATE TABLE app.run_slices (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    run_id uuid NOT NULL,
    ordinal integer NOT NULL,
    channel character varying(50) NOT NULL,
    query character varying(500) NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    page integer DEFAULT 0 NOT NULL,
    cursor character varying(500),
    found integer DEFAULT 0 NOT NULL,
    companies_created integer DEFAULT 0 NOT NULL,
    companies_skipped integer DEFAULT 0 NOT NULL,
    would_cost double precision DEFAULT 0 NOT NULL,
    stop_reason character varying(100),
    error_code character varying(100),
    error character varying(4000),
    closed_at timestamp with time zone,
    CONSTRAINT run_slices_check CHECK (((state = 'open'::text) = (closed_at IS NULL))),
    CONSTRAINT run_slices_ordinal_check CHECK ((ordinal >= 0)),
    CONSTRAINT run_slices_page_check CHECK ((page >= 0)),
    CONSTRAINT run_slices_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'error'::text, 'cancelled'::text, 'dead'::text])))
);

ALTER TABLE ONLY app.run_slices FORCE ROW LEVEL SECURITY;

ALTER TABLE app.run_slices OWNER TO headwater_owner;

CREATE TABLE app.score_predictions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    snapshot_id uuid NOT NULL,
    rule_set_id uuid,
    model_version_id uuid,
    decides boolean NOT NULL,
    probability double precision,
    score double precision NOT NULL,
    percentile double precision,
    band text NOT NULL,
    fit double precision,
    coverage double precision NOT NULL,
    base_log_odds double precision DEFAULT 0 NOT NULL,
    contributions jsonb DEFAULT '[]'::jsonb NOT NULL,
    rationale character varying(4000),
    rejected boolean DEFAULT false NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    scored_at timestamp with time zone DEFAULT app.now() NOT NULL,
    decided_at timestamp with time zone,
    CONSTRAINT score_predictions_band_check CHECK ((band = ANY (ARRAY['LOW'::text, 'MEDIUM'::text, 'HIGH'::text]))),
    CONSTRAINT score_predictions_coverage_check CHECK (((coverage >= (0)::double precision) AND (coverage <= (1)::double precision))),
    CONSTRAINT score_predictions_fit_check CHECK (((fit >= (0)::double precision) AND (fit <= (1)::double precision))),
    CONSTRAINT score_predictions_percentile_check CHECK (((percentile >= (0)::double precision) AND (percentile <= (1)::double precision))),
    CONSTRAINT score_predictions_probability_check CHECK (((probability >= (0)::double precision) AND (probability <= (1)::double precision))),
    CONSTRAINT score_predictions_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision)))
);

ALTER TABLE ONLY app.score_predictions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.score_predictions OWNER TO headwater_owner;

CREATE VIEW app.company_enrichment_runs WITH (security_invoker='true') AS
 SELECT n.tenant_id,
    n.run_id,
    n.company_id,
    n.lead_id,
    n.place AS rank,
    n.reason,
    n.stage,
    s.state AS status,
    n.steps,
    n.error_code,
    f.vector AS snapshot,
    c.corpus,
    n.started_at,
    n.finished_at
   FROM ((((app.night_companies n
     LEFT JOIN app.run_slices s ON (((s.tenant_id = n.tenant_id) AND (s.id = n.slice_id))))
     LEFT JOIN app.score_predictions p ON (((p.tenant_id = n.tenant_id) AND (p.id = n.prediction_id))))
     LEFT JOIN app.feature_snapshots f ON (((f.tenant_id = n.tenant_id) AND (f.id = p.snapshot_id))))
     LEFT JOIN LATERAL ( SELECT w.corpus
           FROM app.crawl_sites w
          WHERE ((w.tenant_id = n.tenant_id) AND (w.company_id = n.company_id))
          ORDER BY w.crawled_at DESC
         LIMIT 1) c ON (true))
  WHERE (n.slice_id IS NOT NULL);

ALTER VIEW app.company_enrichment_runs OWNER TO headwater_owner;

CREATE TABLE app.consents (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    contact_id uuid NOT NULL,
    channel text NOT NULL,
    basis text NOT NULL,
    source character varying(200) NOT NULL,
    note character varying(1000),
    given_at timestamp with time zone NOT NULL,
    recorded_by character varying(200) NOT NULL,
    withdrawn_at timestamp with time zone,
    withdrawn_by character varying(200),
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT consents_basis_check CHECK ((basis = ANY (ARRAY['opt_in'::text, 'existing_customer'::text]))),
    CONSTRAINT consents_channel_check CHECK ((channel = ANY (ARRAY['any'::text, 'whatsapp'::text, 'email'::text, 'phone'::text]))),
    CONSTRAINT consents_check CHECK (((withdrawn_at IS NULL) = (withdrawn_by IS NULL)))
);

ALTER TABLE ONLY app.consents FORCE ROW LEVEL SECURITY;

ALTER TABLE app.consents OWNER TO headwater_owner;

CREATE TABLE app.contacts (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    company_id uuid NOT NULL,
    name character varying(300),
    title character varying(300),
    email character varying(320),
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    phone character varying(40),
    linkedin_url character varying(500),
    email_status text,
    email_checked_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    merged_into uuid,
    CONSTRAINT contacts_email_status_check CHECK ((email_status = ANY (ARRAY['valid'::text, 'risky'::text, 'unknown'::text, 'invalid'::text, 'suppress'::text])))
);

ALTER TABLE ONLY app.contacts FORCE ROW LEVEL SECURITY;

ALTER TABLE app.contacts OWNER TO headwater_owner;

CREATE TABLE app.crawl_hosts (
    host character varying(253) NOT NULL,
    next_at timestamp with time zone DEFAULT app.now() NOT NULL,
    holder uuid,
    held_until timestamp with time zone,
    delay_s double precision DEFAULT 0 NOT NULL,
    fails integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT crawl_hosts_delay_s_check CHECK ((delay_s >= (0)::double precision)),
    CONSTRAINT crawl_hosts_fails_check CHECK ((fails >= 0))
)
WITH (fillfactor='70');

ALTER TABLE app.crawl_hosts OWNER TO headwater_owner;

CREATE TABLE app.crawl_pages (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    site_id uuid NOT NULL,
    url character varying(2000) NOT NULL,
    url_hash bytea NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    status integer,
    reason character varying(300),
    content_hash bytea,
    chars integer DEFAULT 0 NOT NULL,
    signals jsonb DEFAULT '[]'::jsonb NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone,
    CONSTRAINT crawl_pages_chars_check CHECK ((chars >= 0)),
    CONSTRAINT crawl_pages_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT crawl_pages_kind_check CHECK ((kind = ANY (ARRAY['home'::text, 'contact'::text, 'about'::text, 'team'::text, 'impressum'::text, 'products'::text, 'pricing'::text, 'cases'::text, 'careers'::text, 'other'::text]))),
    CONSTRAINT crawl_pages_outcome_check CHECK ((outcome = ANY (ARRAY['ok'::text, 'missing'::text, 'dropped'::text, 'blocked'::text, 'unreachable'::text, 'refused'::text, 'robots'::text]))),
    CONSTRAINT crawl_pages_url_hash_check CHECK ((length(url_hash) = 32))
);

ALTER TABLE ONLY app.crawl_pages FORCE ROW LEVEL SECURITY;

ALTER TABLE app.crawl_pages OWNER TO headwater_owner;

CREATE TABLE app.crawl_robots (
    origin character varying(300) NOT NULL,
    status integer,
    body text,
    fetched_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE app.crawl_robots OWNER TO headwater_owner;

CREATE TABLE app.crm_links (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    system character varying(50) NOT NULL,
    model character varying(64) NOT NULL,
    local_id uuid NOT NULL,
    external_id character varying(200) NOT NULL,
    remote_id bigint,
    last_hash bytea,
    last_values jsonb,
    state text DEFAULT 'pending'::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_error character varying(4000),
    last_run_id uuid,
    pushed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT crm_links_last_hash_check CHECK ((length(last_hash) = 32)),
    CONSTRAINT crm_links_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'linked'::text, 'conflict'::text, 'error'::text])))
);

ALTER TABLE ONLY app.crm_links FORCE ROW LEVEL SECURITY;

ALTER TABLE app.crm_links OWNER TO headwater_owner;

CREATE TABLE app.crm_pushes (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    cause character varying(200) NOT NULL,
    outcome text NOT NULL,
    reason character varying(500),
    records jsonb DEFAULT '{}'::jsonb NOT NULL,
    at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT crm_pushes_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'unchanged'::text, 'skipped'::text, 'conflict'::text, 'error'::text])))
);

ALTER TABLE ONLY app.crm_pushes FORCE ROW LEVEL SECURITY;

ALTER TABLE app.crm_pushes OWNER TO headwater_owner;

CREATE TABLE app.daily_metrics (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    day date NOT NULL,
    metric character varying(100) NOT NULL,
    dims jsonb DEFAULT '{}'::jsonb NOT NULL,
    dims_hash bytea NOT NULL,
    value double precision NOT NULL,
    computed_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT daily_metrics_dims_hash_check CHECK ((length(dims_hash) = 32))
);

ALTER TABLE ONLY app.daily_metrics FORCE ROW LEVEL SECURITY;

ALTER TABLE app.daily_metrics OWNER TO headwater_owner;

CREATE TABLE app.dead_letters (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    event_id uuid NOT NULL,
    execution_id uuid,
    name character varying(100) NOT NULL,
    event jsonb,
    attempts smallint NOT NULL,
    error_class character varying(100),
    error character varying(4000),
    traceback character varying(20000),
    correlation_id uuid,
    created_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by character varying(200),
    replay_id uuid,
    CONSTRAINT dead_letters_check CHECK (((kind = 'event'::text) = (event IS NOT NULL))),
    CONSTRAINT dead_letters_check1 CHECK (((kind = 'job'::text) = (execution_id IS NOT NULL))),
    CONSTRAINT dead_letters_check2 CHECK (((resolved_at IS NULL) = (resolution IS NULL))),
    CONSTRAINT dead_letters_kind_check CHECK ((kind = ANY (ARRAY['event'::text, 'job'::text]))),
    CONSTRAINT dead_letters_resolution_check CHECK ((resolution = ANY (ARRAY['replayed'::text, 'dismissed'::text])))
);

ALTER TABLE ONLY app.dead_letters FORCE ROW LEVEL SECURITY;

ALTER TABLE app.dead_letters OWNER TO headwater_owner;

CREATE TABLE app.discovery_queries (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    text character varying(300) NOT NULL,
    text_key character varying(300) NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    source text NOT NULL,
    icp_profile_id uuid,
    created_by character varying(200),
    last_used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT discovery_queries_source_check CHECK ((source = ANY (ARRAY['typed'::text, 'generated'::text])))
);

ALTER TABLE ONLY app.discovery_queries FORCE ROW LEVEL SECURITY;

ALTER TABLE app.discovery_queries OWNER TO headwater_owner;

CREATE TABLE app.runs (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    mode text DEFAULT 'daily'::text NOT NULL,
    dry_run boolean DEFAULT false NOT NULL,
    triggered_by character varying(50) NOT NULL,
    requested_by character varying(200),
    occurrence_key character varying(200),
    parent_id uuid,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    open_slices integer DEFAULT 0 NOT NULL,
    api_calls_made integer DEFAULT 0 NOT NULL,
    discovered_count integer DEFAULT 0 NOT NULL,
    deduped_count integer DEFAULT 0 NOT NULL,
    created_companies_count integer DEFAULT 0 NOT NULL,
    skipped_companies_count integer DEFAULT 0 NOT NULL,
    created_contacts_count integer DEFAULT 0 NOT NULL,
    skipped_contacts_count integer DEFAULT 0 NOT NULL,
    created_leads_count integer DEFAULT 0 NOT NULL,
    skipped_leads_count integer DEFAULT 0 NOT NULL,
    error_count integer DEFAULT 0 NOT NULL,
    counters jsonb DEFAULT '{}'::jsonb NOT NULL,
    naics_codes text[],
    posted_from date,
    posted_to date,
    stats jsonb,
    error_code character varying(100),
    error character varying(4000),
    error_details jsonb,
    stop_reason character varying(100),
    deadline_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    job text GENERATED ALWAYS AS ((params ->> 'job'::text)) STORED,
    CONSTRAINT runs_check CHECK (((finished_at IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'partial'::text, 'failed'::text, 'cancelled'::text])))),
    CONSTRAINT runs_check1 CHECK (((status = 'pending'::text) OR (started_at IS NOT NULL) OR (status = ANY (ARRAY['cancelled'::text, 'failed'::text])))),
    CONSTRAINT runs_kind_check CHECK ((kind = ANY (ARRAY['discovery'::text, 'opportunities'::text, 'nightly'::text, 'job'::text, 'training'::text, 'rollup'::text, 'maintenance'::text, 'replay'::text]))),
    CONSTRAINT runs_mode_check CHECK ((mode = ANY (ARRAY['daily'::text, 'manual'::text, 'test'::text]))),
    CONSTRAINT runs_open_slices_check CHECK ((open_slices >= 0)),
    CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'completed'::text, 'partial'::text, 'failed'::text, 'cancelled'::text])))
)
WITH (fillfactor='70');

ALTER TABLE ONLY app.runs FORCE ROW LEVEL SECURITY;

ALTER TABLE app.runs OWNER TO headwater_owner;

CREATE VIEW app.discovery_runs WITH (security_invoker='true') AS
 SELECT tenant_id,
    id,
    COALESCE(started_at, created_at) AS started_at,
    finished_at,
    finished_at AS completed_at,
    (round(EXTRACT(epoch FROM (finished_at - COALESCE(started_at, created_at))), 2))::numeric(10,2) AS duration_seconds,
    status,
    mode,
    dry_run,
    triggered_by,
    stats,
    error,
    error AS error_message,
    error_details,
    created_companies_count,
    created_contacts_count,
    created_leads_count,
    skipped_companies_count AS skipped_count,
    error_count,
    naics_codes,
    posted_from,
    posted_to,
    api_calls_made,
    COALESCE(((counters ->> 'opportunities_found'::text))::integer, 0) AS opportunities_found,
    COALESCE(((counters ->> 'opportunities_new'::text))::integer, 0) AS opportunities_new,
    COALESCE(((counters ->> 'opportunities_updated'::text))::integer, 0) AS opportunities_updated,
    COALESCE(((counters ->> 'opportunities_unchanged'::text))::integer, 0) AS opportunities_unchanged,
    COALESCE(((counters ->> 'evaluations_created'::text))::integer, 0) AS evaluations_created,
    created_at,
    updated_at
   FROM app.runs
  WHERE (kind = ANY (ARRAY['discovery'::text, 'opportunities'::text]));

ALTER VIEW app.discovery_runs OWNER TO headwater_owner;

CREATE VIEW app.enrichment_runs WITH (security_invoker='true') AS
 SELECT tenant_id,
    id AS run_id,
    started_at,
    finished_at,
    status,
    counters AS step_counters,
    error AS error_summary
   FROM app.runs
  WHERE (kind = 'nightly'::text);

ALTER VIEW app.enrichment_runs OWNER TO headwater_owner;

CREATE TABLE app.enrichments (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    cause character varying(200) NOT NULL,
    state text DEFAULT 'PENDING'::text NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    cost_usd double precision DEFAULT 0 NOT NULL,
    error_code character varying(100),
    error character varying(4000),
    started_at timestamp with time zone DEFAULT app.now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT enrichments_check CHECK (((finished_at IS NULL) = (state = 'PENDING'::text))),
    CONSTRAINT enrichments_cost_usd_check CHECK ((cost_usd >= (0)::double precision)),
    CONSTRAINT enrichments_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'COMPLETED'::text, 'FAILED'::text])))
);

ALTER TABLE ONLY app.enrichments FORCE ROW LEVEL SECURITY;

ALTER TABLE app.enrichments OWNER TO headwater_owner;

CREATE TABLE app.entity_keys (
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    key_type text NOT NULL,
    value character varying(600) NOT NULL,
    entity_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT entity_keys_key_type_check CHECK ((key_type = ANY (ARRAY['registry'::text, 'domain'::text, 'email'::text, 'name_country'::text, 'linkedin'::text]))),
    CONSTRAINT entity_keys_kind_check CHECK ((kind = ANY (ARRAY['company'::text, 'contact'::text])))
);

ALTER TABLE ONLY app.entity_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE app.entity_keys OWNER TO headwater_owner;

CREATE TABLE app.field_values (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    entity_id uuid NOT NULL,
    field character varying(50) NOT NULL,
    value jsonb NOT NULL,
    value_hash bytea NOT NULL,
    vendor character varying(50) NOT NULL,
    operation character varying(50) NOT NULL,
    source_url character varying(2000),
    terms text NOT NULL,
    confidence double precision NOT NULL,
    verified boolean,
    lead_id uuid,
    observed_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    superseded_at timestamp with time zone,
    CONSTRAINT field_values_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT field_values_kind_check CHECK ((kind = ANY (ARRAY['company'::text, 'contact'::text]))),
    CONSTRAINT field_values_terms_check CHECK ((terms = ANY (ARRAY['public'::text, 'attribution'::text, 'licensed'::text, 'crawled'::text, 'own'::text]))),
    CONSTRAINT field_values_value_hash_check CHECK ((length(value_hash) = 32))
);

ALTER TABLE ONLY app.field_values FORCE ROW LEVEL SECURITY;

ALTER TABLE app.field_values OWNER TO headwater_owner;

CREATE TABLE app.icp_candidate_companies (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    icp_profile_id uuid NOT NULL,
    company_id uuid NOT NULL,
    rule_set_id uuid,
    verdict text NOT NULL,
    fit double precision,
    coverage double precision DEFAULT 0 NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    refreshed_at timestamp with time zone DEFAULT app.now() NOT NULL,
    gone_at timestamp with time zone,
    CONSTRAINT icp_candidate_companies_coverage_check CHECK (((coverage >= (0)::double precision) AND (coverage <= (1)::double precision))),
    CONSTRAINT icp_candidate_companies_fit_check CHECK (((fit >= (0)::double precision) AND (fit <= (1)::double precision))),
    CONSTRAINT icp_candidate_companies_verdict_check CHECK ((verdict = ANY (ARRAY['CANDIDATE'::text, 'REJECTED'::text, 'DEFERRED'::text])))
);

ALTER TABLE ONLY app.icp_candidate_companies FORCE ROW LEVEL SECURITY;

ALTER TABLE app.icp_candidate_companies OWNER TO headwater_owner;

CREATE TABLE app.icp_profiles (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name character varying(200) NOT NULL,
    target_industries text[] DEFAULT '{}'::text[] NOT NULL,
    target_countries text[] DEFAULT '{}'::text[] NOT NULL,
    min_company_size integer,
    max_company_size integer,
    required_technologies text[] DEFAULT '{}'::text[] NOT NULL,
    naics_codes text[] DEFAULT '{}'::text[] NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    closed_at timestamp with time zone,
    created_by character varying(200),
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT icp_profiles_check CHECK ((min_company_size <= max_company_size)),
    CONSTRAINT icp_profiles_max_company_size_check CHECK ((max_company_size >= 0)),
    CONSTRAINT icp_profiles_min_company_size_check CHECK ((min_company_size >= 0)),
    CONSTRAINT icp_profiles_version_check CHECK ((version >= 1))
);

ALTER TABLE ONLY app.icp_profiles FORCE ROW LEVEL SECURITY;

ALTER TABLE app.icp_profiles OWNER TO headwater_owner;

CREATE TABLE app.idempotency_keys (
    tenant_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT idempotency_keys_body_hash_check CHECK ((length(body_hash) = 32)),
    CONSTRAINT idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255))),
    CONSTRAINT idempotency_keys_route_check CHECK ((length(route) <= 100))
);

ALTER TABLE ONLY app.idempotency_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE app.idempotency_keys OWNER TO headwater_owner;

CREATE TABLE app.import_errors (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    "position" integer NOT NULL,
    row_number integer NOT NULL,
    column_name character varying(100),
    code character varying(50) NOT NULL,
    message character varying(500) NOT NULL,
    fatal boolean DEFAULT true NOT NULL
);

ALTER TABLE ONLY app.import_errors FORCE ROW LEVEL SECURITY;

ALTER TABLE app.import_errors OWNER TO headwater_owner;

CREATE TABLE app.imports (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    content_hash bytea NOT NULL,
    label character varying(200) NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    dry_run boolean DEFAULT false NOT NULL,
    rows integer DEFAULT 0 NOT NULL,
    created integer DEFAULT 0 NOT NULL,
    merged integer DEFAULT 0 NOT NULL,
    skipped integer DEFAULT 0 NOT NULL,
    bad integer DEFAULT 0 NOT NULL,
    errors integer DEFAULT 0 NOT NULL,
    companies_created integer DEFAULT 0 NOT NULL,
    contacts_created integer DEFAULT 0 NOT NULL,
    columns jsonb DEFAULT '{}'::jsonb NOT NULL,
    ignored jsonb DEFAULT '[]'::jsonb NOT NULL,
    notes jsonb DEFAULT '[]'::jsonb NOT NULL,
    requested_by character varying(200) NOT NULL,
    started_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT imports_check CHECK (((state = 'done'::text) = (finished_at IS NOT NULL))),
    CONSTRAINT imports_check1 CHECK ((rows = (((created + merged) + skipped) + bad))),
    CONSTRAINT imports_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT imports_kind_check CHECK ((kind = ANY (ARRAY['companies'::text, 'leads'::text, 'suppressions'::text, 'skus'::text, 'orders'::text, 'samples'::text]))),
    CONSTRAINT imports_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text])))
);

ALTER TABLE ONLY app.imports FORCE ROW LEVEL SECURITY;

ALTER TABLE app.imports OWNER TO headwater_owner;

CREATE TABLE app.skus (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    code character varying(100) NOT NULL,
    name character varying(300),
    active boolean DEFAULT true NOT NULL,
    on_hand double precision,
    lead_days double precision DEFAULT 7 NOT NULL,
    review_days double precision DEFAULT 7 NOT NULL,
    first_moved_at timestamp with time zone,
    burn_rate double precision,
    burn_rate_30 double precision,
    burn_rate_60 double precision,
    demand_sigma double precision,
    days_left double precision,
    reorder_point double precision,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT skus_code_check CHECK (((code)::text <> ''::text)),
    CONSTRAINT skus_lead_days_check CHECK (((lead_days >= (0)::double precision) AND (lead_days <= (3660)::double precision))),
    CONSTRAINT skus_on_hand_check CHECK (((on_hand >= (0)::double precision) AND (on_hand < 'Infinity'::double precision))),
    CONSTRAINT skus_review_days_check CHECK (((review_days >= (0)::double precision) AND (review_days <= (3660)::double precision)))
);

ALTER TABLE ONLY app.skus FORCE ROW LEVEL SECURITY;

ALTER TABLE app.skus OWNER TO headwater_owner;

CREATE VIEW app.inventory_alerts WITH (security_invoker='true') AS
 SELECT a.tenant_id,
    a.id,
    s.id AS sku_id,
    s.code AS sku_code,
    s.name AS sku_name,
    a.severity,
    a.state,
    a.first_seen,
    a.last_seen,
    a.resolved_at,
    s.on_hand,
    s.burn_rate,
    s.days_left,
    s.reorder_point
   FROM (app.alerts a
     JOIN app.skus s ON (((s.tenant_id = a.tenant_id) AND ((s.code)::text = substr((a.scope)::text, 5)))))
  WHERE ((a.rule)::text = 'inventory.low_stock'::text);

ALTER VIEW app.inventory_alerts OWNER TO headwater_owner;

CREATE TABLE app.isolation_checks (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    at timestamp with time zone DEFAULT app.now() NOT NULL,
    tenants integer NOT NULL,
    relations integer NOT NULL,
    functions integer NOT NULL,
    seconds double precision NOT NULL,
    leaks jsonb DEFAULT '[]'::jsonb NOT NULL,
    unplanted text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT isolation_checks_functions_check CHECK ((functions >= 0)),
    CONSTRAINT isolation_checks_relations_check CHECK ((relations >= 0)),
    CONSTRAINT isolation_checks_seconds_check CHECK ((seconds >= (0)::double precision)),
    CONSTRAINT isolation_checks_tenants_check CHECK ((tenants >= 0))
);

ALTER TABLE ONLY app.isolation_checks FORCE ROW LEVEL SECURITY;

ALTER TABLE app.isolation_checks OWNER TO headwater_owner;

CREATE TABLE app.job_attempts (
    tenant_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    token integer NOT NULL,
    outcome text NOT NULL,
    error_class character varying(100),
    error character varying(4000),
    traceback character varying(20000),
    worker_id bigint,
    started_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    retry_at timestamp with time zone,
    fenced_at timestamp with time zone,
    CONSTRAINT job_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['failed'::text, 'snoozed'::text, 'timeout'::text, 'crashed'::text, 'cancelled'::text, 'dead'::text, 'quarantined'::text])))
);

ALTER TABLE ONLY app.job_attempts FORCE ROW LEVEL SECURITY;

ALTER TABLE app.job_attempts OWNER TO headwater_owner;

CREATE TABLE app.job_executions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    job character varying(100) NOT NULL,
    queue character varying(100) NOT NULL,
    scope text NOT NULL,
    key character varying(300) NOT NULL,
    coalesce_key character varying(300),
    state text DEFAULT 'queued'::text NOT NULL,
    token integer DEFAULT 0 NOT NULL,
    failures smallint DEFAULT 0 NOT NULL,
    crashes smallint DEFAULT 0 NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    payload jsonb NOT NULL,
    event_id uuid NOT NULL,
    correlation_id uuid,
    run_id uuid,
    worker_id bigint,
    cancel_requested_at timestamp with time zone,
    error character varying(4000),
    error_class character varying(100),
    queued_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone
)
WITH (autovacuum_analyze_scale_factor='0.02', autovacuum_analyze_threshold='50', autovacuum_vacuum_scale_factor='0.02', fillfactor='50');

ALTER TABLE ONLY app.job_executions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.job_executions OWNER TO headwater_owner;

CREATE TABLE app.job_reports (
    tenant_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    token integer NOT NULL,
    percent double precision,
    message character varying(500),
    checkpoint jsonb,
    result jsonb,
    reported_at timestamp with time zone NOT NULL,
    CONSTRAINT job_reports_checkpoint_check CHECK ((octet_length((checkpoint)::text) <= 8192)),
    CONSTRAINT job_reports_percent_check CHECK (((percent >= (0)::double precision) AND (percent <= (100)::double precision))),
    CONSTRAINT job_reports_result_check CHECK ((octet_length((result)::text) <= 8192))
);

ALTER TABLE ONLY app.job_reports FORCE ROW LEVEL SECURITY;

ALTER TABLE app.job_reports OWNER TO headwater_owner;

CREATE TABLE app.labels (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    kind character varying(50) NOT NULL,
    value double precision NOT NULL,
    weight double precision DEFAULT 1 NOT NULL,
    source character varying(50) NOT NULL,
    source_event character varying(200) NOT NULL,
    event_at timestamp with time zone NOT NULL,
    known_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT labels_value_check CHECK (((value >= (0)::double precision) AND (value <= (1)::double precision))),
    CONSTRAINT labels_weight_check CHECK ((weight > (0)::double precision))
);

ALTER TABLE ONLY app.labels FORCE ROW LEVEL SECURITY;

ALTER TABLE app.labels OWNER TO headwater_owner;

CREATE VIEW app.lead_enrichment_records WITH (security_invoker='true') AS
 SELECT tenant_id,
    id,
    lead_id,
    state AS status,
    payload,
    cost_usd,
    error,
    started_at,
    finished_at
   FROM app.enrichments;

ALTER VIEW app.lead_enrichment_records OWNER TO headwater_owner;

CREATE VIEW app.lead_features WITH (security_invoker='true') AS
 SELECT tenant_id,
    id,
    lead_id,
    icp_profile_id,
    snapshot_version,
    source_version,
    feature_vector_hash,
    vector,
    verdict,
    reasons,
    created_at
   FROM app.feature_snapshots;

ALTER VIEW app.lead_features OWNER TO headwater_owner;

CREATE TABLE app.lead_feedback (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    verdict text NOT NULL,
    event_at timestamp with time zone NOT NULL,
    source character varying(50) NOT NULL,
    source_event character varying(200) NOT NULL,
    note character varying(2000),
    weight double precision DEFAULT 1 NOT NULL,
    known_at timestamp with time zone DEFAULT app.now() NOT NULL,
    given_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT lead_feedback_verdict_check CHECK ((verdict = ANY (ARRAY['accepted'::text, 'rejected'::text, 'contacted'::text, 'replied'::text, 'meeting'::text, 'won'::text, 'lost'::text, 'bad_data'::text]))),
    CONSTRAINT lead_feedback_weight_check CHECK (((weight > (0)::double precision) AND (weight <= (10)::double precision)))
);

ALTER TABLE ONLY app.lead_feedback FORCE ROW LEVEL SECURITY;

ALTER TABLE app.lead_feedback OWNER TO headwater_owner;

CREATE VIEW app.lead_scores WITH (security_invoker='true') AS
 SELECT tenant_id,
    id,
    lead_id,
    snapshot_id,
    model_version_id,
    rule_set_id,
    probability,
    score,
    percentile,
    band,
    coverage,
    contributions,
    rationale,
    created_at
   FROM app.score_predictions
  WHERE decides;

ALTER VIEW app.lead_scores OWNER TO headwater_owner;

CREATE TABLE app.leads (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    company_id uuid NOT NULL,
    contact_id uuid,
    icp_profile_id uuid,
    status text DEFAULT 'new'::text NOT NULL,
    source character varying(50) NOT NULL,
    run_id uuid,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    merged_into uuid,
    snapshot_id uuid,
    CONSTRAINT leads_status_check CHECK ((status = ANY (ARRAY['new'::text, 'processing'::text, 'enriched'::text, 'failed'::text])))
);

ALTER TABLE ONLY app.leads FORCE ROW LEVEL SECURITY;

ALTER TABLE app.leads OWNER TO headwater_owner;

CREATE TABLE app.limits (
    tenant_id uuid NOT NULL,
    scope text NOT NULL,
    name character varying(100) NOT NULL,
    max_running integer,
    per_s double precision,
    burst integer,
    tokens double precision,
    tokens_at timestamp with time zone,
    paused_at timestamp with time zone,
    paused_by character varying(200),
    reason character varying(500),
    set_by character varying(200) NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT limits_burst_check CHECK (((burst >= 1) AND (burst <= 100000))),
    CONSTRAINT limits_check CHECK (
CASE scope
    WHEN 'tenant'::text THEN ((name)::text = ''::text)
    ELSE (((name)::text <> ''::text) AND (tenant_id = '00000000-0000-7000-8000-000000000001'::uuid))
END),
    CONSTRAINT limits_check1 CHECK ((num_nulls(per_s, burst, tokens, tokens_at) = ANY (ARRAY[0, 4]))),
    CONSTRAINT limits_check2 CHECK ((num_nulls(paused_at, paused_by, reason) = ANY (ARRAY[0, 3]))),
    CONSTRAINT limits_check4 CHECK (((scope <> 'tenant'::text) OR (paused_at IS NULL))),
    CONSTRAINT limits_max_running_check CHECK (((max_running >= 1) AND (max_running <= 100000))),
    CONSTRAINT limits_per_s_check CHECK (((per_s >= (0.0001)::double precision) AND (per_s <= (100000)::double precision))),
    CONSTRAINT limits_scope_check CHECK ((scope = ANY (ARRAY['queue'::text, 'tenant'::text, 'vendor'::text]))),
    CONSTRAINT limits_tokens_check CHECK ((tokens >= (0)::double precision))
);

ALTER TABLE ONLY app.limits FORCE ROW LEVEL SECURITY;

ALTER TABLE app.limits OWNER TO headwater_owner;

CREATE TABLE app.login_failures (
    tenant_id uuid NOT NULL,
    subject_hash bytea NOT NULL,
    window_start timestamp with time zone NOT NULL,
    failures integer DEFAULT 1 NOT NULL,
    CONSTRAINT login_failures_subject_hash_check CHECK ((length(subject_hash) = 32))
);

ALTER TABLE ONLY app.login_failures FORCE ROW LEVEL SECURITY;

ALTER TABLE app.login_failures OWNER TO headwater_owner;

CREATE TABLE app.match_decisions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    a_id uuid NOT NULL,
    b_id uuid NOT NULL,
    probability double precision NOT NULL,
    features jsonb DEFAULT '{}'::jsonb NOT NULL,
    contradictions text[] DEFAULT '{}'::text[] NOT NULL,
    model_version_id uuid,
    decision text DEFAULT 'pending'::text NOT NULL,
    survivor_id uuid,
    undo jsonb,
    changes integer DEFAULT 0 NOT NULL,
    decided_by character varying(200),
    decided_at timestamp with time zone,
    reason character varying(1000),
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT match_decisions_check CHECK ((a_id < b_id)),
    CONSTRAINT match_decisions_check1 CHECK (((decision = ANY (ARRAY['auto'::text, 'merged'::text])) = (survivor_id IS NOT NULL))),
    CONSTRAINT match_decisions_check2 CHECK (((decision = ANY (ARRAY['auto'::text, 'merged'::text])) = (undo IS NOT NULL))),
    CONSTRAINT match_decisions_check3 CHECK (((decision = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT match_decisions_decision_check CHECK ((decision = ANY (ARRAY['pending'::text, 'auto'::text, 'merged'::text, 'rejected'::text, 'undone'::text]))),
    CONSTRAINT match_decisions_kind_check CHECK ((kind = ANY (ARRAY['company'::text, 'contact'::text]))),
    CONSTRAINT match_decisions_probability_check CHECK (((probability >= (0)::double precision) AND (probability <= (1)::double precision)))
);

ALTER TABLE ONLY app.match_decisions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.match_decisions OWNER TO headwater_owner;

CREATE TABLE app.message_events (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    vendor character varying(50) NOT NULL,
    key_hash bytea NOT NULL,
    kind text NOT NULL,
    status text,
    message_id uuid,
    body character varying(4000),
    at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT message_events_key_hash_check CHECK ((length(key_hash) = 32)),
    CONSTRAINT message_events_kind_check CHECK ((kind = ANY (ARRAY['report'::text, 'answer'::text, 'stop'::text, 'resume'::text]))),
    CONSTRAINT message_events_status_check CHECK ((status = ANY (ARRAY['sent'::text, 'delivered'::text, 'read'::text, 'failed'::text])))
);

ALTER TABLE ONLY app.message_events FORCE ROW LEVEL SECURITY;

ALTER TABLE app.message_events OWNER TO headwater_owner;

CREATE TABLE app.message_templates (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    channel text NOT NULL,
    sequence_step integer DEFAULT 1 NOT NULL,
    language character varying(20) NOT NULL,
    body character varying(4000) NOT NULL,
    parameters text[] DEFAULT '{}'::text[] NOT NULL,
    vendor_templates jsonb DEFAULT '{}'::jsonb NOT NULL,
    set_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT message_templates_channel_check CHECK ((channel = ANY (ARRAY['whatsapp'::text, 'email'::text]))),
    CONSTRAINT message_templates_parameters_check CHECK ((cardinality(parameters) <= 20)),
    CONSTRAINT message_templates_sequence_step_check CHECK ((sequence_step >= 1))
);

ALTER TABLE ONLY app.message_templates FORCE ROW LEVEL SECURITY;

ALTER TABLE app.message_templates OWNER TO headwater_owner;

CREATE TABLE app.messages (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    lead_id uuid NOT NULL,
    contact_id uuid,
    prediction_id uuid,
    channel text NOT NULL,
    sequence_step integer DEFAULT 1 NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    language character varying(20) DEFAULT 'en'::character varying NOT NULL,
    template character varying(200) NOT NULL,
    parameters jsonb DEFAULT '[]'::jsonb NOT NULL,
    body character varying(4000) NOT NULL,
    written_by text NOT NULL,
    notes jsonb DEFAULT '[]'::jsonb NOT NULL,
    approved_by character varying(200),
    approved_at timestamp with time zone,
    reason character varying(1000),
    vendor character varying(50),
    vendor_ref character varying(500),
    sent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    vendor_template character varying(200),
    outgoing jsonb,
    recipient_hash bytea,
    delivered_at timestamp with time zone,
    read_at timestamp with time zone,
    CONSTRAINT messages_channel_check CHECK ((channel = ANY (ARRAY['whatsapp'::text, 'email'::text]))),
    CONSTRAINT messages_recipient_hash_check CHECK ((length(recipient_hash) = 32)),
    CONSTRAINT messages_sequence_step_check CHECK ((sequence_step >= 1)),
    CONSTRAINT messages_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'approved'::text, 'sending'::text, 'sent'::text, 'delivered'::text, 'read'::text, 'failed'::text, 'rejected'::text, 'suppressed'::text]))),
    CONSTRAINT messages_written_by_check CHECK ((written_by = ANY (ARRAY['model'::text, 'template'::text, 'person'::text])))
);

ALTER TABLE ONLY app.messages FORCE ROW LEVEL SECURITY;

ALTER TABLE app.messages OWNER TO headwater_owner;

CREATE TABLE app.model_evaluations (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    model_version_id uuid NOT NULL,
    cause character varying(200) NOT NULL,
    window_from timestamp with time zone,
    window_to timestamp with time zone,
    passed boolean,
    decision text NOT NULL,
    reason character varying(2000) NOT NULL,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT model_evaluations_decision_check CHECK ((decision = ANY (ARRAY['promoted'::text, 'stays'::text, 'kept'::text, 'rolled_back'::text])))
);

ALTER TABLE ONLY app.model_evaluations FORCE ROW LEVEL SECURITY;

ALTER TABLE app.model_evaluations OWNER TO headwater_owner;

CREATE TABLE app.model_versions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    family character varying(50) NOT NULL,
    version integer NOT NULL,
    kind character varying(50) DEFAULT 'logistic_regression'::character varying NOT NULL,
    stage text DEFAULT 'SHADOW'::text NOT NULL,
    model jsonb NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    reason character varying(2000),
    data_hash bytea,
    trained_from timestamp with time zone,
    trained_to timestamp with time zone,
    training_run_id uuid,
    traffic double precision DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    stage_at timestamp with time zone DEFAULT app.now() NOT NULL,
    active_at timestamp with time zone,
    CONSTRAINT model_versions_data_hash_check CHECK ((length(data_hash) = 32)),
    CONSTRAINT model_versions_stage_check CHECK ((stage = ANY (ARRAY['SHADOW'::text, 'ACTIVE'::text, 'ARCHIVED'::text]))),
    CONSTRAINT model_versions_traffic_check CHECK (((traffic >= (0)::double precision) AND (traffic <= (1)::double precision))),
    CONSTRAINT model_versions_version_check CHECK ((version >= 1))
);

ALTER TABLE ONLY app.model_versions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.model_versions OWNER TO headwater_owner;

CREATE TABLE app.night_manifests (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    night date NOT NULL,
    company_ids uuid[] NOT NULL,
    cap integer NOT NULL,
    cap_source text NOT NULL,
    caps jsonb DEFAULT '{}'::jsonb NOT NULL,
    budgets jsonb DEFAULT '[]'::jsonb NOT NULL,
    from_run_id uuid,
    frozen_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT night_manifests_cap_check CHECK ((cap >= 0)),
    CONSTRAINT night_manifests_cap_source_check CHECK ((cap_source = ANY (ARRAY['policy'::text, 'environment'::text, 'default'::text, 'limit'::text, 'manifest'::text])))
);

ALTER TABLE ONLY app.night_manifests FORCE ROW LEVEL SECURITY;

ALTER TABLE app.night_manifests OWNER TO headwater_owner;

CREATE TABLE app.night_marks (
    tenant_id uuid NOT NULL,
    source character varying(50) NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    key character varying(100) DEFAULT ''::character varying NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE ONLY app.night_marks FORCE ROW LEVEL SECURITY;

ALTER TABLE app.night_marks OWNER TO headwater_owner;

CREATE TABLE app.odoo_connections (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    url character varying(500) NOT NULL,
    database character varying(200),
    login character varying(320),
    secret_ref character varying(200) NOT NULL,
    transport text DEFAULT 'auto'::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    tested_at timestamp with time zone,
    test_result jsonb,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT odoo_connections_transport_check CHECK ((transport = ANY (ARRAY['auto'::text, 'json2'::text, 'jsonrpc'::text])))
);

ALTER TABLE ONLY app.odoo_connections FORCE ROW LEVEL SECURITY;

ALTER TABLE app.odoo_connections OWNER TO headwater_owner;

CREATE TABLE app.opportunities (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source character varying(50) NOT NULL,
    notice_id character varying(200) NOT NULL,
    solicitation_number character varying(300),
    title character varying(1000) NOT NULL,
    agency character varying(1000),
    kind character varying(300),
    naics text[] DEFAULT '{}'::text[] NOT NULL,
    set_aside character varying(300),
    posted_on date,
    deadline_at character varying(300),
    active boolean,
    country character varying(300),
    state character varying(300),
    city character varying(300),
    url character varying(2000),
    description_url character varying(2000),
    raw jsonb,
    content_hash bytea NOT NULL,
    seen_slice_id uuid,
    seen_window character varying(50),
    changed_at timestamp with time zone DEFAULT app.now() NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT opportunities_content_hash_check CHECK ((length(content_hash) = 32))
);

ALTER TABLE ONLY app.opportunities FORCE ROW LEVEL SECURITY;

ALTER TABLE app.opportunities OWNER TO headwater_owner;

CREATE TABLE app.opportunity_evaluations (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    opportunity_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    profile_version integer NOT NULL,
    content_hash bytea NOT NULL,
    matched boolean NOT NULL,
    fit double precision NOT NULL,
    reasons text[] DEFAULT '{}'::text[] NOT NULL,
    run_id uuid,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT opportunity_evaluations_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT opportunity_evaluations_fit_check CHECK (((fit >= (0)::double precision) AND (fit <= (1)::double precision)))
);

ALTER TABLE ONLY app.opportunity_evaluations FORCE ROW LEVEL SECURITY;

ALTER TABLE app.opportunity_evaluations OWNER TO headwater_owner;

CREATE TABLE app.order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line character varying(100) NOT NULL,
    sku_id uuid NOT NULL,
    quantity double precision NOT NULL,
    unit_price double precision DEFAULT 0 NOT NULL,
    CONSTRAINT order_lines_quantity_check CHECK (((quantity > (0)::double precision) AND (quantity < 'Infinity'::double precision))),
    CONSTRAINT order_lines_unit_price_check CHECK (((unit_price >= (0)::double precision) AND (unit_price < 'Infinity'::double precision)))
);

ALTER TABLE ONLY app.order_lines FORCE ROW LEVEL SECURITY;

ALTER TABLE app.order_lines OWNER TO headwater_owner;

CREATE TABLE app.ordering_turns (
    tenant_id uuid NOT NULL,
    ordering_key character varying(200) NOT NULL,
    event_id uuid NOT NULL,
    on_failure text NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    CONSTRAINT ordering_turns_on_failure_check CHECK ((on_failure = ANY (ARRAY['block'::text, 'park'::text, 'skip'::text])))
);

ALTER TABLE ONLY app.ordering_turns FORCE ROW LEVEL SECURITY;

ALTER TABLE app.ordering_turns OWNER TO headwater_owner;

CREATE TABLE app.orders (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source character varying(50) NOT NULL,
    ext_id character varying(200) NOT NULL,
    company_id uuid NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    is_first_order boolean DEFAULT false NOT NULL,
    value double precision DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE ONLY app.orders FORCE ROW LEVEL SECURITY;

ALTER TABLE app.orders OWNER TO headwater_owner;

CREATE TABLE app.outbox_events (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    event_id uuid DEFAULT app.uuidv7() NOT NULL,
    aggregate_type character varying(50) NOT NULL,
    aggregate_id uuid NOT NULL,
    type character varying(100) NOT NULL,
    version smallint NOT NULL,
    payload jsonb NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    correlation_id uuid,
    sink character varying(50) DEFAULT 'queue'::character varying NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    ordering_key character varying(200),
    state text DEFAULT 'pending'::text NOT NULL,
    available_at timestamp with time zone NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    lease_token uuid,
    lease_expires_at timestamp with time zone,
    last_error character varying(4000),
    error_class character varying(100),
    created_at timestamp with time zone NOT NULL
)
WITH (autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY app.outbox_events FORCE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_events OWNER TO headwater_owner;

CREATE TABLE app.outbox_history (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    type text NOT NULL,
    version smallint NOT NULL,
    payload jsonb NOT NULL,
    headers jsonb NOT NULL,
    correlation_id uuid,
    sink text NOT NULL,
    priority smallint NOT NULL,
    attempts smallint NOT NULL,
    last_error text,
    error_class text,
    routes smallint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (created_at);

ALTER TABLE ONLY app.outbox_history FORCE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_history OWNER TO headwater_owner;

CREATE VIEW app.outbox WITH (security_invoker='true') AS
 SELECT outbox_events.tenant_id,
    outbox_events.id,
    outbox_events.event_id,
    outbox_events.aggregate_type,
    outbox_events.aggregate_id,
    outbox_events.type,
    outbox_events.version,
    outbox_events.payload,
    outbox_events.headers,
    outbox_events.correlation_id,
    outbox_events.sink,
    outbox_events.state AS status,
    outbox_events.available_at,
    outbox_events.attempts,
    outbox_events.last_error,
    outbox_events.error_class,
    outbox_events.created_at,
    NULL::timestamp with time zone AS sent_at
   FROM app.outbox_events
UNION ALL
 SELECT outbox_history.tenant_id,
    outbox_history.id,
    outbox_history.event_id,
    outbox_history.aggregate_type,
    outbox_history.aggregate_id,
    outbox_history.type,
    outbox_history.version,
    outbox_history.payload,
    outbox_history.headers,
    outbox_history.correlation_id,
    outbox_history.sink,
    'sent'::text AS status,
    NULL::timestamp with time zone AS available_at,
    outbox_history.attempts,
    outbox_history.last_error,
    outbox_history.error_class,
    outbox_history.created_at,
    outbox_history.sent_at
   FROM app.outbox_history
UNION ALL
 SELECT dead_letters.tenant_id,
    ((dead_letters.event ->> 'id'::text))::bigint AS id,
    dead_letters.event_id,
    (dead_letters.event ->> 'aggregate_type'::text) AS aggregate_type,
    ((dead_letters.event ->> 'aggregate_id'::text))::uuid AS aggregate_id,
    dead_letters.name AS type,
    ((dead_letters.event ->> 'version'::text))::smallint AS version,
    (dead_letters.event -> 'payload'::text) AS payload,
    (dead_letters.event -> 'headers'::text) AS headers,
    dead_letters.correlation_id,
    (dead_letters.event ->> 'sink'::text) AS sink,
    'dead_letter'::text AS status,
    NULL::timestamp with time zone AS available_at,
    dead_letters.attempts,
    dead_letters.error AS last_error,
    dead_letters.error_class,
    ((dead_letters.event ->> 'created_at'::text))::timestamp with time zone AS created_at,
    NULL::timestamp with time zone AS sent_at
   FROM app.dead_letters
  WHERE ((dead_letters.kind = 'event'::text) AND (dead_letters.resolved_at IS NULL));

ALTER VIEW app.outbox OWNER TO headwater_owner;

ALTER TABLE app.outbox_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app.outbox_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW app.outbox_heads WITH (security_invoker='true') AS
 WITH RECURSIVE heads AS (
        ( SELECT o.tenant_id,
            o.available_at
           FROM app.outbox_events o
          WHERE ((o.sink)::text = 'queue'::text)
          ORDER BY o.tenant_id, o.available_at
         LIMIT 1)
        UNION ALL
         SELECT n.tenant_id,
            n.available_at
           FROM (heads h
             CROSS JOIN LATERAL ( SELECT o.tenant_id,
                    o.available_at
                   FROM app.outbox_events o
                  WHERE (((o.sink)::text = 'queue'::text) AND (o.tenant_id > h.tenant_id))
                  ORDER BY o.tenant_id, o.available_at
                 LIMIT 1) n)
        )
 SELECT tenant_id,
    available_at
   FROM heads;

ALTER VIEW app.outbox_heads OWNER TO headwater_owner;

CREATE TABLE app.outbox_history_default (
    tenant_id uuid CONSTRAINT outbox_history_tenant_id_not_null NOT NULL,
    id bigint CONSTRAINT outbox_history_id_not_null NOT NULL,
    event_id uuid CONSTRAINT outbox_history_event_id_not_null NOT NULL,
    aggregate_type text CONSTRAINT outbox_history_aggregate_type_not_null NOT NULL,
    aggregate_id uuid CONSTRAINT outbox_history_aggregate_id_not_null NOT NULL,
    type text CONSTRAINT outbox_history_type_not_null NOT NULL,
    version smallint CONSTRAINT outbox_history_version_not_null NOT NULL,
    payload jsonb CONSTRAINT outbox_history_payload_not_null NOT NULL,
    headers jsonb CONSTRAINT outbox_history_headers_not_null NOT NULL,
    correlation_id uuid,
    sink text CONSTRAINT outbox_history_sink_not_null NOT NULL,
    priority smallint CONSTRAINT outbox_history_priority_not_null NOT NULL,
    attempts smallint CONSTRAINT outbox_history_attempts_not_null NOT NULL,
    last_error text,
    error_class text,
    routes smallint CONSTRAINT outbox_history_routes_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT outbox_history_created_at_not_null NOT NULL,
    sent_at timestamp with time zone CONSTRAINT outbox_history_sent_at_not_null NOT NULL
);

ALTER TABLE ONLY app.outbox_history_default FORCE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_history_default OWNER TO headwater_owner;

CREATE TABLE app.paces (
    name character varying(100) NOT NULL,
    credential character varying(100) NOT NULL,
    timetable jsonb DEFAULT '{}'::jsonb NOT NULL,
    holders jsonb DEFAULT '{}'::jsonb NOT NULL,
    next_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='1000');

ALTER TABLE app.paces OWNER TO headwater_owner;

CREATE TABLE app.pauses (
    tenant_id uuid NOT NULL,
    reason character varying(500) DEFAULT ''::character varying NOT NULL,
    paused_by character varying(200) NOT NULL,
    paused_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE ONLY app.pauses FORCE ROW LEVEL SECURITY;

ALTER TABLE app.pauses OWNER TO headwater_owner;

CREATE TABLE app.qualification_rules (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    rule_set_id uuid NOT NULL,
    "position" integer NOT NULL,
    type text NOT NULL,
    field_key character varying(100) NOT NULL,
    operator character varying(20) NOT NULL,
    value jsonb,
    weight double precision DEFAULT 1 NOT NULL,
    on_missing text DEFAULT 'DEFER'::text NOT NULL,
    CONSTRAINT qualification_rules_on_missing_check CHECK ((on_missing = ANY (ARRAY['FAIL'::text, 'PASS'::text, 'DEFER'::text]))),
    CONSTRAINT qualification_rules_position_check CHECK (("position" >= 0)),
    CONSTRAINT qualification_rules_type_check CHECK ((type = ANY (ARRAY['WEIGHTED'::text, 'HARD_FILTER'::text]))),
    CONSTRAINT qualification_rules_weight_check CHECK (((weight > (0)::double precision) AND (weight <= (1000)::double precision)))
);

ALTER TABLE ONLY app.qualification_rules FORCE ROW LEVEL SECURITY;

ALTER TABLE app.qualification_rules OWNER TO headwater_owner;

CREATE TABLE app.queue_ageing (
    the_one boolean DEFAULT true NOT NULL,
    aged_at timestamp with time zone DEFAULT app.now() NOT NULL,
    up_to bigint DEFAULT 0 NOT NULL,
    CONSTRAINT queue_ageing_the_one_check CHECK (the_one)
);

ALTER TABLE app.queue_ageing OWNER TO headwater_owner;

CREATE TABLE app.refresh_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT refresh_tokens_token_hash_check CHECK ((length(token_hash) = 32))
);

ALTER TABLE ONLY app.refresh_tokens FORCE ROW LEVEL SECURITY;

ALTER TABLE app.refresh_tokens OWNER TO headwater_owner;

CREATE TABLE app.replay_differences (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    run_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    change text NOT NULL,
    entity_id uuid,
    subject jsonb DEFAULT '{}'::jsonb NOT NULL,
    fields jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT replay_differences_change_check CHECK ((change = ANY (ARRAY['created'::text, 'changed'::text, 'placed'::text]))),
    CONSTRAINT replay_differences_kind_check CHECK ((kind = ANY (ARRAY['company'::text, 'contact'::text, 'lead'::text, 'record'::text, 'score'::text, 'opportunity'::text, 'evaluation'::text]))),
    CONSTRAINT replay_differences_position_check CHECK (("position" >= 0))
);

ALTER TABLE ONLY app.replay_differences FORCE ROW LEVEL SECURITY;

ALTER TABLE app.replay_differences OWNER TO headwater_owner;

CREATE TABLE app.retention_passes (
    table_name character varying(100) NOT NULL,
    begun_at timestamp with time zone DEFAULT app.now() NOT NULL,
    passed_at timestamp with time zone,
    deleted bigint DEFAULT 0 NOT NULL,
    pages bigint DEFAULT 0 NOT NULL,
    CONSTRAINT retention_passes_deleted_check CHECK ((deleted >= 0)),
    CONSTRAINT retention_passes_pages_check CHECK ((pages >= 0))
);

ALTER TABLE app.retention_passes OWNER TO headwater_owner;

CREATE TABLE app.rule_sets (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    icp_profile_id uuid NOT NULL,
    version integer NOT NULL,
    stage text DEFAULT 'SHADOW'::text NOT NULL,
    medium_from double precision DEFAULT 0.33 NOT NULL,
    high_from double precision DEFAULT 0.66 NOT NULL,
    made_by character varying(200) NOT NULL,
    reason character varying(2000),
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    stage_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT rule_sets_check CHECK ((medium_from <= high_from)),
    CONSTRAINT rule_sets_high_from_check CHECK (((high_from > (0)::double precision) AND (high_from < (1)::double precision))),
    CONSTRAINT rule_sets_medium_from_check CHECK (((medium_from > (0)::double precision) AND (medium_from < (1)::double precision))),
    CONSTRAINT rule_sets_stage_check CHECK ((stage = ANY (ARRAY['SHADOW'::text, 'ACTIVE'::text, 'ARCHIVED'::text]))),
    CONSTRAINT rule_sets_version_check CHECK ((version >= 1))
);

ALTER TABLE ONLY app.rule_sets FORCE ROW LEVEL SECURITY;

ALTER TABLE app.rule_sets OWNER TO headwater_owner;

CREATE TABLE app.run_vendor_items (
    tenant_id uuid NOT NULL,
    run_id uuid NOT NULL,
    item_id uuid NOT NULL,
    slice_id uuid,
    page integer DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY app.run_vendor_items FORCE ROW LEVEL SECURITY;

ALTER TABLE app.run_vendor_items OWNER TO headwater_owner;

CREATE TABLE app.sample_metrics (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    sku_id uuid NOT NULL,
    rep character varying(200) NOT NULL,
    period date NOT NULL,
    samples integer NOT NULL,
    converted integer NOT NULL,
    conversion_rate double precision NOT NULL,
    rate_low double precision NOT NULL,
    rate_high double precision NOT NULL,
    revenue double precision NOT NULL,
    revenue_per_sample double precision NOT NULL,
    computed_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE ONLY app.sample_metrics FORCE ROW LEVEL SECURITY;

ALTER TABLE app.sample_metrics OWNER TO headwater_owner;

CREATE TABLE app.samples (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source character varying(50) NOT NULL,
    ext_id character varying(200) NOT NULL,
    company_id uuid NOT NULL,
    sku_id uuid NOT NULL,
    rep character varying(200) DEFAULT ''::character varying NOT NULL,
    given_at timestamp with time zone NOT NULL,
    converted_order_id uuid,
    converted_at timestamp with time zone,
    revenue double precision DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT samples_check CHECK (((converted_order_id IS NULL) OR (converted_at IS NOT NULL)))
);

ALTER TABLE ONLY app.samples FORCE ROW LEVEL SECURITY;

ALTER TABLE app.samples OWNER TO headwater_owner;

CREATE TABLE app.schedule_fires (
    tenant_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    reason character varying(500),
    run_id uuid,
    fired_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT schedule_fires_outcome_check CHECK ((outcome = ANY (ARRAY['started'::text, 'skipped'::text, 'failed'::text])))
);

ALTER TABLE ONLY app.schedule_fires FORCE ROW LEVEL SECURITY;

ALTER TABLE app.schedule_fires OWNER TO headwater_owner;

CREATE TABLE app.schedules (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    kind text NOT NULL,
    name character varying(63) NOT NULL,
    cron character varying(200) NOT NULL,
    zone character varying(64) NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    jitter_s integer DEFAULT 0 NOT NULL,
    catch_up text DEFAULT 'once'::text NOT NULL,
    next_due_at timestamp with time zone,
    fire_at timestamp with time zone,
    last_due_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    last_error character varying(500),
    is_default boolean DEFAULT false NOT NULL,
    edited boolean DEFAULT false NOT NULL,
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT schedules_catch_up_check CHECK ((catch_up = ANY (ARRAY['skip'::text, 'once'::text, 'all'::text]))),
    CONSTRAINT schedules_check CHECK (((next_due_at IS NULL) = (fire_at IS NULL))),
    CONSTRAINT schedules_check1 CHECK (((next_due_at IS NULL) OR (enabled AND (removed_at IS NULL)))),
    CONSTRAINT schedules_failures_check CHECK ((failures >= 0)),
    CONSTRAINT schedules_jitter_s_check CHECK (((jitter_s >= 0) AND (jitter_s <= 21600))),
    CONSTRAINT schedules_kind_check CHECK ((kind = ANY (ARRAY['discovery'::text, 'nightly'::text, 'job'::text, 'rollup'::text, 'models'::text, 'matching'::text, 'opportunities'::text, 'register'::text, 'cleanup'::text])))
);

ALTER TABLE ONLY app.schedules FORCE ROW LEVEL SECURITY;

ALTER TABLE app.schedules OWNER TO headwater_owner;

CREATE TABLE app.schema_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schema_migrations_checksum_check CHECK ((length(checksum) = 64))
);

ALTER TABLE app.schema_migrations OWNER TO headwater_owner;

CREATE TABLE app.sessions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    user_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    revoke_reason text,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT sessions_revoke_reason_check CHECK ((length(revoke_reason) <= 100))
);

ALTER TABLE ONLY app.sessions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.sessions OWNER TO headwater_owner;

CREATE TABLE app.source_cursors (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source character varying(50) NOT NULL,
    slice character varying(200) NOT NULL,
    watermark date,
    asked_from date,
    asked_to date,
    last_run_id uuid,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    place character varying(500)
);

ALTER TABLE ONLY app.source_cursors FORCE ROW LEVEL SECURITY;

ALTER TABLE app.source_cursors OWNER TO headwater_owner;

CREATE TABLE app.source_records (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source character varying(50) NOT NULL,
    vendor character varying(50) NOT NULL,
    external_id character varying(500) NOT NULL,
    content_hash bytea NOT NULL,
    payload jsonb NOT NULL,
    status text NOT NULL,
    reason character varying(200),
    run_id uuid NOT NULL,
    slice_id uuid NOT NULL,
    page integer NOT NULL,
    company_id uuid,
    lead_id uuid,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT source_records_content_hash_check CHECK ((length(content_hash) = 32)),
    CONSTRAINT source_records_status_check CHECK ((status = ANY (ARRAY['DISCOVERED'::text, 'DUPLICATE'::text, 'REJECTED'::text, 'ERROR'::text])))
);

ALTER TABLE ONLY app.source_records FORCE ROW LEVEL SECURITY;

ALTER TABLE app.source_records OWNER TO headwater_owner;

CREATE TABLE app.staging_acra_companies (
    tenant_id uuid NOT NULL,
    uen character varying(20) NOT NULL,
    entity_name character varying(500) NOT NULL,
    entity_status_description character varying(300),
    entity_type_description character varying(300),
    company_type_description character varying(300),
    registration_incorporation_date date,
    uen_issue_date date,
    primary_ssic_code character varying(10),
    primary_ssic_description character varying(300),
    secondary_ssic_code character varying(10),
    secondary_ssic_description character varying(300),
    block character varying(20),
    street_name character varying(300),
    level_no character varying(20),
    unit_no character varying(20),
    building_name character varying(300),
    postal_code character varying(20),
    annual_return_date date,
    account_due_date date,
    no_of_officers integer,
    former_entity_names text[] DEFAULT '{}'::text[] NOT NULL,
    source text NOT NULL,
    content_hash bytea NOT NULL,
    first_seen_at timestamp with time zone DEFAULT app.now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT app.now() NOT NULL,
    changed_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT staging_acra_companies_source_check CHECK ((source = ANY (ARRAY['file'::text, 'webhook'::text, 'pull'::text])))
)
WITH (fillfactor='85');

ALTER TABLE ONLY app.staging_acra_companies FORCE ROW LEVEL SECURITY;

ALTER TABLE app.staging_acra_companies OWNER TO headwater_owner;

CREATE TABLE app.staging_imports (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    source text NOT NULL,
    name character varying(200) NOT NULL,
    label character varying(300) NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    rows_read bigint DEFAULT 0 NOT NULL,
    rows_new bigint DEFAULT 0 NOT NULL,
    rows_changed bigint DEFAULT 0 NOT NULL,
    rows_unchanged bigint DEFAULT 0 NOT NULL,
    rows_dropped bigint DEFAULT 0 NOT NULL,
    rows_repeated bigint DEFAULT 0 NOT NULL,
    bad jsonb DEFAULT '[]'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT staging_imports_check CHECK (((state = 'done'::text) = (finished_at IS NOT NULL))),
    CONSTRAINT staging_imports_source_check CHECK ((source = ANY (ARRAY['file'::text, 'webhook'::text, 'pull'::text]))),
    CONSTRAINT staging_imports_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text])))
);

ALTER TABLE ONLY app.staging_imports FORCE ROW LEVEL SECURITY;

ALTER TABLE app.staging_imports OWNER TO headwater_owner;

CREATE TABLE app.stream_subscriptions (
    tenant_id uuid NOT NULL,
    events text[] NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    set_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT stream_subscriptions_events_check CHECK (((cardinality(events) >= 1) AND (cardinality(events) <= 50)))
);

ALTER TABLE ONLY app.stream_subscriptions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.stream_subscriptions OWNER TO headwater_owner;

CREATE TABLE app.suppression_keys (
    tenant_id uuid NOT NULL,
    key bytea NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT suppression_keys_key_check CHECK ((length(key) = 32))
);

ALTER TABLE ONLY app.suppression_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE app.suppression_keys OWNER TO headwater_owner;

CREATE TABLE app.suppressions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    channel text NOT NULL,
    key_type text NOT NULL,
    key_hash bytea NOT NULL,
    reason character varying(200) NOT NULL,
    source character varying(100) NOT NULL,
    added_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    erased boolean DEFAULT false NOT NULL,
    CONSTRAINT suppressions_channel_check CHECK ((channel = ANY (ARRAY['any'::text, 'whatsapp'::text, 'email'::text, 'phone'::text]))),
    CONSTRAINT suppressions_key_hash_check CHECK ((length(key_hash) = 32)),
    CONSTRAINT suppressions_key_type_check CHECK ((key_type = ANY (ARRAY['email'::text, 'phone'::text, 'domain'::text, 'person'::text])))
);

ALTER TABLE ONLY app.suppressions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.suppressions OWNER TO headwater_owner;

CREATE TABLE app.tenant_policies (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name character varying(100) NOT NULL,
    value jsonb NOT NULL,
    set_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE ONLY app.tenant_policies FORCE ROW LEVEL SECURITY;

ALTER TABLE app.tenant_policies OWNER TO headwater_owner;

CREATE TABLE app.tenant_quotas (
    tenant_id uuid NOT NULL,
    queued_buffer integer,
    max_runs_per_day integer,
    daily_shortlist_cap integer,
    set_by character varying(200) NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    weight smallint,
    max_waiting_events integer,
    CONSTRAINT tenant_quotas_daily_shortlist_cap_check CHECK (((daily_shortlist_cap >= 0) AND (daily_shortlist_cap <= 1000000))),
    CONSTRAINT tenant_quotas_max_runs_per_day_check CHECK (((max_runs_per_day >= 0) AND (max_runs_per_day <= 1000000))),
    CONSTRAINT tenant_quotas_max_waiting_events_check CHECK (((max_waiting_events >= 1) AND (max_waiting_events <= 10000000))),
    CONSTRAINT tenant_quotas_queued_buffer_check CHECK (((queued_buffer >= 1) AND (queued_buffer <= 100000))),
    CONSTRAINT tenant_quotas_weight_check CHECK (((weight >= 1) AND (weight <= 100)))
);

ALTER TABLE ONLY app.tenant_quotas FORCE ROW LEVEL SECURITY;

ALTER TABLE app.tenant_quotas OWNER TO headwater_owner;

CREATE TABLE app.tenants (
    id uuid DEFAULT app.uuidv7() NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT tenants_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT tenants_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
    CONSTRAINT tenants_status_check CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'closed'::text])))
);

ALTER TABLE app.tenants OWNER TO headwater_owner;

CREATE TABLE app.trigger_executions (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    trigger_id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    window_start timestamp with time zone NOT NULL,
    fired_at timestamp with time zone DEFAULT app.now() NOT NULL,
    action text NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT trigger_executions_action_check CHECK ((action = ANY (ARRAY['alert'::text, 'webhook'::text]))),
    CONSTRAINT trigger_executions_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['account'::text, 'sku'::text, 'sample'::text])))
);

ALTER TABLE ONLY app.trigger_executions FORCE ROW LEVEL SECURITY;

ALTER TABLE app.trigger_executions OWNER TO headwater_owner;

CREATE TABLE app.triggers (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    name character varying(80) NOT NULL,
    rule text NOT NULL,
    params jsonb DEFAULT '{}'::jsonb NOT NULL,
    cooldown_days integer DEFAULT 30 NOT NULL,
    action text DEFAULT 'alert'::text NOT NULL,
    severity text DEFAULT 'warning'::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT triggers_action_check CHECK ((action = ANY (ARRAY['alert'::text, 'webhook'::text]))),
    CONSTRAINT triggers_cooldown_days_check CHECK (((cooldown_days >= 1) AND (cooldown_days <= 3660))),
    CONSTRAINT triggers_name_check CHECK (((name)::text <> ''::text)),
    CONSTRAINT triggers_rule_check CHECK ((rule = ANY (ARRAY['account_type_changed'::text, 'no_order_for'::text, 'stock_below'::text, 'sample_not_converted'::text]))),
    CONSTRAINT triggers_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'error'::text, 'warning'::text, 'info'::text])))
);

ALTER TABLE ONLY app.triggers FORCE ROW LEVEL SECURITY;

ALTER TABLE app.triggers OWNER TO headwater_owner;

CREATE TABLE app.users (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT users_email_check CHECK ((((length(email) >= 3) AND (length(email) <= 320)) AND (email = lower(email)))),
    CONSTRAINT users_password_hash_check CHECK ((length(password_hash) <= 500)),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'ops'::text, 'analyst'::text, 'viewer'::text])))
);

ALTER TABLE ONLY app.users FORCE ROW LEVEL SECURITY;

ALTER TABLE app.users OWNER TO headwater_owner;

CREATE TABLE app.vendor_calls (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    vendor character varying(50) NOT NULL,
    operation character varying(50) NOT NULL,
    billable boolean NOT NULL,
    state text NOT NULL,
    units_reserved double precision NOT NULL,
    units_spent double precision DEFAULT 0 NOT NULL,
    run_id uuid,
    execution_id uuid,
    execution_token integer,
    error character varying(4000),
    sent_at timestamp with time zone DEFAULT app.now() NOT NULL,
    settled_at timestamp with time zone,
    unit character varying(20) DEFAULT 'credit'::character varying NOT NULL,
    credential character varying(50) DEFAULT 'house'::character varying NOT NULL,
    holds jsonb DEFAULT '[]'::jsonb NOT NULL,
    latency_ms double precision,
    found integer DEFAULT 0 NOT NULL,
    missed integer DEFAULT 0 NOT NULL,
    suppressed integer DEFAULT 0 NOT NULL,
    invalid integer DEFAULT 0 NOT NULL,
    error_class character varying(100),
    account character varying(16),
    CONSTRAINT vendor_calls_check CHECK (((state = ANY (ARRAY['sent'::text, 'unknown'::text])) = (settled_at IS NULL))),
    CONSTRAINT vendor_calls_state_check CHECK ((state = ANY (ARRAY['sent'::text, 'unknown'::text, 'answered'::text, 'released'::text, 'forfeited'::text]))),
    CONSTRAINT vendor_calls_units_reserved_check CHECK ((units_reserved >= (0)::double precision)),
    CONSTRAINT vendor_calls_units_spent_check CHECK ((units_spent >= (0)::double precision))
);

ALTER TABLE ONLY app.vendor_calls FORCE ROW LEVEL SECURITY;

ALTER TABLE app.vendor_calls OWNER TO headwater_owner;

CREATE TABLE app.vendor_items (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    call_id uuid NOT NULL,
    vendor character varying(50) NOT NULL,
    operation character varying(50) NOT NULL,
    fingerprint bytea NOT NULL,
    live boolean DEFAULT true NOT NULL,
    state text NOT NULL,
    request jsonb NOT NULL,
    response jsonb,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    outcome text,
    units_spent double precision DEFAULT 0 NOT NULL,
    vendor_ref character varying(500),
    note character varying(500),
    said_at timestamp with time zone,
    estimated boolean DEFAULT false NOT NULL,
    raw jsonb,
    raw_expires_at timestamp with time zone,
    resent_at timestamp with time zone,
    resent_by character varying(200),
    CONSTRAINT vendor_items_answer CHECK ((((state = 'answered'::text) = (outcome IS NOT NULL)) AND ((outcome IS DISTINCT FROM 'found'::text) OR (response IS NOT NULL)))),
    CONSTRAINT vendor_items_check1 CHECK (((state <> 'released'::text) OR (NOT live))),
    CONSTRAINT vendor_items_fingerprint_check CHECK ((length(fingerprint) = 32)),
    CONSTRAINT vendor_items_outcome_check CHECK ((outcome = ANY (ARRAY['found'::text, 'miss'::text, 'suppressed'::text, 'invalid'::text]))),
    CONSTRAINT vendor_items_state_check CHECK ((state = ANY (ARRAY['sent'::text, 'answered'::text, 'released'::text, 'forfeited'::text])))
);

ALTER TABLE ONLY app.vendor_items FORCE ROW LEVEL SECURITY;

ALTER TABLE app.vendor_items OWNER TO headwater_owner;

CREATE TABLE app.vendor_operations (
    vendor character varying(50) NOT NULL,
    operation character varying(50) NOT NULL,
    unit character varying(20) NOT NULL,
    units double precision NOT NULL,
    billable boolean NOT NULL,
    unit_price_usd double precision,
    pace character varying(100),
    channel character varying(50),
    pages integer,
    absent character varying(500),
    said_at timestamp with time zone DEFAULT app.now() NOT NULL
);

ALTER TABLE app.vendor_operations OWNER TO headwater_owner;

CREATE TABLE app.waterfall_orders (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    field character varying(50) NOT NULL,
    stage text NOT NULL,
    operations text[] NOT NULL,
    made_by character varying(200) NOT NULL,
    verdict jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    stage_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT waterfall_orders_operations_check CHECK (((cardinality(operations) >= 1) AND (cardinality(operations) <= 20))),
    CONSTRAINT waterfall_orders_stage_check CHECK ((stage = ANY (ARRAY['SHADOW'::text, 'ACTIVE'::text, 'ARCHIVED'::text])))
);

ALTER TABLE ONLY app.waterfall_orders FORCE ROW LEVEL SECURITY;

ALTER TABLE app.waterfall_orders OWNER TO headwater_owner;

CREATE TABLE app.waterfall_steps (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    enrichment_id uuid NOT NULL,
    field character varying(50) NOT NULL,
    place integer NOT NULL,
    operation character varying(100) NOT NULL,
    outcome text NOT NULL,
    reason character varying(200),
    stored boolean DEFAULT false NOT NULL,
    units double precision DEFAULT 0 NOT NULL,
    cost_usd double precision DEFAULT 0 NOT NULL,
    explored boolean DEFAULT false NOT NULL,
    shadow_id uuid,
    shadow_cost_usd double precision,
    shadow_found double precision,
    active_cost_usd double precision,
    active_found double precision,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    item_id uuid,
    CONSTRAINT waterfall_steps_cost_usd_check CHECK ((cost_usd >= (0)::double precision)),
    CONSTRAINT waterfall_steps_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'rejected'::text, 'miss'::text, 'suppressed'::text, 'error'::text, 'skipped'::text]))),
    CONSTRAINT waterfall_steps_place_check CHECK ((place >= 0)),
    CONSTRAINT waterfall_steps_units_check CHECK ((units >= (0)::double precision))
);

ALTER TABLE ONLY app.waterfall_steps FORCE ROW LEVEL SECURITY;

ALTER TABLE app.waterfall_steps OWNER TO headwater_owner;

CREATE TABLE app.webhook_endpoints (
    tenant_id uuid NOT NULL,
    id uuid DEFAULT app.uuidv7() NOT NULL,
    url character varying(2000) NOT NULL,
    events text[] NOT NULL,
    ordering text DEFAULT 'none'::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    description character varying(500),
    secret_version integer DEFAULT 1 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    last_error character varying(500),
    disabled_reason character varying(200),
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone DEFAULT app.now() NOT NULL,
    updated_at timestamp with time zone DEFAULT app.now() NOT NULL,
    CONSTRAINT webhook_endpoints_events_check CHECK (((cardinality(events) >= 1) AND (cardinality(events) <= 50))),
    CONSTRAINT webhook_endpoints_failures_check CHECK ((failures >= 0)),
    CONSTRAINT webhook_endpoints_ordering_check CHECK ((ordering = ANY (ARRAY['none'::text, 'block'::text, 'park'::text, 'skip'::text]))),
    CONSTRAINT webhook_endpoints_secret_version_check CHECK ((secret_version >= 1))
);

ALTER TABLE ONLY app.webhook_endpoints FORCE ROW LEVEL SECURITY;

ALTER TABLE app.webhook_endpoints OWNER TO headwater_owner;

CREATE TABLE app.workers (
    id bigint NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    roles text[] NOT NULL,
    started_at timestamp with time zone DEFAULT app.now() NOT NULL,
    beat_at timestamp with time zone DEFAULT app.now() NOT NULL,
    dispatched_at timestamp with time zone,
    stopped_at timestamp with time zone,
    CONSTRAINT workers_host_check CHECK ((length(host) <= 255))
);

ALTER TABLE app.workers OWNER TO headwater_owner;

ALTER TABLE app.workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app.workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY app.outbox_history ATTACH PARTITION app.outbox_history_default DEFAULT;

ALTER TABLE ONLY app.absorbed_events
    ADD CONSTRAINT absorbed_events_pkey PRIMARY KEY (tenant_id, event_id, job);

ALTER TABLE ONLY app.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (tenant_id, company_id);

ALTER TABLE ONLY app.alert_channels
    ADD CONSTRAINT alert_channels_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.alert_channels
    ADD CONSTRAINT alert_channels_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY app.alert_deliveries
    ADD CONSTRAINT alert_deliveries_pkey PRIMARY KEY (tenant_id, alert_id, channel_id, transition);

ALTER TABLE ONLY app.alert_looks
    ADD CONSTRAINT alert_looks_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY app.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.api_keys
    ADD CONSTRAINT api_keys_tenant_id_key_hash_key UNIQUE (tenant_id, key_hash);

ALTER TABLE ONLY app.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.breakers
    ADD CONSTRAINT breakers_pkey PRIMARY KEY (operation, credential);

ALTER TABLE ONLY app.budget_counters
    ADD CONSTRAINT budget_counters_pkey PRIMARY KEY (tenant_id, scope, vendor, unit, period, bucket);

ALTER TABLE ONLY app.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (tenant_id, scope, vendor, unit, period);

ALTER TABLE ONLY app.companies
    ADD CONSTRAINT companies_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.crawl_hosts
    ADD CONSTRAINT crawl_hosts_pkey PRIMARY KEY (host);

ALTER TABLE ONLY app.crawl_pages
    ADD CONSTRAINT crawl_pages_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.crawl_pages
    ADD CONSTRAINT crawl_pages_tenant_id_site_id_url_hash_key UNIQUE (tenant_id, site_id, url_hash);

ALTER TABLE ONLY app.crawl_robots
    ADD CONSTRAINT crawl_robots_pkey PRIMARY KEY (origin);

ALTER TABLE ONLY app.crawl_sites
    ADD CONSTRAINT crawl_sites_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.crawl_sites
    ADD CONSTRAINT crawl_sites_tenant_id_domain_key UNIQUE (tenant_id, domain);

ALTER TABLE ONLY app.crm_links
    ADD CONSTRAINT crm_links_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.crm_links
    ADD CONSTRAINT crm_links_tenant_id_system_model_local_id_key UNIQUE (tenant_id, system, model, local_id);

ALTER TABLE ONLY app.crm_pushes
    ADD CONSTRAINT crm_pushes_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.crm_pushes
    ADD CONSTRAINT crm_pushes_tenant_id_lead_id_cause_key UNIQUE (tenant_id, lead_id, cause);

ALTER TABLE ONLY app.daily_metrics
    ADD CONSTRAINT daily_metrics_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.daily_metrics
    ADD CONSTRAINT daily_metrics_tenant_id_day_metric_dims_hash_key UNIQUE (tenant_id, day, metric, dims_hash);

ALTER TABLE ONLY app.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.discovery_queries
    ADD CONSTRAINT discovery_queries_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.discovery_queries
    ADD CONSTRAINT discovery_queries_tenant_id_text_key_key UNIQUE (tenant_id, text_key);

ALTER TABLE ONLY app.enrichments
    ADD CONSTRAINT enrichments_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.enrichments
    ADD CONSTRAINT enrichments_tenant_id_lead_id_cause_key UNIQUE (tenant_id, lead_id, cause);

ALTER TABLE ONLY app.entity_keys
    ADD CONSTRAINT entity_keys_pkey PRIMARY KEY (tenant_id, kind, key_type, value);

ALTER TABLE ONLY app.feature_snapshots
    ADD CONSTRAINT feature_snapshots_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.feature_snapshots
    ADD CONSTRAINT feature_snapshots_tenant_id_lead_id_icp_profile_id_snapshot_key UNIQUE NULLS NOT DISTINCT (tenant_id, lead_id, icp_profile_id, snapshot_version, source_version, feature_vector_hash);

ALTER TABLE ONLY app.field_values
    ADD CONSTRAINT field_values_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.field_values
    ADD CONSTRAINT field_values_tenant_id_kind_entity_id_field_vendor_value_ha_key UNIQUE (tenant_id, kind, entity_id, field, vendor, value_hash);

ALTER TABLE ONLY app.icp_candidate_companies
    ADD CONSTRAINT icp_candidate_companies_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.icp_candidate_companies
    ADD CONSTRAINT icp_candidate_companies_tenant_id_icp_profile_id_company_id_key UNIQUE (tenant_id, icp_profile_id, company_id);

ALTER TABLE ONLY app.icp_profiles
    ADD CONSTRAINT icp_profiles_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, route, key);

ALTER TABLE ONLY app.import_errors
    ADD CONSTRAINT import_errors_pkey PRIMARY KEY (tenant_id, import_id, "position");

ALTER TABLE ONLY app.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.isolation_checks
    ADD CONSTRAINT isolation_checks_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.job_attempts
    ADD CONSTRAINT job_attempts_pkey PRIMARY KEY (tenant_id, execution_id, token);

ALTER TABLE ONLY app.job_executions
    ADD CONSTRAINT job_executions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.job_reports
    ADD CONSTRAINT job_reports_pkey PRIMARY KEY (tenant_id, execution_id);

ALTER TABLE ONLY app.labels
    ADD CONSTRAINT labels_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.labels
    ADD CONSTRAINT labels_tenant_id_lead_id_kind_source_event_key UNIQUE (tenant_id, lead_id, kind, source_event);

ALTER TABLE ONLY app.lead_feedback
    ADD CONSTRAINT lead_feedback_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.lead_feedback
    ADD CONSTRAINT lead_feedback_tenant_id_lead_id_source_source_event_key UNIQUE (tenant_id, lead_id, source, source_event);

ALTER TABLE ONLY app.leads
    ADD CONSTRAINT leads_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.leads
    ADD CONSTRAINT leads_tenant_id_company_id_icp_profile_id_contact_id_key UNIQUE NULLS NOT DISTINCT (tenant_id, company_id, icp_profile_id, contact_id);

ALTER TABLE ONLY app.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (tenant_id, scope, name);

ALTER TABLE ONLY app.login_failures
    ADD CONSTRAINT login_failures_pkey PRIMARY KEY (tenant_id, subject_hash, window_start);

ALTER TABLE ONLY app.match_decisions
    ADD CONSTRAINT match_decisions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.match_decisions
    ADD CONSTRAINT match_decisions_tenant_id_kind_a_id_b_id_key UNIQUE (tenant_id, kind, a_id, b_id);

ALTER TABLE ONLY app.message_events
    ADD CONSTRAINT message_events_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.message_events
    ADD CONSTRAINT message_events_tenant_id_key_hash_key UNIQUE (tenant_id, key_hash);

ALTER TABLE ONLY app.message_templates
    ADD CONSTRAINT message_templates_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.message_templates
    ADD CONSTRAINT message_templates_tenant_id_channel_sequence_step_language_key UNIQUE (tenant_id, channel, sequence_step, language);

ALTER TABLE ONLY app.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.messages
    ADD CONSTRAINT messages_tenant_id_lead_id_channel_sequence_step_key UNIQUE (tenant_id, lead_id, channel, sequence_step);

ALTER TABLE ONLY app.model_evaluations
    ADD CONSTRAINT model_evaluations_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.model_evaluations
    ADD CONSTRAINT model_evaluations_tenant_id_model_version_id_cause_key UNIQUE (tenant_id, model_version_id, cause);

ALTER TABLE ONLY app.model_versions
    ADD CONSTRAINT model_versions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.model_versions
    ADD CONSTRAINT model_versions_tenant_id_family_version_key UNIQUE (tenant_id, family, version);

ALTER TABLE ONLY app.night_companies
    ADD CONSTRAINT night_companies_pkey PRIMARY KEY (tenant_id, run_id, company_id);

ALTER TABLE ONLY app.night_manifests
    ADD CONSTRAINT night_manifests_pkey PRIMARY KEY (tenant_id, run_id);

ALTER TABLE ONLY app.night_marks
    ADD CONSTRAINT night_marks_pkey PRIMARY KEY (tenant_id, source);

ALTER TABLE ONLY app.odoo_connections
    ADD CONSTRAINT odoo_connections_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.odoo_connections
    ADD CONSTRAINT odoo_connections_tenant_id_key UNIQUE (tenant_id);

ALTER TABLE ONLY app.opportunities
    ADD CONSTRAINT opportunities_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.opportunities
    ADD CONSTRAINT opportunities_tenant_id_source_notice_id_key UNIQUE (tenant_id, source, notice_id);

ALTER TABLE ONLY app.opportunity_evaluations
    ADD CONSTRAINT opportunity_evaluations_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.opportunity_evaluations
    ADD CONSTRAINT opportunity_evaluations_tenant_id_opportunity_id_profile_id_key UNIQUE (tenant_id, opportunity_id, profile_id);

ALTER TABLE ONLY app.order_lines
    ADD CONSTRAINT order_lines_pkey PRIMARY KEY (tenant_id, order_id, line);

ALTER TABLE ONLY app.ordering_turns
    ADD CONSTRAINT ordering_turns_pkey PRIMARY KEY (tenant_id, ordering_key);

ALTER TABLE ONLY app.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.orders
    ADD CONSTRAINT orders_tenant_id_source_ext_id_key UNIQUE (tenant_id, source, ext_id);

ALTER TABLE ONLY app.outbox_events
    ADD CONSTRAINT outbox_events_pkey PRIMARY KEY (tenant_id, event_id);

ALTER TABLE ONLY app.outbox_history
    ADD CONSTRAINT outbox_history_pkey PRIMARY KEY (tenant_id, created_at, id);

ALTER TABLE ONLY app.outbox_history_default
    ADD CONSTRAINT outbox_history_default_pkey PRIMARY KEY (tenant_id, created_at, id);

ALTER TABLE ONLY app.paces
    ADD CONSTRAINT paces_pkey PRIMARY KEY (name, credential);

ALTER TABLE ONLY app.pauses
    ADD CONSTRAINT pauses_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY app.qualification_rules
    ADD CONSTRAINT qualification_rules_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.qualification_rules
    ADD CONSTRAINT qualification_rules_tenant_id_rule_set_id_position_key UNIQUE (tenant_id, rule_set_id, "position");

ALTER TABLE ONLY app.queue_ageing
    ADD CONSTRAINT queue_ageing_pkey PRIMARY KEY (the_one);

ALTER TABLE ONLY app.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (tenant_id, token_hash);

ALTER TABLE ONLY app.replay_differences
    ADD CONSTRAINT replay_differences_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.replay_differences
    ADD CONSTRAINT replay_differences_tenant_id_run_id_position_key UNIQUE (tenant_id, run_id, "position");

ALTER TABLE ONLY app.retention_passes
    ADD CONSTRAINT retention_passes_pkey PRIMARY KEY (table_name);

ALTER TABLE ONLY app.rule_sets
    ADD CONSTRAINT rule_sets_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.rule_sets
    ADD CONSTRAINT rule_sets_tenant_id_icp_profile_id_version_key UNIQUE (tenant_id, icp_profile_id, version);

ALTER TABLE ONLY app.run_slices
    ADD CONSTRAINT run_slices_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.run_slices
    ADD CONSTRAINT run_slices_tenant_id_run_id_ordinal_key UNIQUE (tenant_id, run_id, ordinal);

ALTER TABLE ONLY app.run_vendor_items
    ADD CONSTRAINT run_vendor_items_pkey PRIMARY KEY (tenant_id, run_id, item_id);

ALTER TABLE ONLY app.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.sample_metrics
    ADD CONSTRAINT sample_metrics_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.sample_metrics
    ADD CONSTRAINT sample_metrics_tenant_id_sku_id_rep_period_key UNIQUE (tenant_id, sku_id, rep, period);

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_tenant_id_source_ext_id_key UNIQUE (tenant_id, source, ext_id);

ALTER TABLE ONLY app.schedule_fires
    ADD CONSTRAINT schedule_fires_pkey PRIMARY KEY (tenant_id, schedule_id, due_at);

ALTER TABLE ONLY app.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY app.score_predictions
    ADD CONSTRAINT score_predictions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.score_predictions
    ADD CONSTRAINT score_predictions_tenant_id_snapshot_id_rule_set_id_model_v_key UNIQUE NULLS NOT DISTINCT (tenant_id, snapshot_id, rule_set_id, model_version_id);

ALTER TABLE ONLY app.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.skus
    ADD CONSTRAINT skus_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.skus
    ADD CONSTRAINT skus_tenant_id_code_key UNIQUE (tenant_id, code);

ALTER TABLE ONLY app.source_cursors
    ADD CONSTRAINT source_cursors_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.source_cursors
    ADD CONSTRAINT source_cursors_tenant_id_source_slice_key UNIQUE (tenant_id, source, slice);

ALTER TABLE ONLY app.source_records
    ADD CONSTRAINT source_records_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.source_records
    ADD CONSTRAINT source_records_tenant_id_run_id_slice_id_page_external_id_key UNIQUE (tenant_id, run_id, slice_id, page, external_id);

ALTER TABLE ONLY app.staging_acra_companies
    ADD CONSTRAINT staging_acra_companies_pkey PRIMARY KEY (tenant_id, uen);

ALTER TABLE ONLY app.staging_imports
    ADD CONSTRAINT staging_imports_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.staging_imports
    ADD CONSTRAINT staging_imports_tenant_id_source_name_key UNIQUE (tenant_id, source, name);

ALTER TABLE ONLY app.stream_subscriptions
    ADD CONSTRAINT stream_subscriptions_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY app.suppression_keys
    ADD CONSTRAINT suppression_keys_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY app.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.suppressions
    ADD CONSTRAINT suppressions_tenant_id_channel_key_type_key_hash_key UNIQUE (tenant_id, channel, key_type, key_hash);

ALTER TABLE ONLY app.tenant_policies
    ADD CONSTRAINT tenant_policies_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.tenant_policies
    ADD CONSTRAINT tenant_policies_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY app.tenant_quotas
    ADD CONSTRAINT tenant_quotas_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY app.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY app.tenants
    ADD CONSTRAINT tenants_slug_key UNIQUE (slug);

ALTER TABLE ONLY app.trigger_executions
    ADD CONSTRAINT trigger_executions_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.trigger_executions
    ADD CONSTRAINT trigger_executions_tenant_id_trigger_id_subject_id_window_s_key UNIQUE (tenant_id, trigger_id, subject_id, window_start);

ALTER TABLE ONLY app.triggers
    ADD CONSTRAINT triggers_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.triggers
    ADD CONSTRAINT triggers_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY app.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.users
    ADD CONSTRAINT users_tenant_id_email_key UNIQUE (tenant_id, email);

ALTER TABLE ONLY app.vendor_calls
    ADD CONSTRAINT vendor_calls_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.vendor_items
    ADD CONSTRAINT vendor_items_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.vendor_operations
    ADD CONSTRAINT vendor_operations_pkey PRIMARY KEY (vendor, operation);

ALTER TABLE ONLY app.waterfall_orders
    ADD CONSTRAINT waterfall_orders_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.waterfall_steps
    ADD CONSTRAINT waterfall_steps_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.waterfall_steps
    ADD CONSTRAINT waterfall_steps_tenant_id_enrichment_id_field_place_key UNIQUE (tenant_id, enrichment_id, field, place);

ALTER TABLE ONLY app.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY app.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

CREATE INDEX absorbed_events_execution ON app.absorbed_events USING btree (tenant_id, execution_id);

CREATE INDEX accounts_last_order ON app.accounts USING btree (tenant_id, last_order_at);

CREATE INDEX accounts_type ON app.accounts USING btree (tenant_id, account_type);

CREATE INDEX accounts_value ON app.accounts USING btree (tenant_id, value_12m);

CREATE INDEX alert_deliveries_channel ON app.alert_deliveries USING btree (channel_id, tenant_id);

CREATE INDEX alerts_newest ON app.alerts USING btree (tenant_id, id DESC);

CREATE UNIQUE INDEX alerts_open ON app.alerts USING btree (tenant_id, rule, scope) WHERE (state <> 'resolved'::text);

CREATE INDEX audit_log_subject ON app.audit_log USING btree (tenant_id, subject_type, subject_id, id);

CREATE INDEX companies_merged ON app.companies USING btree (merged_into, tenant_id) WHERE (merged_into IS NOT NULL);

CREATE INDEX companies_moved_name ON app.companies USING gin (app.moved_name(tenant_id, country, (name_core)::text) trgm.gin_trgm_ops) WITH (gin_pending_list_limit='256') WHERE (merged_into IS NULL);

CREATE INDEX companies_name_trgm ON app.companies USING gin (name_core trgm.gin_trgm_ops) WITH (gin_pending_list_limit='256') WHERE (merged_into IS NULL);

CREATE INDEX companies_phone ON app.companies USING btree (phone, tenant_id) WHERE (phone IS NOT NULL);

CREATE INDEX companies_run ON app.companies USING btree (created_by_run, tenant_id) WHERE (created_by_run IS NOT NULL);

CREATE INDEX companies_uncompared ON app.companies USING btree (tenant_id, id) WHERE ((compared_at IS NULL) AND (merged_into IS NULL));

CREATE INDEX consents_contact ON app.consents USING btree (contact_id, tenant_id);

CREATE UNIQUE INDEX consents_standing ON app.consents USING btree (tenant_id, contact_id, channel, basis) WHERE (withdrawn_at IS NULL);

CREATE INDEX contacts_company ON app.contacts USING btree (company_id, tenant_id);

CREATE INDEX crawl_sites_company ON app.crawl_sites USING btree (company_id, tenant_id) WHERE (company_id IS NOT NULL);

CREATE INDEX crm_links_local ON app.crm_links USING btree (local_id, tenant_id);

CREATE INDEX dead_letters_event ON app.dead_letters USING btree (event_id, tenant_id);

CREATE INDEX dead_letters_open ON app.dead_letters USING btree (tenant_id, id) WHERE (resolved_at IS NULL);

CREATE UNIQUE INDEX dead_letters_open_execution ON app.dead_letters USING btree (tenant_id, execution_id) WHERE ((resolved_at IS NULL) AND (kind = 'job'::text));

CREATE INDEX dead_letters_replay ON app.dead_letters USING btree (tenant_id, replay_id) WHERE (replay_id IS NOT NULL);

CREATE INDEX discovery_queries_profile ON app.discovery_queries USING btree (icp_profile_id, tenant_id) WHERE (icp_profile_id IS NOT NULL);

CREATE INDEX entity_keys_entity ON app.entity_keys USING btree (entity_id, tenant_id);

CREATE INDEX feature_snapshots_hash ON app.feature_snapshots USING btree (feature_vector_hash, tenant_id);

CREATE INDEX feature_snapshots_lead ON app.feature_snapshots USING btree (lead_id, tenant_id, id);

CREATE INDEX field_values_entity ON app.field_values USING btree (entity_id, tenant_id, field) WHERE (superseded_at IS NULL);

CREATE INDEX icp_candidate_companies_company ON app.icp_candidate_companies USING btree (company_id, tenant_id);

CREATE INDEX icp_candidate_companies_profile ON app.icp_candidate_companies USING btree (icp_profile_id, tenant_id, verdict, id);

CREATE UNIQUE INDEX icp_profiles_name ON app.icp_profiles USING btree (tenant_id, name) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX imports_content ON app.imports USING btree (tenant_id, kind, content_hash) WHERE (NOT dry_run);

CREATE INDEX isolation_checks_at ON app.isolation_checks USING btree (tenant_id, at DESC);

CREATE INDEX job_attempts_crashed ON app.job_attempts USING btree (ended_at) WHERE (outcome = 'crashed'::text);

CREATE UNIQUE INDEX job_executions_coalesce ON app.job_executions USING btree (tenant_id, job, coalesce_key) WHERE (coalesce_key IS NOT NULL);

CREATE INDEX job_executions_event ON app.job_executions USING btree (event_id, tenant_id);

CREATE UNIQUE INDEX job_executions_once ON app.job_executions USING btree (tenant_id, job, key) WHERE (scope = 'once'::text);

CREATE UNIQUE INDEX job_executions_period ON app.job_executions USING btree (tenant_id, job, key) WHERE (scope = 'period'::text);

CREATE INDEX job_executions_run ON app.job_executions USING btree (run_id, tenant_id, id) WHERE (run_id IS NOT NULL);

CREATE INDEX labels_known ON app.labels USING btree (tenant_id, known_at);

CREATE INDEX labels_lead ON app.labels USING btree (lead_id, tenant_id);

CREATE INDEX lead_feedback_lead ON app.lead_feedback USING btree (lead_id, tenant_id, id);

CREATE INDEX leads_merged ON app.leads USING btree (merged_into, tenant_id) WHERE (merged_into IS NOT NULL);

CREATE INDEX leads_profile ON app.leads USING btree (icp_profile_id, tenant_id, id) WHERE (icp_profile_id IS NOT NULL);

CREATE INDEX leads_run ON app.leads USING btree (run_id, tenant_id, id);

CREATE INDEX leads_status ON app.leads USING btree (tenant_id, status, id);

CREATE INDEX match_decisions_a ON app.match_decisions USING btree (a_id, tenant_id);

CREATE INDEX match_decisions_b ON app.match_decisions USING btree (b_id, tenant_id);

CREATE INDEX match_decisions_state ON app.match_decisions USING btree (tenant_id, decision, id);

CREATE INDEX message_events_message ON app.message_events USING btree (message_id, tenant_id, id) WHERE (message_id IS NOT NULL);

CREATE INDEX messages_contact ON app.messages USING btree (contact_id, tenant_id) WHERE (contact_id IS NOT NULL);

CREATE INDEX messages_recipient ON app.messages USING btree (recipient_hash, tenant_id, id) WHERE (recipient_hash IS NOT NULL);

CREATE INDEX messages_reference ON app.messages USING btree (vendor, vendor_ref, tenant_id) WHERE (vendor_ref IS NOT NULL);

CREATE INDEX messages_state ON app.messages USING btree (tenant_id, state, id);

CREATE UNIQUE INDEX model_versions_active ON app.model_versions USING btree (tenant_id, family) WHERE (stage = 'ACTIVE'::text);

CREATE UNIQUE INDEX night_companies_lead ON app.night_companies USING btree (tenant_id, run_id, lead_id) WHERE (lead_id IS NOT NULL);

CREATE INDEX night_companies_place ON app.night_companies USING btree (tenant_id, run_id, place);

CREATE INDEX night_manifests_night ON app.night_manifests USING btree (tenant_id, night, run_id);

CREATE INDEX opportunities_changed ON app.opportunities USING btree (tenant_id, changed_at);

CREATE INDEX opportunities_solicitation ON app.opportunities USING btree (tenant_id, solicitation_number) WHERE (solicitation_number IS NOT NULL);

CREATE INDEX opportunity_evaluations_profile ON app.opportunity_evaluations USING btree (profile_id, tenant_id);

CREATE INDEX order_lines_sku ON app.order_lines USING btree (tenant_id, sku_id);

CREATE INDEX orders_company ON app.orders USING btree (tenant_id, company_id, ordered_at);

CREATE INDEX orders_delivered ON app.orders USING btree (tenant_id, delivered_at);

CREATE INDEX orders_first ON app.orders USING btree (tenant_id, is_first_order);

CREATE INDEX outbox_events_due ON app.outbox_events USING btree (tenant_id, available_at, id) WHERE ((sink)::text = 'queue'::text);

CREATE INDEX outbox_events_elsewhere ON app.outbox_events USING btree (sink, tenant_id, ordering_key, id) WHERE ((sink)::text <> 'queue'::text);

CREATE INDEX outbox_events_unusual ON app.outbox_events USING btree (tenant_id, event_id) WHERE (state <> 'pending'::text);

CREATE INDEX outbox_history_aggregate ON ONLY app.outbox_history USING btree (tenant_id, aggregate_id, created_at, id);

CREATE INDEX outbox_history_correlation ON ONLY app.outbox_history USING btree (tenant_id, correlation_id, created_at, id) WHERE (correlation_id IS NOT NULL);

CREATE INDEX outbox_history_default_tenant_id_aggregate_id_created_at_id_idx ON app.outbox_history_default USING btree (tenant_id, aggregate_id, created_at, id);

CREATE INDEX outbox_history_default_tenant_id_correlation_id_created_at__idx ON app.outbox_history_default USING btree (tenant_id, correlation_id, created_at, id) WHERE (correlation_id IS NOT NULL);

CREATE INDEX outbox_history_errors ON ONLY app.outbox_history USING btree (tenant_id, error_class, created_at, id) WHERE (error_class IS NOT NULL);

CREATE INDEX outbox_history_default_tenant_id_error_class_created_at_id_idx ON app.outbox_history_default USING btree (tenant_id, error_class, created_at, id) WHERE (error_class IS NOT NULL);

CREATE INDEX outbox_history_event ON ONLY app.outbox_history USING btree (tenant_id, event_id);

CREATE INDEX outbox_history_default_tenant_id_event_id_idx ON app.outbox_history_default USING btree (tenant_id, event_id);

CREATE INDEX outbox_history_late ON ONLY app.outbox_history USING btree (tenant_id, sent_at) WHERE ((sent_at - created_at) > '01:00:00'::interval);

CREATE INDEX outbox_history_default_tenant_id_sent_at_idx ON app.outbox_history_default USING btree (tenant_id, sent_at) WHERE ((sent_at - created_at) > '01:00:00'::interval);

CREATE INDEX outbox_history_type ON ONLY app.outbox_history USING btree (tenant_id, type, created_at, id);

CREATE INDEX outbox_history_default_tenant_id_type_created_at_id_idx ON app.outbox_history_default USING btree (tenant_id, type, created_at, id);

CREATE INDEX refresh_tokens_session ON app.refresh_tokens USING btree (session_id, tenant_id);

CREATE UNIQUE INDEX rule_sets_stage ON app.rule_sets USING btree (tenant_id, icp_profile_id, stage) WHERE (stage <> 'ARCHIVED'::text);

CREATE INDEX runs_created ON app.runs USING btree (tenant_id, created_at);

CREATE INDEX runs_ended ON app.runs USING btree (tenant_id, kind, finished_at DESC) WHERE ((finished_at IS NOT NULL) AND (NOT dry_run) AND (status <> 'cancelled'::text));

CREATE INDEX runs_finished ON app.runs USING btree (tenant_id, finished_at DESC) WHERE ((finished_at IS NOT NULL) AND (NOT dry_run) AND (status <> 'cancelled'::text));

CREATE INDEX runs_job ON app.runs USING btree (tenant_id, job, id) WHERE ((kind = 'job'::text) AND (NOT dry_run));

CREATE INDEX runs_kind ON app.runs USING btree (tenant_id, kind, id);

CREATE INDEX runs_mode ON app.runs USING btree (tenant_id, mode, id);

CREATE UNIQUE INDEX runs_occurrence ON app.runs USING btree (tenant_id, kind, occurrence_key) WHERE (occurrence_key IS NOT NULL);

CREATE INDEX runs_overdue ON app.runs USING btree (deadline_at) WHERE (status = ANY (ARRAY['pending'::text, 'running'::text]));

CREATE INDEX runs_parent ON app.runs USING btree (parent_id, tenant_id) WHERE (parent_id IS NOT NULL);

CREATE INDEX runs_started ON app.runs USING btree (tenant_id, started_at);

CREATE INDEX runs_status ON app.runs USING btree (tenant_id, status, finished_at DESC);

CREATE INDEX samples_company ON app.samples USING btree (tenant_id, company_id);

CREATE INDEX samples_given ON app.samples USING btree (tenant_id, given_at);

CREATE INDEX samples_order ON app.samples USING btree (tenant_id, converted_order_id) WHERE (converted_order_id IS NOT NULL);

CREATE INDEX samples_sku ON app.samples USING btree (tenant_id, sku_id, given_at);

CREATE INDEX schedule_fires_age ON app.schedule_fires USING btree (due_at);

CREATE INDEX schedule_fires_run ON app.schedule_fires USING btree (run_id, tenant_id) WHERE (run_id IS NOT NULL);

CREATE INDEX schedules_defaults ON app.schedules USING btree (tenant_id, name) WHERE is_default;

CREATE INDEX schedules_due ON app.schedules USING btree (fire_at) WHERE (fire_at IS NOT NULL);

CREATE UNIQUE INDEX schedules_name ON app.schedules USING btree (tenant_id, name) WHERE (removed_at IS NULL);

CREATE INDEX score_predictions_band ON app.score_predictions USING btree (tenant_id, band, lead_id) WHERE decides;

CREATE UNIQUE INDEX score_predictions_decides ON app.score_predictions USING btree (tenant_id, lead_id) WHERE decides;

CREATE INDEX score_predictions_lead ON app.score_predictions USING btree (lead_id, tenant_id, id);

CREATE INDEX score_predictions_recent ON app.score_predictions USING btree (tenant_id, id) INCLUDE (score, lead_id) WHERE decides;

CREATE INDEX score_predictions_snapshot ON app.score_predictions USING btree (snapshot_id, tenant_id);

CREATE INDEX sessions_user ON app.sessions USING btree (user_id, tenant_id);

CREATE INDEX skus_burn_rate ON app.skus USING btree (tenant_id, burn_rate);

CREATE INDEX source_records_company ON app.source_records USING btree (company_id, tenant_id) WHERE (company_id IS NOT NULL);

CREATE INDEX source_records_lead ON app.source_records USING btree (lead_id, tenant_id) WHERE (lead_id IS NOT NULL);

CREATE INDEX staging_acra_companies_changed ON app.staging_acra_companies USING btree (changed_at, uen, tenant_id);

CREATE INDEX suppressions_erased ON app.suppressions USING btree (tenant_id) WHERE erased;

CREATE INDEX trigger_executions_fired ON app.trigger_executions USING btree (tenant_id, trigger_id, subject_id, fired_at);

CREATE INDEX vendor_calls_execution ON app.vendor_calls USING btree (execution_id, tenant_id) WHERE (execution_id IS NOT NULL);

CREATE INDEX vendor_calls_newest ON app.vendor_calls USING btree (tenant_id, sent_at, id);

CREATE INDEX vendor_calls_run ON app.vendor_calls USING btree (run_id, tenant_id) WHERE (run_id IS NOT NULL);

CREATE INDEX vendor_calls_unsettled ON app.vendor_calls USING btree (sent_at) WHERE (settled_at IS NULL);

CREATE INDEX vendor_items_call ON app.vendor_items USING btree (call_id, tenant_id);

CREATE UNIQUE INDEX vendor_items_live ON app.vendor_items USING btree (tenant_id, vendor, operation, fingerprint) WHERE live;

CREATE INDEX vendor_items_raw ON app.vendor_items USING btree (raw_expires_at) WHERE (raw_expires_at IS NOT NULL);

CREATE UNIQUE INDEX waterfall_orders_active ON app.waterfall_orders USING btree (tenant_id, field, stage) WHERE (stage <> 'ARCHIVED'::text);

CREATE INDEX waterfall_steps_shadow ON app.waterfall_steps USING btree (shadow_id, tenant_id) WHERE (shadow_id IS NOT NULL);

ALTER INDEX app.outbox_history_pkey ATTACH PARTITION app.outbox_history_default_pkey;

ALTER INDEX app.outbox_history_aggregate ATTACH PARTITION app.outbox_history_default_tenant_id_aggregate_id_created_at_id_idx;

ALTER INDEX app.outbox_history_correlation ATTACH PARTITION app.outbox_history_default_tenant_id_correlation_id_created_at__idx;

ALTER INDEX app.outbox_history_errors ATTACH PARTITION app.outbox_history_default_tenant_id_error_class_created_at_id_idx;

ALTER INDEX app.outbox_history_event ATTACH PARTITION app.outbox_history_default_tenant_id_event_id_idx;

ALTER INDEX app.outbox_history_late ATTACH PARTITION app.outbox_history_default_tenant_id_sent_at_idx;

ALTER INDEX app.outbox_history_type ATTACH PARTITION app.outbox_history_default_tenant_id_type_created_at_id_idx;

ALTER TABLE ONLY app.accounts
    ADD CONSTRAINT accounts_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.alert_channels
    ADD CONSTRAINT alert_channels_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.alert_deliveries
    ADD CONSTRAINT alert_deliveries_tenant_id_alert_id_fkey FOREIGN KEY (tenant_id, alert_id) REFERENCES app.alerts(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.alert_deliveries
    ADD CONSTRAINT alert_deliveries_tenant_id_channel_id_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES app.alert_channels(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.alert_looks
    ADD CONSTRAINT alert_looks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.alerts
    ADD CONSTRAINT alerts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.api_keys
    ADD CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.audit_log
    ADD CONSTRAINT audit_log_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.budget_counters
    ADD CONSTRAINT budget_counters_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.budgets
    ADD CONSTRAINT budgets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.companies
    ADD CONSTRAINT companies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.consents
    ADD CONSTRAINT consents_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.contacts
    ADD CONSTRAINT contacts_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.crawl_pages
    ADD CONSTRAINT crawl_pages_tenant_id_site_id_fkey FOREIGN KEY (tenant_id, site_id) REFERENCES app.crawl_sites(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.crawl_sites
    ADD CONSTRAINT crawl_sites_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.crawl_sites
    ADD CONSTRAINT crawl_sites_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.crm_pushes
    ADD CONSTRAINT crm_pushes_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.daily_metrics
    ADD CONSTRAINT daily_metrics_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.discovery_queries
    ADD CONSTRAINT discovery_queries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.discovery_queries
    ADD CONSTRAINT discovery_queries_tenant_id_icp_profile_id_fkey FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles(tenant_id, id);

ALTER TABLE ONLY app.enrichments
    ADD CONSTRAINT enrichments_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.feature_snapshots
    ADD CONSTRAINT feature_snapshots_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.field_values
    ADD CONSTRAINT field_values_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.icp_candidate_companies
    ADD CONSTRAINT icp_candidate_companies_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.icp_candidate_companies
    ADD CONSTRAINT icp_candidate_companies_tenant_id_icp_profile_id_fkey FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles(tenant_id, id);

ALTER TABLE ONLY app.icp_profiles
    ADD CONSTRAINT icp_profiles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.idempotency_keys
    ADD CONSTRAINT idempotency_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.import_errors
    ADD CONSTRAINT import_errors_tenant_id_import_id_fkey FOREIGN KEY (tenant_id, import_id) REFERENCES app.imports(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.imports
    ADD CONSTRAINT imports_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.isolation_checks
    ADD CONSTRAINT isolation_checks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.job_attempts
    ADD CONSTRAINT job_attempts_tenant_id_execution_id_fkey FOREIGN KEY (tenant_id, execution_id) REFERENCES app.job_executions(tenant_id, id);

ALTER TABLE ONLY app.job_reports
    ADD CONSTRAINT job_reports_tenant_id_execution_id_fkey FOREIGN KEY (tenant_id, execution_id) REFERENCES app.job_executions(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.labels
    ADD CONSTRAINT labels_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.lead_feedback
    ADD CONSTRAINT lead_feedback_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.leads
    ADD CONSTRAINT leads_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.leads
    ADD CONSTRAINT leads_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts(tenant_id, id);

ALTER TABLE ONLY app.limits
    ADD CONSTRAINT limits_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.login_failures
    ADD CONSTRAINT login_failures_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.match_decisions
    ADD CONSTRAINT match_decisions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.message_events
    ADD CONSTRAINT message_events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.message_events
    ADD CONSTRAINT message_events_tenant_id_message_id_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.message_templates
    ADD CONSTRAINT message_templates_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.messages
    ADD CONSTRAINT messages_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts(tenant_id, id);

ALTER TABLE ONLY app.messages
    ADD CONSTRAINT messages_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.model_evaluations
    ADD CONSTRAINT model_evaluations_tenant_id_model_version_id_fkey FOREIGN KEY (tenant_id, model_version_id) REFERENCES app.model_versions(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.model_versions
    ADD CONSTRAINT model_versions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.night_companies
    ADD CONSTRAINT night_companies_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.night_manifests
    ADD CONSTRAINT night_manifests_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.night_marks
    ADD CONSTRAINT night_marks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.odoo_connections
    ADD CONSTRAINT odoo_connections_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.opportunities
    ADD CONSTRAINT opportunities_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.opportunity_evaluations
    ADD CONSTRAINT opportunity_evaluations_tenant_id_opportunity_id_fkey FOREIGN KEY (tenant_id, opportunity_id) REFERENCES app.opportunities(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.opportunity_evaluations
    ADD CONSTRAINT opportunity_evaluations_tenant_id_profile_id_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES app.icp_profiles(tenant_id, id);

ALTER TABLE ONLY app.order_lines
    ADD CONSTRAINT order_lines_tenant_id_order_id_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES app.orders(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.order_lines
    ADD CONSTRAINT order_lines_tenant_id_sku_id_fkey FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus(tenant_id, id);

ALTER TABLE ONLY app.orders
    ADD CONSTRAINT orders_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.orders
    ADD CONSTRAINT orders_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.pauses
    ADD CONSTRAINT pauses_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.qualification_rules
    ADD CONSTRAINT qualification_rules_tenant_id_rule_set_id_fkey FOREIGN KEY (tenant_id, rule_set_id) REFERENCES app.rule_sets(tenant_id, id);

ALTER TABLE ONLY app.refresh_tokens
    ADD CONSTRAINT refresh_tokens_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES app.sessions(tenant_id, id);

ALTER TABLE ONLY app.replay_differences
    ADD CONSTRAINT replay_differences_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.rule_sets
    ADD CONSTRAINT rule_sets_tenant_id_icp_profile_id_fkey FOREIGN KEY (tenant_id, icp_profile_id) REFERENCES app.icp_profiles(tenant_id, id);

ALTER TABLE ONLY app.run_slices
    ADD CONSTRAINT run_slices_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.run_vendor_items
    ADD CONSTRAINT run_vendor_items_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES app.vendor_items(tenant_id, id);

ALTER TABLE ONLY app.run_vendor_items
    ADD CONSTRAINT run_vendor_items_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.runs
    ADD CONSTRAINT runs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.runs
    ADD CONSTRAINT runs_tenant_id_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES app.runs(tenant_id, id);

ALTER TABLE ONLY app.sample_metrics
    ADD CONSTRAINT sample_metrics_tenant_id_sku_id_fkey FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_tenant_id_converted_order_id_fkey FOREIGN KEY (tenant_id, converted_order_id) REFERENCES app.orders(tenant_id, id) ON DELETE SET NULL (converted_order_id);

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.samples
    ADD CONSTRAINT samples_tenant_id_sku_id_fkey FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus(tenant_id, id);

ALTER TABLE ONLY app.schedule_fires
    ADD CONSTRAINT schedule_fires_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, id) ON DELETE SET NULL (run_id);

ALTER TABLE ONLY app.schedule_fires
    ADD CONSTRAINT schedule_fires_tenant_id_schedule_id_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES app.schedules(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.schedules
    ADD CONSTRAINT schedules_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.score_predictions
    ADD CONSTRAINT score_predictions_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.score_predictions
    ADD CONSTRAINT score_predictions_tenant_id_snapshot_id_fkey FOREIGN KEY (tenant_id, snapshot_id) REFERENCES app.feature_snapshots(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.sessions
    ADD CONSTRAINT sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES app.users(tenant_id, id);

ALTER TABLE ONLY app.skus
    ADD CONSTRAINT skus_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.source_cursors
    ADD CONSTRAINT source_cursors_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.source_records
    ADD CONSTRAINT source_records_tenant_id_company_id_fkey FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies(tenant_id, id);

ALTER TABLE ONLY app.source_records
    ADD CONSTRAINT source_records_tenant_id_lead_id_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES app.leads(tenant_id, id);

ALTER TABLE ONLY app.staging_acra_companies
    ADD CONSTRAINT staging_acra_companies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.staging_imports
    ADD CONSTRAINT staging_imports_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.stream_subscriptions
    ADD CONSTRAINT stream_subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.suppression_keys
    ADD CONSTRAINT suppression_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.suppressions
    ADD CONSTRAINT suppressions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.tenant_policies
    ADD CONSTRAINT tenant_policies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.tenant_quotas
    ADD CONSTRAINT tenant_quotas_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.trigger_executions
    ADD CONSTRAINT trigger_executions_tenant_id_trigger_id_fkey FOREIGN KEY (tenant_id, trigger_id) REFERENCES app.triggers(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.triggers
    ADD CONSTRAINT triggers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.users
    ADD CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.vendor_calls
    ADD CONSTRAINT vendor_calls_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.vendor_items
    ADD CONSTRAINT vendor_items_tenant_id_call_id_fkey FOREIGN KEY (tenant_id, call_id) REFERENCES app.vendor_calls(tenant_id, id);

ALTER TABLE ONLY app.waterfall_orders
    ADD CONSTRAINT waterfall_orders_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE ONLY app.waterfall_steps
    ADD CONSTRAINT waterfall_steps_tenant_id_enrichment_id_fkey FOREIGN KEY (tenant_id, enrichment_id) REFERENCES app.enrichments(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);

ALTER TABLE app.absorbed_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.alert_channels ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.alert_deliveries ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.alert_looks ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.alerts ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.audit_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.budget_counters ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.budgets ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.consents ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.contacts ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.crawl_pages ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.crawl_sites ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.crm_links ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.crm_pushes ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.daily_metrics ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.dead_letters ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.discovery_queries ENABLE ROW LEVEL SECURITY;

CREATE POLICY emitted_as_pending ON app.outbox_events AS RESTRICTIVE FOR INSERT TO headwater_app WITH CHECK (((state = 'pending'::text) AND (lease_token IS NULL) AND (lease_expires_at IS NULL)));

ALTER TABLE app.enrichments ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.entity_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.feature_snapshots ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.field_values ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.icp_candidate_companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.icp_profiles ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.idempotency_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.import_errors ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.imports ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.isolation_checks ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.job_attempts ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.job_executions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.job_reports ENABLE ROW LEVEL SECURITY;

CREATE POLICY known_state ON app.job_executions AS RESTRICTIVE USING (true) WITH CHECK (((state = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text, 'done'::text, 'dead'::text, 'cancelled'::text, 'quarantined'::text, 'superseded'::text])) AND (scope = ANY (ARRAY['once'::text, 'coalesce'::text, 'exclusive'::text, 'period'::text])) AND ((coalesce_key IS NULL) OR (((coalesce_key)::text = (key)::text) AND (((scope = 'coalesce'::text) AND (state = 'queued'::text)) OR ((scope = 'exclusive'::text) AND (state = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text]))))))));

ALTER TABLE app.labels ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.lead_feedback ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.leads ENABLE ROW LEVEL SECURITY;

CREATE POLICY leased_while_processing ON app.outbox_events AS RESTRICTIVE TO headwater_system, headwater_owner USING (true) WITH CHECK (
CASE state
    WHEN 'processing'::text THEN ((lease_token IS NOT NULL) AND (lease_expires_at IS NOT NULL) AND ((sink)::text <> 'queue'::text))
    ELSE ((state = ANY (ARRAY['pending'::text, 'failed'::text])) AND (lease_token IS NULL) AND (lease_expires_at IS NULL))
END);

ALTER TABLE app.limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.login_failures ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.match_decisions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.message_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.message_templates ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.model_evaluations ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.model_versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.night_companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.night_manifests ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.night_marks ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.odoo_connections ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.opportunities ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.opportunity_evaluations ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.order_lines ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.ordering_turns ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.outbox_history_default ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner ON app.absorbed_events TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.accounts TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.alert_channels TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.alert_deliveries TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.alert_looks TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.alerts TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.api_keys TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.audit_log TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.budget_counters TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.budgets TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.companies TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.consents TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.contacts TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.crawl_pages TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.crawl_sites TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.crm_links TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.crm_pushes TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.daily_metrics TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.dead_letters TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.discovery_queries TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.enrichments TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.entity_keys TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.feature_snapshots TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.field_values TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.icp_candidate_companies TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.icp_profiles TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.idempotency_keys TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.import_errors TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.imports TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.isolation_checks TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.job_attempts TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.job_executions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.job_reports TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.labels TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.lead_feedback TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.leads TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.limits TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.login_failures TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.match_decisions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.message_events TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.message_templates TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.messages TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.model_evaluations TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.model_versions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.night_companies TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.night_manifests TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.night_marks TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.odoo_connections TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.opportunities TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.opportunity_evaluations TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.order_lines TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.ordering_turns TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.orders TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.outbox_events TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.outbox_history TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.outbox_history_default TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.pauses TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.qualification_rules TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.refresh_tokens TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.replay_differences TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.rule_sets TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.run_slices TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.run_vendor_items TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.runs TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.sample_metrics TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.samples TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.schedule_fires TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.schedules TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.score_predictions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.sessions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.skus TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.source_cursors TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.source_records TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.staging_acra_companies TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.staging_imports TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.stream_subscriptions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.suppression_keys TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.suppressions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.tenant_policies TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.tenant_quotas TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.trigger_executions TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.triggers TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.users TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.vendor_calls TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.vendor_items TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.waterfall_orders TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.waterfall_steps TO headwater_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON app.webhook_endpoints TO headwater_owner USING (true) WITH CHECK (true);

ALTER TABLE app.pauses ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.qualification_rules ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.refresh_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.replay_differences ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.rule_sets ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.run_slices ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.run_vendor_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.runs ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.sample_metrics ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.samples ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.schedule_fires ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.schedules ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.score_predictions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.skus ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.source_cursors ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.source_records ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.staging_acra_companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.staging_imports ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.stream_subscriptions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.suppression_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.suppressions ENABLE ROW LEVEL SECURITY;

CREATE POLICY system ON app.absorbed_events TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.accounts TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.alert_channels TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.alert_deliveries TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.alert_looks TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.alerts TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.api_keys TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.audit_log TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.budget_counters TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.budgets TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.companies TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.consents TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.contacts TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.crawl_pages TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.crawl_sites TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.crm_links TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.crm_pushes TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.daily_metrics TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.dead_letters TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.discovery_queries TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.enrichments TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.entity_keys TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.feature_snapshots TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.field_values TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.icp_candidate_companies TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.icp_profiles TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.idempotency_keys TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.import_errors TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.imports TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.isolation_checks TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.job_attempts TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.job_executions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.job_reports TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.labels TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.lead_feedback TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.leads TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.limits TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.login_failures TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.match_decisions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.message_events TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.message_templates TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.messages TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.model_evaluations TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.model_versions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.night_companies TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.night_manifests TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.night_marks TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.odoo_connections TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.opportunities TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.opportunity_evaluations TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.order_lines TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.ordering_turns TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.orders TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.outbox_events TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.outbox_history TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.outbox_history_default TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.pauses TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.qualification_rules TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.refresh_tokens TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.replay_differences TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.rule_sets TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.run_slices TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.run_vendor_items TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.runs TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.sample_metrics TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.samples TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.schedule_fires TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.schedules TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.score_predictions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.sessions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.skus TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.source_cursors TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.source_records TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.staging_acra_companies TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.staging_imports TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.stream_subscriptions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.suppression_keys TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.suppressions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.tenant_policies TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.tenant_quotas TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.trigger_executions TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.triggers TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.users TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.vendor_calls TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.vendor_items TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.waterfall_orders TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.waterfall_steps TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY system ON app.webhook_endpoints TO headwater_system USING (true) WITH CHECK (true);

CREATE POLICY tenant ON app.absorbed_events TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.accounts TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.alert_channels TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.alert_deliveries TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.alert_looks TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.alerts TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.api_keys TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.audit_log TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.budget_counters TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.budgets TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.companies TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.consents TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.contacts TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.crawl_pages TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.crawl_sites TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.crm_links TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.crm_pushes TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.daily_metrics TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.dead_letters TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.discovery_queries TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.enrichments TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.entity_keys TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.feature_snapshots TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.field_values TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.icp_candidate_companies TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.icp_profiles TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.idempotency_keys TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.import_errors TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.imports TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.isolation_checks TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.job_attempts TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.job_executions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.job_reports TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.labels TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.lead_feedback TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.leads TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.limits TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.login_failures TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.match_decisions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.message_events TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.message_templates TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.messages TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.model_evaluations TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.model_versions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.night_companies TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.night_manifests TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.night_marks TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.odoo_connections TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.opportunities TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.opportunity_evaluations TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.order_lines TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.ordering_turns TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.orders TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.outbox_events TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.outbox_history TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.outbox_history_default TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.pauses TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.qualification_rules TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.refresh_tokens TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.replay_differences TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.rule_sets TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.run_slices TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.run_vendor_items TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.runs TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.sample_metrics TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.samples TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.schedule_fires TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.schedules TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.score_predictions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.sessions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.skus TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.source_cursors TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.source_records TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.staging_acra_companies TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.staging_imports TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.stream_subscriptions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.suppression_keys TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.suppressions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.tenant_policies TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.tenant_quotas TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.trigger_executions TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.triggers TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.users TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.vendor_calls TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.vendor_items TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.waterfall_orders TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.waterfall_steps TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

CREATE POLICY tenant ON app.webhook_endpoints TO headwater_app USING ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid)) WITH CHECK ((tenant_id = (NULLIF(current_setting('request.tenant_id'::text, true), ''::text))::uuid));

ALTER TABLE app.tenant_policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.tenant_quotas ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.trigger_executions ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.triggers ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.vendor_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.vendor_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.waterfall_orders ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.waterfall_steps ENABLE ROW LEVEL SECURITY;

ALTER TABLE app.webhook_endpoints ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA app TO headwater_app;
GRANT USAGE ON SCHEMA app TO headwater_system;

REVOKE ALL ON PROCEDURE app.analyze_grown() FROM PUBLIC;

REVOKE ALL ON PROCEDURE app.complete(IN tenant uuid, IN execution uuid, IN attempt integer) FROM PUBLIC;
GRANT ALL ON PROCEDURE app.complete(IN tenant uuid, IN execution uuid, IN attempt integer) TO headwater_app;
GRANT ALL ON PROCEDURE app.complete(IN tenant uuid, IN execution uuid, IN attempt integer) TO headwater_system;

REVOKE ALL ON FUNCTION app.drop_month(days integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.history_begins() FROM PUBLIC;
GRANT ALL ON FUNCTION app.history_begins() TO headwater_system;

REVOKE ALL ON FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) TO headwater_app;
GRANT ALL ON FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) TO headwater_system;

REVOKE ALL ON FUNCTION app.make_month(day date) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) TO headwater_app;
GRANT ALL ON FUNCTION app.moved_name(p_tenant uuid, p_country text, p_name text) TO headwater_system;

REVOKE ALL ON FUNCTION app.night_may_begin(p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app.night_may_begin(p_most integer) TO headwater_app;
GRANT ALL ON FUNCTION app.night_may_begin(p_most integer) TO headwater_system;

REVOKE ALL ON FUNCTION app.nights_waiting() FROM PUBLIC;
GRANT ALL ON FUNCTION app.nights_waiting() TO headwater_app;
GRANT ALL ON FUNCTION app.nights_waiting() TO headwater_system;

REVOKE ALL ON FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint) TO headwater_app;
GRANT ALL ON FUNCTION app.run_measures(kind text, counters jsonb, discovered integer, failed integer, OUT items bigint, OUT errors bigint) TO headwater_system;

REVOKE ALL ON FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[], p_error text, p_error_class text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[], p_error text, p_error_class text) TO headwater_app;
GRANT ALL ON FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[], p_error text, p_error_class text) TO headwater_system;

REVOKE ALL ON FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer) TO headwater_app;
GRANT ALL ON FUNCTION app.similar_companies(p_names text[], p_countries text[], p_not uuid[], p_most integer) TO headwater_system;

REVOKE ALL ON PROCEDURE app.wall(IN target regclass, IN verbs text) FROM PUBLIC;

GRANT SELECT ON TABLE app.absorbed_events TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.absorbed_events TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.accounts TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.accounts TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alert_channels TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alert_channels TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alert_deliveries TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alert_deliveries TO headwater_system;

GRANT SELECT ON TABLE app.alert_looks TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alert_looks TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.alerts TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.alerts TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.api_keys TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.api_keys TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.audit_log TO headwater_app;
GRANT SELECT,INSERT ON TABLE app.audit_log TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.breakers TO headwater_system;

GRANT SELECT ON TABLE app.budget_counters TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.budget_counters TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.budgets TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.budgets TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.companies TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.companies TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_sites TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_sites TO headwater_system;

GRANT SELECT,INSERT,DELETE ON TABLE app.feature_snapshots TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.feature_snapshots TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_companies TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_companies TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.run_slices TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.run_slices TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.score_predictions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.score_predictions TO headwater_system;

GRANT SELECT ON TABLE app.company_enrichment_runs TO headwater_app;
GRANT SELECT ON TABLE app.company_enrichment_runs TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.consents TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.consents TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.contacts TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.contacts TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_hosts TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_pages TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_pages TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crawl_robots TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crm_links TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crm_links TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crm_pushes TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.crm_pushes TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.daily_metrics TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.daily_metrics TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.dead_letters TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.dead_letters TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.discovery_queries TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.discovery_queries TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.runs TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.runs TO headwater_system;

GRANT SELECT ON TABLE app.discovery_runs TO headwater_app;
GRANT SELECT ON TABLE app.discovery_runs TO headwater_system;

GRANT SELECT ON TABLE app.enrichment_runs TO headwater_app;
GRANT SELECT ON TABLE app.enrichment_runs TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.enrichments TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.enrichments TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.entity_keys TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.entity_keys TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.field_values TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.field_values TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.icp_candidate_companies TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.icp_candidate_companies TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.icp_profiles TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.icp_profiles TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.idempotency_keys TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.idempotency_keys TO headwater_system;

GRANT SELECT,INSERT,DELETE ON TABLE app.import_errors TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.import_errors TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.imports TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.imports TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.skus TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.skus TO headwater_system;

GRANT SELECT ON TABLE app.inventory_alerts TO headwater_app;
GRANT SELECT ON TABLE app.inventory_alerts TO headwater_system;

GRANT SELECT ON TABLE app.isolation_checks TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.isolation_checks TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.job_attempts TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.job_attempts TO headwater_system;

GRANT UPDATE(fenced_at) ON TABLE app.job_attempts TO headwater_app;

GRANT SELECT,UPDATE ON TABLE app.job_executions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.job_executions TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.job_reports TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.job_reports TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.labels TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.labels TO headwater_system;

GRANT SELECT ON TABLE app.lead_enrichment_records TO headwater_app;
GRANT SELECT ON TABLE app.lead_enrichment_records TO headwater_system;

GRANT SELECT ON TABLE app.lead_features TO headwater_app;
GRANT SELECT ON TABLE app.lead_features TO headwater_system;

GRANT SELECT,INSERT,DELETE ON TABLE app.lead_feedback TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.lead_feedback TO headwater_system;

GRANT SELECT ON TABLE app.lead_scores TO headwater_app;
GRANT SELECT ON TABLE app.lead_scores TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.leads TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.leads TO headwater_system;

GRANT SELECT ON TABLE app.limits TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.limits TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.login_failures TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.login_failures TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.match_decisions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.match_decisions TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.message_events TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.message_events TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.message_templates TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.message_templates TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.messages TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.messages TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.model_evaluations TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.model_evaluations TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.model_versions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.model_versions TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_manifests TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_manifests TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_marks TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.night_marks TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.odoo_connections TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.odoo_connections TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.opportunities TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.opportunities TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.opportunity_evaluations TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.opportunity_evaluations TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.order_lines TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.order_lines TO headwater_system;

GRANT SELECT ON TABLE app.ordering_turns TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.ordering_turns TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.orders TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.orders TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.outbox_events TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.outbox_events TO headwater_system;

GRANT SELECT ON TABLE app.outbox_history TO headwater_app;
GRANT SELECT,INSERT ON TABLE app.outbox_history TO headwater_system;

GRANT SELECT ON TABLE app.outbox TO headwater_app;
GRANT SELECT ON TABLE app.outbox TO headwater_system;

GRANT SELECT ON TABLE app.outbox_heads TO headwater_app;
GRANT SELECT ON TABLE app.outbox_heads TO headwater_system;

GRANT SELECT ON TABLE app.outbox_history_default TO headwater_app;
GRANT SELECT,INSERT ON TABLE app.outbox_history_default TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.paces TO headwater_system;

GRANT SELECT,INSERT,DELETE ON TABLE app.pauses TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.pauses TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.qualification_rules TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.qualification_rules TO headwater_system;

GRANT SELECT,UPDATE ON TABLE app.queue_ageing TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.refresh_tokens TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.refresh_tokens TO headwater_system;

GRANT SELECT,INSERT,DELETE ON TABLE app.replay_differences TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.replay_differences TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.retention_passes TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.rule_sets TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.rule_sets TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.run_vendor_items TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.run_vendor_items TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.sample_metrics TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.sample_metrics TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.samples TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.samples TO headwater_system;

GRANT SELECT ON TABLE app.schedule_fires TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.schedule_fires TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.schedules TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.schedules TO headwater_system;

GRANT SELECT ON TABLE app.schema_migrations TO headwater_app;
GRANT SELECT ON TABLE app.schema_migrations TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.sessions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.sessions TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.source_cursors TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.source_cursors TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.source_records TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.source_records TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.staging_acra_companies TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.staging_acra_companies TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.staging_imports TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.staging_imports TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.stream_subscriptions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.stream_subscriptions TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.suppression_keys TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.suppression_keys TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.suppressions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.suppressions TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.tenant_policies TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.tenant_policies TO headwater_system;

GRANT SELECT ON TABLE app.tenant_quotas TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.tenant_quotas TO headwater_system;

GRANT SELECT ON TABLE app.tenants TO headwater_app;
GRANT SELECT,INSERT,UPDATE ON TABLE app.tenants TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.trigger_executions TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.trigger_executions TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.triggers TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.triggers TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.users TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.users TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.vendor_calls TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.vendor_calls TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.vendor_items TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.vendor_items TO headwater_system;

GRANT SELECT ON TABLE app.vendor_operations TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.vendor_operations TO headwater_system;

GRANT SELECT,INSERT,UPDATE ON TABLE app.waterfall_orders TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.waterfall_orders TO headwater_system;

GRANT SELECT,INSERT ON TABLE app.waterfall_steps TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.waterfall_steps TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.webhook_endpoints TO headwater_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.webhook_endpoints TO headwater_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app.workers TO headwater_system;
GRANT SELECT ON TABLE app.workers TO headwater_app;
