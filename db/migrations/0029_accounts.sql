-- Customers, what they buy and try, what is in stock, and the rules that watch over it (S4.04).

-- What can be sold. The rates are the job accounts.burn_rates'; `burn_rate` is units a day over 90 days. Nobody has counted: on_hand NULL.
CREATE TABLE app.skus (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    code varchar(100) NOT NULL CHECK (code <> ''),
    name varchar(300),
    active boolean NOT NULL DEFAULT true,
    on_hand float8 CHECK (on_hand >= 0 AND on_hand < 'Infinity'),
    lead_days float8 NOT NULL DEFAULT 7 CHECK (lead_days >= 0 AND lead_days <= 3660),
    review_days float8 NOT NULL DEFAULT 7 CHECK (review_days >= 0 AND review_days <= 3660),
    first_moved_at timestamptz,
    burn_rate float8,
    burn_rate_30 float8,
    burn_rate_60 float8,
    demand_sigma float8,
    days_left float8,
    reorder_point float8,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
);
CREATE INDEX skus_burn_rate ON app.skus (tenant_id, burn_rate);
CALL app.wall('app.skus', 'SELECT, INSERT, UPDATE, DELETE');

-- Of a company as it was when the order came in: a merge of companies can be undone, so it moves no orders.
-- `value` is the sum of the lines, `is_first_order` the job accounts.update_types' word.
CREATE TABLE app.orders (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source varchar(50) NOT NULL,
    ext_id varchar(200) NOT NULL,
    company_id uuid NOT NULL,
    ordered_at timestamptz NOT NULL,
    delivered_at timestamptz,
    is_first_order boolean NOT NULL DEFAULT false,
    value float8 NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source, ext_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id)
);
CREATE INDEX orders_company ON app.orders (tenant_id, company_id, ordered_at);
CREATE INDEX orders_delivered ON app.orders (tenant_id, delivered_at);
CREATE INDEX orders_first ON app.orders (tenant_id, is_first_order);
CALL app.wall('app.orders', 'SELECT, INSERT, UPDATE, DELETE');

-- `line` is the source's name of it; a source without one gets the code of what was bought.
CREATE TABLE app.order_lines (
    tenant_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line varchar(100) NOT NULL,
    sku_id uuid NOT NULL,
    quantity float8 NOT NULL CHECK (quantity > 0 AND quantity < 'Infinity'),
    unit_price float8 NOT NULL DEFAULT 0 CHECK (unit_price >= 0 AND unit_price < 'Infinity'),
    PRIMARY KEY (tenant_id, order_id, line),
    FOREIGN KEY (tenant_id, order_id) REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus (tenant_id, id)
);
CREATE INDEX order_lines_sku ON app.order_lines (tenant_id, sku_id);
CALL app.wall('app.order_lines', 'SELECT, INSERT, UPDATE, DELETE');

-- What a company is as a customer. A row of its own: a company's own row is wide, and every change of it is indexed by its name.
-- A company without a row has never ordered: PROSPECT.
CREATE TABLE app.accounts (
    tenant_id uuid NOT NULL,
    company_id uuid NOT NULL,
    account_type text NOT NULL DEFAULT 'PROSPECT' CHECK (account_type IN ('PROSPECT', 'NEW', 'ACTIVE', 'KEY', 'AT_RISK', 'DORMANT')),
    previous_type text CHECK (previous_type IN ('PROSPECT', 'NEW', 'ACTIVE', 'KEY', 'AT_RISK', 'DORMANT')),
    type_changed_at timestamptz,
    orders integer NOT NULL DEFAULT 0,
    first_order_at timestamptz,
    last_order_at timestamptz,
    value_12m float8 NOT NULL DEFAULT 0,
    median_gap_days float8,
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, company_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX accounts_type ON app.accounts (tenant_id, account_type);
CREATE INDEX accounts_last_order ON app.accounts (tenant_id, last_order_at);
CREATE INDEX accounts_value ON app.accounts (tenant_id, value_12m);
CALL app.wall('app.accounts', 'SELECT, INSERT, UPDATE, DELETE');

-- What was given away to try. Conversion is the job accounts.sample_metrics' word.
CREATE TABLE app.samples (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    source varchar(50) NOT NULL,
    ext_id varchar(200) NOT NULL,
    company_id uuid NOT NULL,
    sku_id uuid NOT NULL,
    rep varchar(200) NOT NULL DEFAULT '',
    given_at timestamptz NOT NULL,
    converted_order_id uuid,
    converted_at timestamptz,
    revenue float8 NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source, ext_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES app.companies (tenant_id, id),
    FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus (tenant_id, id),
    FOREIGN KEY (tenant_id, converted_order_id) REFERENCES app.orders (tenant_id, id) ON DELETE SET NULL (converted_order_id),
    CHECK (converted_order_id IS NULL OR converted_at IS NOT NULL)
);
CREATE INDEX samples_sku ON app.samples (tenant_id, sku_id, given_at);
CREATE INDEX samples_company ON app.samples (tenant_id, company_id);
CREATE INDEX samples_given ON app.samples (tenant_id, given_at);
CREATE INDEX samples_order ON app.samples (tenant_id, converted_order_id) WHERE converted_order_id IS NOT NULL;
CALL app.wall('app.samples', 'SELECT, INSERT, UPDATE, DELETE');

-- Of the mature samples of a month: how many converted, with the bounds of the 95 % interval. `period` is the month's first day, UTC.
CREATE TABLE app.sample_metrics (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    sku_id uuid NOT NULL,
    rep varchar(200) NOT NULL,
    period date NOT NULL,
    samples integer NOT NULL,
    converted integer NOT NULL,
    conversion_rate float8 NOT NULL,
    rate_low float8 NOT NULL,
    rate_high float8 NOT NULL,
    revenue float8 NOT NULL,
    revenue_per_sample float8 NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, sku_id, rep, period),
    FOREIGN KEY (tenant_id, sku_id) REFERENCES app.skus (tenant_id, id) ON DELETE CASCADE
);
CALL app.wall('app.sample_metrics', 'SELECT, INSERT, UPDATE, DELETE');

-- What a tenant wants watched, and what shall follow.
CREATE TABLE app.triggers (
    tenant_id uuid NOT NULL REFERENCES app.tenants,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    name varchar(80) NOT NULL CHECK (name <> ''),
    rule text NOT NULL CHECK (rule IN ('account_type_changed', 'no_order_for', 'stock_below', 'sample_not_converted')),
    params jsonb NOT NULL DEFAULT '{}',
    cooldown_days integer NOT NULL DEFAULT 30 CHECK (cooldown_days BETWEEN 1 AND 3660),
    action text NOT NULL DEFAULT 'alert' CHECK (action IN ('alert', 'webhook')),
    severity text NOT NULL DEFAULT 'warning' CHECK (severity IN ('critical', 'error', 'warning', 'info')),
    enabled boolean NOT NULL DEFAULT true,
    created_by varchar(200) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT app.now(),
    updated_at timestamptz NOT NULL DEFAULT app.now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL app.wall('app.triggers', 'SELECT, INSERT, UPDATE, DELETE');

-- That a trigger fired: once for a subject and a window, whoever looks and however often.
CREATE TABLE app.trigger_executions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT app.uuidv7(),
    trigger_id uuid NOT NULL,
    subject_kind text NOT NULL CHECK (subject_kind IN ('account', 'sku', 'sample')),
    subject_id uuid NOT NULL,
    window_start timestamptz NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT app.now(),
    action text NOT NULL CHECK (action IN ('alert', 'webhook')),
    evidence jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, trigger_id, subject_id, window_start),
    FOREIGN KEY (tenant_id, trigger_id) REFERENCES app.triggers (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX trigger_executions_fired ON app.trigger_executions (tenant_id, trigger_id, subject_id, fired_at);
CALL app.wall('app.trigger_executions', 'SELECT, INSERT, UPDATE, DELETE');

-- What is running out, under the documents' name: the alerts that accounts.burn_rates opens and closes.
CREATE VIEW app.inventory_alerts WITH (security_invoker = true) AS
SELECT a.tenant_id, a.id, s.id AS sku_id, s.code AS sku_code, s.name AS sku_name, a.severity, a.state, a.first_seen, a.last_seen, a.resolved_at,
       s.on_hand, s.burn_rate, s.days_left, s.reorder_point
  FROM app.alerts a JOIN app.skus s ON s.tenant_id = a.tenant_id AND s.code = substr(a.scope, 5)
 WHERE a.rule = 'inventory.low_stock';
GRANT SELECT ON app.inventory_alerts TO headwater_app, headwater_system;

ALTER TABLE app.imports DROP CONSTRAINT imports_kind_check;
ALTER TABLE app.imports ADD CONSTRAINT imports_kind_check
    CHECK (kind IN ('companies', 'leads', 'suppressions', 'skus', 'orders', 'samples'));
