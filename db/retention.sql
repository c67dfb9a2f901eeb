-- make_months --
-- This month's history partition and the next ones, where missing, and those of rows that had to wait in DEFAULT.
SELECT to_char(m, 'YYYY-MM') AS month, app.make_month(m::date) AS made
  FROM (SELECT generate_series(n.month, n.month + $1::int * interval '1 month', interval '1 month') AS m
          FROM (SELECT date_trunc('month', app.now() AT TIME ZONE 'UTC') AS month) n
        UNION SELECT date_trunc('month', d.created_at AT TIME ZONE 'UTC') FROM app.outbox_history_default d) months
 ORDER BY m

-- astray --
-- Rows that had to wait in the DEFAULT partition: maintenance came late.
SELECT count(*) FROM (SELECT FROM app.outbox_history_default LIMIT 100000) t

-- tenants --
-- Whose old runs to clean.
SELECT id FROM app.tenants ORDER BY id
