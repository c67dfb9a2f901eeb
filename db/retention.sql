-- make_months --
-- This month's history partition and the next ones, where missing.
SELECT to_char(m, 'YYYY-MM') AS month, app.make_month(m::date) AS made
  FROM generate_series(date_trunc('month', app.now() AT TIME ZONE 'UTC'), date_trunc('month', app.now() AT TIME ZONE 'UTC') + $1::int * interval '1 month', interval '1 month') m

-- astray --
-- Rows that had to wait in the DEFAULT partition: maintenance came late.
SELECT count(*) FROM (SELECT FROM app.outbox_history_default LIMIT 100000) t

-- tenants --
-- Whose old runs to clean.
SELECT id FROM app.tenants ORDER BY id
