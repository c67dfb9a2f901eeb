-- put_skus --
-- SKUs by code: new ones, and what a file says about those that stand. In key order.
INSERT INTO app.skus AS s (tenant_id, code, name, on_hand, lead_days, review_days, active)
SELECT $1, f.code, f.name, f.on_hand, coalesce(f.lead_days, 7), coalesce(f.review_days, 7), coalesce(f.active, true)
  FROM unnest($2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::boolean[]) AS f(code, name, on_hand, lead_days, review_days, active)
 ORDER BY f.code
ON CONFLICT (tenant_id, code) DO UPDATE
   SET name = coalesce(excluded.name, s.name), on_hand = coalesce(excluded.on_hand, s.on_hand),
       lead_days = coalesce((SELECT f.lead_days FROM unnest($2::text[], $5::float8[]) AS f(code, lead_days) WHERE f.code = s.code), s.lead_days),
       review_days = coalesce((SELECT f.review_days FROM unnest($2::text[], $6::float8[]) AS f(code, review_days) WHERE f.code = s.code), s.review_days),
       active = coalesce((SELECT f.active FROM unnest($2::text[], $7::boolean[]) AS f(code, active) WHERE f.code = s.code), s.active), updated_at = app.now()
RETURNING code, xmax = 0 AS new

-- know_skus --
-- The ids of codes; a code that nobody has met becomes a SKU that nobody has counted.
WITH made AS (
    INSERT INTO app.skus (tenant_id, code) SELECT $1, c.code FROM unnest($2::text[]) AS c(code) ORDER BY c.code
    ON CONFLICT (tenant_id, code) DO NOTHING RETURNING id, code
)
SELECT id, code FROM made UNION ALL SELECT s.id, s.code FROM app.skus s WHERE s.tenant_id = $1 AND s.code = ANY($2::text[])

-- put_orders --
-- Orders by their source's id; in key order.
INSERT INTO app.orders AS o (tenant_id, source, ext_id, company_id, ordered_at, delivered_at)
SELECT $1, $2, f.ext_id, f.company_id, f.ordered_at, f.delivered_at
  FROM unnest($3::text[], $4::uuid[], $5::timestamptz[], $6::timestamptz[]) AS f(ext_id, company_id, ordered_at, delivered_at) ORDER BY f.ext_id
ON CONFLICT (tenant_id, source, ext_id) DO UPDATE
   SET company_id = excluded.company_id, ordered_at = excluded.ordered_at, delivered_at = coalesce(excluded.delivered_at, o.delivered_at),
       updated_at = app.now()
RETURNING id, ext_id

-- put_lines --
-- Lines of orders; xmax = 0: a new one.
INSERT INTO app.order_lines AS l (tenant_id, order_id, line, sku_id, quantity, unit_price)
SELECT $1, f.order_id, f.line, f.sku_id, f.quantity, f.unit_price
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::float8[], $6::float8[]) AS f(order_id, line, sku_id, quantity, unit_price) ORDER BY f.order_id, f.line
ON CONFLICT (tenant_id, order_id, line) DO UPDATE SET sku_id = excluded.sku_id, quantity = excluded.quantity, unit_price = excluded.unit_price
RETURNING order_id, line, xmax = 0 AS new

-- add_up --
-- What orders are worth: the sum of their lines.
UPDATE app.orders o SET value = t.value, updated_at = app.now()
  FROM (SELECT l.order_id, sum(l.quantity * l.unit_price) AS value FROM app.order_lines l WHERE l.tenant_id = $1 AND l.order_id = ANY($2::uuid[]) GROUP BY 1) t
 WHERE o.tenant_id = $1 AND o.id = t.order_id AND o.value <> t.value

-- put_samples --
-- Samples by their source's id; in key order.
INSERT INTO app.samples AS s (tenant_id, source, ext_id, company_id, sku_id, rep, given_at)
SELECT $1, $2, f.ext_id, f.company_id, f.sku_id, f.rep, f.given_at
  FROM unnest($3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[]) AS f(ext_id, company_id, sku_id, rep, given_at) ORDER BY f.ext_id
ON CONFLICT (tenant_id, source, ext_id) DO UPDATE
   SET company_id = excluded.company_id, sku_id = excluded.sku_id, rep = excluded.rep, given_at = excluded.given_at, updated_at = app.now()
RETURNING ext_id, xmax = 0 AS new

-- seeded --
-- Was it done before?
SELECT EXISTS (SELECT FROM app.skus WHERE tenant_id = $1 AND code = 'SEED-1')

-- seed_companies --
-- Invented customers, for measuring.
INSERT INTO app.companies (tenant_id, name, name_core, sources, compared_at)
SELECT $1, 'Customer ' || n, 'customer ' || n, '{seed}', app.now() FROM generate_series(1, $2::int) n

-- seed_skus --
-- Invented stock.
INSERT INTO app.skus (tenant_id, code, on_hand) SELECT $1, 'SEED-' || n, (n * 37) % 1000 FROM generate_series(1, $2::int) n

-- seed_orders --
-- Orders $2 to $3 of five lines each, over two years; every customer has its own rhythm.
WITH c AS MATERIALIZED (
    SELECT array_agg(id ORDER BY id) AS ids, count(*) AS many FROM app.companies WHERE tenant_id = $1
), s AS MATERIALIZED (
    SELECT array_agg(id ORDER BY id) AS ids, count(*) AS many FROM app.skus WHERE tenant_id = $1
), made AS (
    INSERT INTO app.orders (tenant_id, source, ext_id, company_id, ordered_at, delivered_at, value)
    SELECT $1, 'seed', n::text, c.ids[1 + (n::bigint * 7919) % c.many], t.at, t.at + interval '2 days', 100 + n % 900
      FROM c, generate_series($2::int, $3::int) n
     CROSS JOIN LATERAL (SELECT app.now() - ((n::bigint * 104729) % 63072000) * interval '1 second' AS at) t
    RETURNING id, ext_id
)
INSERT INTO app.order_lines (tenant_id, order_id, line, sku_id, quantity, unit_price)
SELECT $1, o.id, line::text, s.ids[1 + (o.ext_id::bigint * 31 + line * 1009) % s.many], 1 + (o.ext_id::int + line) % 12, 10 + o.ext_id::int % 90
  FROM s, made o CROSS JOIN generate_series(1, 5) AS line

-- seed_samples --
-- A sample for every tenth order, ten days before it.
INSERT INTO app.samples (tenant_id, source, ext_id, company_id, sku_id, rep, given_at)
SELECT $1, 'seed', o.ext_id, o.company_id, l.sku_id, 'rep ' || o.ext_id::int % 20, o.ordered_at - interval '10 days'
  FROM app.orders o JOIN app.order_lines l ON l.tenant_id = o.tenant_id AND l.order_id = o.id AND l.line = '1'
 WHERE o.tenant_id = $1 AND o.source = 'seed' AND o.ext_id::int % 10 = 0

-- empty --
-- Has the tenant no order yet?
SELECT NOT EXISTS (SELECT FROM app.orders o WHERE o.tenant_id = $1) AND NOT EXISTS (SELECT FROM app.companies c WHERE c.tenant_id = $1)
