-- publish --
-- Whom this installation can ask, as a worker says it that starts now.
INSERT INTO app.vendor_operations AS v (vendor, operation, unit, units, billable, unit_price_usd, pace, channel, pages, absent)
SELECT r.vendor, r.operation, r.unit, r.units, r.billable, r.unit_price_usd, r.pace, r.channel, r.pages, left(r.absent, 500)
  FROM jsonb_to_recordset($1::jsonb) AS r(vendor text, operation text, unit text, units float8, billable boolean, unit_price_usd float8, pace text,
                                          channel text, pages integer, absent text)
 ORDER BY r.vendor, r.operation
ON CONFLICT (vendor, operation) DO UPDATE SET unit = EXCLUDED.unit, units = EXCLUDED.units, billable = EXCLUDED.billable,
    unit_price_usd = EXCLUDED.unit_price_usd, pace = EXCLUDED.pace, channel = EXCLUDED.channel, pages = EXCLUDED.pages, absent = EXCLUDED.absent,
    said_at = app.now()

-- withdraw --
-- What it did not name is gone.
DELETE FROM app.vendor_operations v WHERE NOT (v.vendor || '.' || v.operation = ANY($1::text[]))

-- known --
-- Whom this installation can ask.
SELECT v.vendor, v.operation, v.unit, v.units, v.billable, v.unit_price_usd, v.pace, v.channel, v.pages, v.absent FROM app.vendor_operations v ORDER BY 1, 2

-- figures --
-- What came of asking, by operation.
SELECT c.vendor, c.operation, c.unit, count(*)::int AS calls, sum(c.found)::int AS found, sum(c.missed)::int AS missed, sum(c.units_spent)::float8 AS spent,
       sum(c.found + c.missed + c.suppressed + c.invalid)::int AS answered, (count(*) FILTER (WHERE c.state = 'forfeited'))::int AS forfeited,
       (count(*) FILTER (WHERE c.error_class IN ('vendor_busy', 'pending')))::int AS throttled,
       (count(*) FILTER (WHERE c.error_class IS NOT NULL AND c.error_class NOT IN ('vendor_busy', 'pending')))::int AS errors,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY c.latency_ms) AS median_ms, percentile_cont(0.95) WITHIN GROUP (ORDER BY c.latency_ms) AS p95_ms
  FROM app.vendor_calls c WHERE c.tenant_id = ANY($1::uuid[]) AND c.sent_at >= app.now() - $2::float8 * interval '1 second' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- since --
-- From when figures count.
SELECT app.now() - $1::float8 * interval '1 second'
