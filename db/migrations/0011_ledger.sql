-- The ledger, widened: batches with an outcome an item, budgets reserved with the call, alerts, and who can be asked at all.

-- `unknown`: sent, and the answer was lost, but the vendor lets us read it again or knows our key.
ALTER TABLE app.vendor_calls
    DROP CONSTRAINT vendor_calls_state_check,
    DROP CONSTRAINT vendor_calls_check,
    ADD CONSTRAINT vendor_calls_state_check CHECK (state IN ('sent', 'unknown', 'answered', 'released', 'forfeited')),
    ADD CONSTRAINT vendor_calls_check CHECK ((state IN ('sent', 'unknown')) = (settled_at IS NULL)),
    ADD COLUMN unit varchar(20) NOT NULL DEFAULT 'credit',
    ADD COLUMN credential varchar(50) NOT NULL DEFAULT 'house',
    ADD COLUMN holds jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN latency_ms double precision,
    ADD COLUMN found integer NOT NULL DEFAULT 0,
    ADD COLUMN missed integer NOT NULL DEFAULT 0,
    ADD COLUMN suppressed integer NOT NULL DEFAULT 0,
    ADD COLUMN invalid integer NOT NULL DEFAULT 0,
    ADD COLUMN error_class varchar(100);
DROP INDEX app.vendor_calls_unsettled;
CREATE INDEX vendor_calls_unsettled ON app.vendor_calls (sent_at) WHERE settled_at IS NULL;
CREATE INDEX vendor_calls_sent ON app.vendor_calls (sent_at, tenant_id);

-- The vendor's own record stands apart from the value: it is kept for a shorter time.
ALTER TABLE app.vendor_items
    DROP CONSTRAINT vendor_items_check,
    ADD COLUMN outcome text CHECK (outcome IN ('found', 'miss', 'suppressed', 'invalid')),
    ADD COLUMN units_spent double precision NOT NULL DEFAULT 0,
    ADD COLUMN vendor_ref varchar(500),
    ADD COLUMN note varchar(500),
    ADD COLUMN said_at timestamptz,
    ADD COLUMN estimated boolean NOT NULL DEFAULT false,
    ADD COLUMN raw jsonb,
    ADD COLUMN raw_expires_at timestamptz,
    ADD COLUMN resent_at timestamptz,
    ADD COLUMN resent_by varchar(200);
UPDATE app.vendor_items SET outcome = 'found' WHERE state = 'answered';
ALTER TABLE app.vendor_items
    ADD CONSTRAINT vendor_items_answer CHECK ((state = 'answered') = (outcome IS NOT NULL) AND (outcome IS DISTINCT FROM 'found' OR response IS NOT NULL));
CREATE INDEX vendor_items_raw ON app.vendor_items (raw_expires_at) WHERE raw_expires_at IS NOT NULL;

-- What may be spent. A row overrides the default of the settings. `credential`: of the house's key, whoever uses it; such rows belong to the
-- reserved tenant `system`.
CREATE TABLE app.budgets (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    scope text NOT NULL CHECK (scope IN ('tenant', 'credential')),
    vendor varchar(50) NOT NULL,
    unit varchar(20) NOT NULL,
    period text NOT NULL CHECK (period IN ('run', 'day', 'month')),
    limit_units double precision NOT NULL CHECK (limit_units >= 0),
    set_by varchar(200),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, scope, vendor, unit, period),
    CONSTRAINT credentials_are_the_houses CHECK (scope = 'tenant' OR tenant_id = '00000000-0000-7000-8000-000000000001')
);
CALL app.wall('app.budgets', 'SELECT, INSERT, UPDATE, DELETE');

-- What is reserved and spent in one period: a UTC day, a UTC month or a run. `spent` may pass the limit (settling never refuses),
-- a reservation may not.
CREATE TABLE app.budget_counters (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    scope text NOT NULL CHECK (scope IN ('tenant', 'credential')),
    vendor varchar(50) NOT NULL,
    unit varchar(20) NOT NULL,
    period text NOT NULL CHECK (period IN ('run', 'day', 'month')),
    bucket varchar(40) NOT NULL,
    limit_units double precision NOT NULL,
    reserved double precision NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent double precision NOT NULL DEFAULT 0 CHECK (spent >= 0),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, scope, vendor, unit, period, bucket)
) WITH (fillfactor = 50);
CALL app.wall('app.budget_counters', 'SELECT');

-- Reserve the worst case in every budget that a call falls under: the credential's first, then the tenant's, all or none. The limit is enforced
-- here and nowhere else. Acts as the owner, because the credential's counters are not the tenant's to see; touches only those and the caller's own.
-- `p_defaults`: [{"scope", "period", "limit"}] of the settings. Gives the holds to keep with the call.
CREATE FUNCTION app.hold_units(p_vendor text, p_unit text, p_units double precision, p_run uuid, p_defaults jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, app AS $$
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
REVOKE EXECUTE ON FUNCTION app.hold_units(text, text, double precision, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.hold_units(text, text, double precision, uuid, jsonb) TO headwater_app, headwater_system;

-- End one of the caller's own calls and move its holds from reserved to spent, once. An answer that comes after it was written off is an answer.
-- Never refuses; gives the budgets that are overrun now, the credential's only by name. No row: it was ended before.
CREATE FUNCTION app.settle_call(p_call uuid, p_state text, p_spent double precision, p_latency double precision, p_counts integer[],
                                p_error text, p_error_class text)
RETURNS TABLE (reserved double precision, overrun jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, app AS $$
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
REVOKE EXECUTE ON FUNCTION app.settle_call(uuid, text, double precision, double precision, integer[], text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.settle_call(uuid, text, double precision, double precision, integer[], text, text) TO headwater_app, headwater_system;

-- What wants a person's eye: one open row a rule and scope, counted instead of repeated.
CREATE TABLE app.alerts (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    rule varchar(100) NOT NULL,
    scope varchar(200) NOT NULL,
    severity text NOT NULL CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ack', 'resolved')),
    first_seen timestamptz NOT NULL DEFAULT app.now(),
    last_seen timestamptz NOT NULL DEFAULT app.now(),
    count integer NOT NULL DEFAULT 1,
    evidence jsonb NOT NULL DEFAULT '{}',
    resolved_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE UNIQUE INDEX alerts_open ON app.alerts (tenant_id, rule, scope) WHERE state <> 'resolved';
CALL app.wall('app.alerts', 'SELECT, INSERT, UPDATE');

-- Whom this installation can ask, as the last worker to start said it: the API shows it, and has no adapters itself. No tenant's data.
CREATE TABLE app.vendor_operations (
    vendor varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    unit varchar(20) NOT NULL,
    units double precision NOT NULL,
    billable boolean NOT NULL,
    unit_price_usd double precision,
    pace varchar(100),
    channel varchar(50),
    pages integer,
    absent varchar(500),
    said_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (vendor, operation)
);
GRANT SELECT ON app.vendor_operations TO headwater_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.vendor_operations TO headwater_system;
