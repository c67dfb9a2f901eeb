-- bands --
-- Leads by the band that decides; each count stops at $2.
SELECT b.band, (SELECT count(*) FROM (SELECT FROM app.score_predictions s
         WHERE s.tenant_id = $1 AND s.decides AND s.band = b.band LIMIT $2) counted)::int AS n
  FROM unnest(ARRAY['HIGH', 'MEDIUM', 'LOW']) AS b(band)

-- waiting --
-- What waits for a person; each count stops at $2.
SELECT (SELECT count(*) FROM (SELECT FROM app.messages m WHERE m.tenant_id = $1 AND m.state = 'draft' LIMIT $2) d)::int AS drafts,
       (SELECT count(*) FROM (SELECT FROM app.match_decisions c WHERE c.tenant_id = $1 AND c.decision = 'pending' LIMIT $2) p)::int AS matches

-- hours --
-- The last 24 hours, this one included, where each begins.
SELECT h.at FROM generate_series(date_trunc('hour', app.now()) - interval '23 hours', date_trunc('hour', app.now()), interval '1 hour') AS h(at) ORDER BY 1

-- calls_by_hour --
-- Calls in those hours.
SELECT c.vendor, date_trunc('hour', c.sent_at) AS at, count(*)::int AS calls FROM app.vendor_calls c
 WHERE c.tenant_id = $1 AND c.sent_at >= date_trunc('hour', app.now()) - interval '23 hours' GROUP BY 1, 2

-- days --
-- The last 30 days, today included, where each begins (UTC).
SELECT d.at AT TIME ZONE 'UTC' AS at FROM generate_series(date_trunc('day', app.now() AT TIME ZONE 'UTC') - interval '29 days',
       date_trunc('day', app.now() AT TIME ZONE 'UTC'), interval '1 day') AS d(at) ORDER BY 1

-- calls_by_day --
-- Calls in those days, as they were rolled up.
SELECT m.dims ->> 'vendor' AS vendor, m.day::timestamp AT TIME ZONE 'UTC' AS at, sum(m.value)::int AS calls FROM app.daily_metrics m
 WHERE m.tenant_id = $1 AND m.day >= (app.now() AT TIME ZONE 'UTC')::date - 29 AND m.metric = 'vendor_calls' GROUP BY 1, 2

-- levels --
-- The newest $3 runs of the last $2 days that ended by themselves.
WITH ended AS (
    SELECT r.id, r.kind, r.status, r.discovered_count, extract(epoch FROM r.finished_at - r.started_at)::float8 AS took_s FROM app.runs r
     WHERE r.tenant_id = $1 AND r.finished_at IS NOT NULL AND r.status <> 'cancelled' AND r.finished_at >= app.now() - $2::int * interval '1 day'
       AND NOT r.dry_run ORDER BY r.finished_at DESC LIMIT $3
), found AS (
    SELECT e.discovered_count AS n, row_number() OVER (ORDER BY e.id DESC) AS nth FROM ended e WHERE e.kind = 'discovery'
)
SELECT count(*)::int AS runs, (count(*) FILTER (WHERE e.status = 'completed'))::int AS completed, (count(*) FILTER (WHERE e.status = 'partial'))::int AS partial,
       (count(*) FILTER (WHERE e.status = 'failed'))::int AS failed, percentile_cont(0.5) WITHIN GROUP (ORDER BY e.took_s) AS median_s,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY e.took_s) AS p95_s, (SELECT f.n FROM found f WHERE f.nth = 1)::int AS records,
       (SELECT avg(f.n) FROM found f WHERE f.nth > 1)::float8 AS usual
  FROM ended e
