-- subjects --
-- The SKUs that samples were given of, or that have figures.
SELECT s.sku_id AS id FROM app.samples s WHERE s.tenant_id = $1 UNION SELECT m.sku_id FROM app.sample_metrics m WHERE m.tenant_id = $1 ORDER BY 1

-- convert --
-- Which samples of these SKUs converted by $3, within $4 days, through which order and at what revenue.
WITH RECURSIVE given AS (
    SELECT s.id, s.sku_id, s.company_id, s.given_at FROM app.samples s WHERE s.tenant_id = $1 AND s.sku_id = ANY($2::uuid[]) AND s.given_at <= $3::timestamptz
), up(id, start, merged_into) AS (
    SELECT c.id, c.id, c.merged_into FROM app.companies c WHERE c.tenant_id = $1 AND c.id IN (SELECT g.company_id FROM given g)
    UNION SELECT c.id, up.start, c.merged_into FROM app.companies c JOIN up ON c.id = up.merged_into WHERE c.tenant_id = $1
), roots AS (
    SELECT up.start AS id, up.id AS root FROM up WHERE up.merged_into IS NULL
), family(id, root) AS (
    SELECT DISTINCT r.root, r.root FROM roots r
    UNION SELECT c.id, f.root FROM app.companies c JOIN family f ON c.merged_into = f.id WHERE c.tenant_id = $1
), firsts AS (
    SELECT DISTINCT ON (f.root, l.sku_id) f.root, l.sku_id, o.id AS order_id, o.delivered_at
      FROM app.order_lines l JOIN app.orders o ON o.tenant_id = $1 AND o.id = l.order_id JOIN family f ON f.id = o.company_id
     WHERE l.tenant_id = $1 AND l.sku_id = ANY($2::uuid[]) AND o.delivered_at <= $3::timestamptz
     ORDER BY f.root, l.sku_id, o.delivered_at, o.id
), matched AS (
    SELECT DISTINCT ON (f.root, f.sku_id) g.id, f.order_id, f.delivered_at, f.sku_id
      FROM firsts f JOIN roots r ON r.root = f.root JOIN given g ON g.company_id = r.id AND g.sku_id = f.sku_id
     WHERE g.given_at <= f.delivered_at AND f.delivered_at <= g.given_at + $4::int * interval '1 day'
     ORDER BY f.root, f.sku_id, g.given_at DESC, g.id DESC
), earned AS (
    SELECT m.id, m.order_id, m.delivered_at,
           (SELECT sum(l.quantity * l.unit_price) FROM app.order_lines l WHERE l.tenant_id = $1 AND l.order_id = m.order_id AND l.sku_id = m.sku_id) AS revenue
      FROM matched m
), changed AS (
    UPDATE app.samples s SET converted_order_id = e.order_id, converted_at = e.delivered_at, revenue = coalesce(e.revenue, 0), updated_at = app.now()
      FROM given g LEFT JOIN earned e ON e.id = g.id
     WHERE s.tenant_id = $1 AND s.id = g.id
       AND (s.converted_order_id, s.converted_at, s.revenue) IS DISTINCT FROM (e.order_id, e.delivered_at, coalesce(e.revenue, 0))
    RETURNING s.id
)
SELECT count(*)::int FROM changed

-- measure --
-- Figures of these SKUs over samples older than $4 days, by rep and month, with the Wilson interval for z = $5.
WITH counted AS (
    SELECT s.sku_id, s.rep, date_trunc('month', s.given_at AT TIME ZONE 'UTC')::date AS period, count(*)::float8 AS n,
           count(s.converted_order_id)::float8 AS k, sum(s.revenue) AS revenue
      FROM app.samples s
     WHERE s.tenant_id = $1 AND s.sku_id = ANY($2::uuid[]) AND s.given_at < $3::timestamptz - $4::int * interval '1 day' GROUP BY 1, 2, 3
), figured AS (
    SELECT c.sku_id, c.rep, c.period, c.n::int AS n, c.k::int AS k, round((c.k / c.n)::numeric, 6)::float8 AS rate,
           round(greatest(0, (c.k / c.n + $5::float8 ^ 2 / (2 * c.n) - w.half) / (1 + $5::float8 ^ 2 / c.n))::numeric, 6)::float8 AS low,
           round(least(1, (c.k / c.n + $5::float8 ^ 2 / (2 * c.n) + w.half) / (1 + $5::float8 ^ 2 / c.n))::numeric, 6)::float8 AS high,
           round(c.revenue::numeric, 6)::float8 AS revenue, round((c.revenue / c.n)::numeric, 6)::float8 AS each
      FROM counted c, LATERAL (SELECT $5::float8 * sqrt(c.k / c.n * (1 - c.k / c.n) / c.n + $5::float8 ^ 2 / (4 * c.n ^ 2)) AS half) w
), kept AS (
    INSERT INTO app.sample_metrics AS m (tenant_id, sku_id, rep, period, samples, converted, conversion_rate, rate_low, rate_high, revenue, revenue_per_sample)
    SELECT $1, f.sku_id, f.rep, f.period, f.n, f.k, f.rate, f.low, f.high, f.revenue, f.each FROM figured f ORDER BY f.sku_id, f.rep, f.period
    ON CONFLICT (tenant_id, sku_id, rep, period) DO UPDATE
       SET samples = excluded.samples, converted = excluded.converted, conversion_rate = excluded.conversion_rate, rate_low = excluded.rate_low,
           rate_high = excluded.rate_high, revenue = excluded.revenue, revenue_per_sample = excluded.revenue_per_sample, computed_at = app.now()
     WHERE (m.samples, m.converted, m.conversion_rate, m.rate_low, m.rate_high, m.revenue, m.revenue_per_sample) IS DISTINCT FROM
           (excluded.samples, excluded.converted, excluded.conversion_rate, excluded.rate_low, excluded.rate_high, excluded.revenue, excluded.revenue_per_sample)
    RETURNING m.id
), gone AS (
    DELETE FROM app.sample_metrics m WHERE m.tenant_id = $1 AND m.sku_id = ANY($2::uuid[])
       AND NOT EXISTS (SELECT FROM counted c WHERE c.sku_id = m.sku_id AND c.rep = m.rep AND c.period = m.period) RETURNING m.id
)
SELECT (SELECT count(*) FROM kept)::int + (SELECT count(*) FROM gone)::int

-- totals --
-- All figures together.
SELECT coalesce(sum(m.samples), 0)::int AS samples, coalesce(sum(m.converted), 0)::int AS converted, count(*)::int AS metrics
  FROM app.sample_metrics m WHERE m.tenant_id = $1

-- list --
-- Figures, the latest month first; keyset.
SELECT m.id, m.sku_id, s.code AS sku_code, m.rep, m.period, m.samples, m.converted, m.conversion_rate, m.rate_low, m.rate_high, m.revenue,
       m.revenue_per_sample, m.computed_at
  FROM app.sample_metrics m JOIN app.skus s ON s.tenant_id = m.tenant_id AND s.id = m.sku_id
 WHERE m.tenant_id = $1 AND ($2::uuid IS NULL OR m.sku_id = $2) AND ($3::text IS NULL OR m.rep = $3)
   AND ($4::date IS NULL OR (m.period, m.id) < ($4::date, $5::uuid))
 ORDER BY m.period DESC, m.id DESC LIMIT $6
