-- subjects --
-- Everything that is sold.
SELECT s.id FROM app.skus s WHERE s.tenant_id = $1 ORDER BY 1

-- burn --
-- Burn rates of these SKUs as of $3; z = $4. Ages are whole days, so that the same day has the same rates.
WITH moved AS (
    SELECT l.sku_id, o.delivered_at, l.quantity FROM app.order_lines l JOIN app.orders o ON o.tenant_id = $1 AND o.id = l.order_id
     WHERE l.tenant_id = $1 AND l.sku_id = ANY($2::uuid[]) AND o.delivered_at <= $3::timestamptz
), totals AS (
    SELECT m.sku_id, min(m.delivered_at) AS first_at, greatest(1, ceil(extract(epoch FROM $3::timestamptz - min(m.delivered_at)) / 86400))::float8 AS age,
           coalesce(sum(m.quantity) FILTER (WHERE m.delivered_at > $3::timestamptz - interval '30 days'), 0) AS u30,
           coalesce(sum(m.quantity) FILTER (WHERE m.delivered_at > $3::timestamptz - interval '60 days'), 0) AS u60,
           coalesce(sum(m.quantity) FILTER (WHERE m.delivered_at > $3::timestamptz - interval '90 days'), 0) AS u90
      FROM moved m GROUP BY 1
), daily AS (
    SELECT m.sku_id, ceil(extract(epoch FROM $3::timestamptz - m.delivered_at) / 86400) AS day, sum(m.quantity) AS units
      FROM moved m WHERE m.delivered_at > $3::timestamptz - interval '90 days' GROUP BY 1, 2
), spread AS (
    SELECT d.sku_id, sum(d.units ^ 2) AS squares FROM daily d GROUP BY 1
), rated AS (
    SELECT s.id, t.first_at, round((t.u90 / least(90, t.age))::numeric, 6)::float8 AS rate, round((t.u60 / least(60, t.age))::numeric, 6)::float8 AS rate_60,
           round((t.u30 / least(30, t.age))::numeric, 6)::float8 AS rate_30,
           round(sqrt(greatest(0, coalesce(p.squares, 0) / least(90, t.age) - (t.u90 / least(90, t.age)) ^ 2))::numeric, 6)::float8 AS sigma,
           s.on_hand, s.lead_days
      FROM app.skus s LEFT JOIN totals t ON t.sku_id = s.id LEFT JOIN spread p ON p.sku_id = s.id WHERE s.tenant_id = $1 AND s.id = ANY($2::uuid[])
), figured AS (
    SELECT r.*, CASE WHEN r.rate > 0 THEN round((r.on_hand / r.rate)::numeric, 6)::float8 END AS days_left,
           round((r.rate * r.lead_days + $4::float8 * r.sigma * sqrt(r.lead_days))::numeric, 6)::float8 AS reorder_point
      FROM rated r
), changed AS (
    UPDATE app.skus s SET first_moved_at = f.first_at, burn_rate = f.rate, burn_rate_30 = f.rate_30, burn_rate_60 = f.rate_60, demand_sigma = f.sigma,
           days_left = f.days_left, reorder_point = f.reorder_point, updated_at = app.now()
      FROM figured f WHERE s.tenant_id = $1 AND s.id = f.id
       AND (s.first_moved_at, s.burn_rate, s.burn_rate_30, s.burn_rate_60, s.demand_sigma, s.days_left, s.reorder_point)
           IS DISTINCT FROM (f.first_at, f.rate, f.rate_30, f.rate_60, f.sigma, f.days_left, f.reorder_point)
    RETURNING s.id
)
SELECT count(*)::int FROM changed

-- low --
-- What runs out before it can be had again: fewer days left than delivery and the next look take.
SELECT 'sku:' || s.code AS scope, CASE WHEN s.days_left < s.lead_days THEN 'error' ELSE 'warning' END AS severity, s.code, s.days_left, s.on_hand,
       s.burn_rate, s.reorder_point, s.lead_days, s.review_days
  FROM app.skus s WHERE s.tenant_id = $1 AND s.active AND s.days_left < s.lead_days + s.review_days ORDER BY s.code

-- standing --
-- What has been said about stock and is not over.
SELECT a.scope, a.severity FROM app.alerts a WHERE a.tenant_id = $1 AND a.rule = $2 AND a.state <> 'resolved' ORDER BY 1

-- list --
-- SKUs, newest first, keyset by id.
SELECT s.id, s.code, s.name, s.active, s.on_hand, s.lead_days, s.review_days, s.first_moved_at, s.burn_rate, s.burn_rate_30, s.burn_rate_60,
       s.demand_sigma, s.days_left, s.reorder_point, s.updated_at
  FROM app.skus s
 WHERE s.tenant_id = $1 AND s.id < $2 AND ($3::text IS NULL OR s.code = $3)
   AND (NOT $4::boolean OR (s.active AND s.days_left < s.lead_days + s.review_days)) ORDER BY s.id DESC LIMIT $5

-- show --
-- One SKU.
SELECT s.id, s.code, s.name, s.active, s.on_hand, s.lead_days, s.review_days, s.first_moved_at, s.burn_rate, s.burn_rate_30, s.burn_rate_60,
       s.demand_sigma, s.days_left, s.reorder_point, s.updated_at FROM app.skus s WHERE s.tenant_id = $1 AND s.id = $2
