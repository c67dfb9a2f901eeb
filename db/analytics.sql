-- today --
-- The day it is, where days begin at UTC.
SELECT (app.now() AT TIME ZONE 'UTC')::date

-- alone --
-- Whoever rolls a tenant up waits for whoever is at it: the later one has seen more, and must have the last word.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.rollup:' || $1::uuid::text, 0))

-- roll_up --
-- All figures of a tenant's days $2 to $3, worked out anew. What has not changed is not written; what is not so any more goes.
WITH span AS (
    SELECT $2::date::timestamp AT TIME ZONE 'UTC' AS since, ($3::date + 1)::timestamp AT TIME ZONE 'UTC' AS until
), firsts AS (
    SELECT 'discovered' AS stage, l.created_at AS at FROM app.leads l WHERE l.tenant_id = $1
    UNION ALL SELECT 'enriched', min(e.finished_at) FROM app.enrichments e WHERE e.tenant_id = $1 AND e.state = 'COMPLETED' GROUP BY e.lead_id
    UNION ALL SELECT 'snapshot', min(f.created_at) FROM app.feature_snapshots f WHERE f.tenant_id = $1 GROUP BY f.lead_id
    UNION ALL SELECT 'scored', min(s.decided_at) FROM app.score_predictions s WHERE s.tenant_id = $1 AND s.decided_at IS NOT NULL GROUP BY s.lead_id
    UNION ALL SELECT 'high', min(s.decided_at) FROM app.score_predictions s
               WHERE s.tenant_id = $1 AND s.decided_at IS NOT NULL AND s.band = 'HIGH' AND NOT s.rejected GROUP BY s.lead_id
    UNION ALL SELECT 'drafted', min(m.created_at) FROM app.messages m WHERE m.tenant_id = $1 GROUP BY m.lead_id
    UNION ALL SELECT 'approved', min(m.approved_at) FROM app.messages m WHERE m.tenant_id = $1 AND m.approved_at IS NOT NULL GROUP BY m.lead_id
    UNION ALL SELECT 'sent', min(m.sent_at) FROM app.messages m WHERE m.tenant_id = $1 AND m.sent_at IS NOT NULL GROUP BY m.lead_id
    UNION ALL SELECT 'delivered', min(m.sent_at) FROM app.messages m
               WHERE m.tenant_id = $1 AND m.state IN ('delivered', 'read') AND m.sent_at IS NOT NULL GROUP BY m.lead_id
    UNION ALL SELECT 'exported', min(p.at) FROM app.crm_pushes p
               WHERE p.tenant_id = $1 AND p.outcome IN ('done', 'unchanged', 'conflict') GROUP BY p.lead_id
    UNION ALL SELECT 'won', min(b.event_at) FROM app.labels b WHERE b.tenant_id = $1 AND b.kind = 'outcome' AND b.value >= 0.5 GROUP BY b.lead_id
), stages AS (
    SELECT (f.at AT TIME ZONE 'UTC')::date AS day, f.stage, count(*)::float8 AS leads
      FROM firsts f, span WHERE f.at >= span.since AND f.at < span.until GROUP BY 1, 2
), scored AS (
    SELECT DISTINCT ON (s.lead_id, (s.decided_at AT TIME ZONE 'UTC')::date) s.band, (s.decided_at AT TIME ZONE 'UTC')::date AS day
      FROM app.score_predictions s, span WHERE s.tenant_id = $1 AND s.decided_at >= span.since AND s.decided_at < span.until
     ORDER BY s.lead_id, (s.decided_at AT TIME ZONE 'UTC')::date, s.id DESC
), people AS (
    SELECT (p.created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n, count(p.email) AS mailed,
           count(*) FILTER (WHERE lower(split_part(p.email, '@', 2)) = lower(c.domain)) AS matched
      FROM app.contacts p JOIN app.companies c ON c.tenant_id = p.tenant_id AND c.id = p.company_id, span
     WHERE p.tenant_id = $1 AND p.created_at >= span.since AND p.created_at < span.until GROUP BY 1
), checked AS (
    SELECT (p.email_checked_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n, count(*) FILTER (WHERE p.email_status = 'valid') AS valid
      FROM app.contacts p, span WHERE p.tenant_id = $1 AND p.email_checked_at >= span.since AND p.email_checked_at < span.until GROUP BY 1
), records AS (
    SELECT (r.created_at AT TIME ZONE 'UTC')::date AS day, r.status::text AS status, coalesce(r.reason, 'unknown') AS reason, count(*) AS n
      FROM app.source_records r, span WHERE r.tenant_id = $1 AND r.created_at >= span.since AND r.created_at < span.until GROUP BY 1, 2, 3
), turned_down AS (
    SELECT (f.created_at AT TIME ZONE 'UTC')::date AS day, count(DISTINCT f.lead_id) AS n,
           CASE jsonb_typeof(why.value) WHEN 'string' THEN why.value #>> '{}'
                ELSE coalesce(why.value ->> 'reason', why.value ->> 'text', why.value ->> 'field_key', why.value ->> 'code', why.value ->> 'rule_id',
                              'unknown') END AS reason
      FROM span, app.feature_snapshots f
      LEFT JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(f.reasons) WHEN 'array' THEN f.reasons ELSE '[]' END) AS why ON true
     WHERE f.tenant_id = $1 AND f.verdict = 'REJECTED' AND f.created_at >= span.since AND f.created_at < span.until GROUP BY 1, 3
), written AS (
    SELECT (m.created_at AT TIME ZONE 'UTC')::date AS day, m.channel, m.state, count(*) AS n
      FROM app.messages m, span WHERE m.tenant_id = $1 AND m.created_at >= span.since AND m.created_at < span.until GROUP BY 1, 2, 3
), calls AS (
    SELECT (c.sent_at AT TIME ZONE 'UTC')::date AS day, jsonb_build_object('vendor', c.vendor, 'operation', c.operation) AS who, count(*) AS n,
           sum(c.units_spent) AS units, sum(c.units_spent * v.unit_price_usd) AS usd,
           count(*) FILTER (WHERE c.error_class IS NOT NULL AND c.error_class NOT IN ('vendor_busy', 'pending')) AS errors,
           sum(c.found)::float8 / nullif(sum(c.found + c.missed + c.suppressed + c.invalid), 0) AS hit_rate,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY c.latency_ms) AS median_ms, percentile_cont(0.95) WITHIN GROUP (ORDER BY c.latency_ms) AS p95_ms
      FROM span, app.vendor_calls c LEFT JOIN app.vendor_operations v ON v.vendor = c.vendor AND v.operation = c.operation
     WHERE c.tenant_id = $1 AND c.sent_at >= span.since AND c.sent_at < span.until GROUP BY 1, c.vendor, c.operation
), money AS (
    SELECT k.day, sum(k.usd) AS usd FROM calls k GROUP BY 1 HAVING sum(k.usd) IS NOT NULL
), figures AS (
    SELECT day, 'funnel' AS metric, jsonb_build_object('stage', stage) AS dims, leads AS value FROM stages
    UNION ALL SELECT day, 'qualified_leads', '{}', leads FROM stages WHERE stage = 'high'
    UNION ALL SELECT day, 'leads_by_band', jsonb_build_object('band', band), count(*) FROM scored GROUP BY 1, 3
    UNION ALL SELECT day, each.metric, '{}', each.value FROM people,
              LATERAL (VALUES ('contacts', n), ('contacts_with_email', mailed), ('domain_matches', matched)) AS each(metric, value)
    UNION ALL SELECT day, each.metric, '{}', each.value FROM checked, LATERAL (VALUES ('checked_emails', n), ('valid_emails', valid)) AS each(metric, value)
    UNION ALL SELECT day, 'records', jsonb_build_object('status', status), sum(n) FROM records GROUP BY 1, 3
    UNION ALL SELECT day, 'duplicates', '{}', sum(n) FROM records WHERE status = 'DUPLICATE' GROUP BY 1
    UNION ALL SELECT day, 'rejections', jsonb_build_object('stage', 'discovery', 'reason', left(reason, 200)), sum(n)
               FROM records WHERE status = 'REJECTED' GROUP BY 1, 3
    UNION ALL SELECT day, 'rejections', jsonb_build_object('stage', 'rules', 'reason', left(reason, 200)), sum(n) FROM turned_down GROUP BY 1, 3
    UNION ALL SELECT day, 'messages', jsonb_build_object('channel', channel, 'state', state), n FROM written
    UNION ALL SELECT day, each.metric, who, each.value FROM calls,
              LATERAL (VALUES ('vendor_calls', n::float8), ('vendor_units', units), ('vendor_spend_usd', usd), ('vendor_errors', errors),
                              ('vendor_hit_rate', hit_rate), ('vendor_median_ms', median_ms), ('vendor_p95_ms', p95_ms)) AS each(metric, value)
               WHERE each.value IS NOT NULL
    UNION ALL SELECT day, 'spend_usd', '{}', usd FROM money
    UNION ALL SELECT m.day, 'cost_per_qualified_lead', '{}', m.usd / s.leads FROM money m JOIN stages s ON s.day = m.day AND s.stage = 'high'
), given AS (
    -- Sums of fractions hang on their order in the last place: rounded, the same facts are the same figure.
    SELECT f.day, f.metric, f.dims, sha256(convert_to(f.dims::text, 'UTF8')) AS dims_hash, round(f.value::numeric, 6)::float8 AS value FROM figures f
), kept AS (
    INSERT INTO app.daily_metrics AS m (tenant_id, day, metric, dims, dims_hash, value)
    SELECT $1, g.day, g.metric, g.dims, g.dims_hash, g.value FROM given g ORDER BY g.day, g.metric, g.dims_hash
    ON CONFLICT (tenant_id, day, metric, dims_hash) DO UPDATE SET value = excluded.value, computed_at = app.now() WHERE m.value <> excluded.value
    RETURNING m.id
), gone AS (
    DELETE FROM app.daily_metrics m WHERE m.tenant_id = $1 AND m.day BETWEEN $2::date AND $3::date
       AND NOT EXISTS (SELECT FROM given g WHERE g.day = m.day AND g.metric = m.metric AND g.dims_hash = m.dims_hash)
    RETURNING m.id
)
SELECT (SELECT count(*) FROM given)::int AS figures, (SELECT count(*) FROM kept)::int AS changed, (SELECT count(*) FROM gone)::int AS dropped

-- note --
-- What a roll-up came to, on its run.
UPDATE app.runs SET counters = counters || $3::jsonb, updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- daily --
-- Figures by day, then by name; keyset.
SELECT m.id, m.day, m.metric, m.dims, m.value, m.computed_at FROM app.daily_metrics m
 WHERE m.tenant_id = $1 AND m.day BETWEEN $2::date AND $3::date AND ($4::text IS NULL OR m.metric = $4)
   AND ($5::date IS NULL OR (m.day, m.metric, m.dims_hash) > ($5::date, $6::text, decode($7::text, 'hex')))
 ORDER BY m.day, m.metric, m.dims_hash LIMIT $8

-- hash_of --
-- The last part of a figure's key.
SELECT encode(m.dims_hash, 'hex') FROM app.daily_metrics m WHERE m.tenant_id = $1 AND m.id = $2

-- funnel --
-- Sums over days: each lead is in each stage once, so days add up.
SELECT m.dims ->> 'stage' AS stage, sum(m.value)::int AS leads FROM app.daily_metrics m
 WHERE m.tenant_id = $1 AND m.day BETWEEN $2::date AND $3::date AND m.metric = 'funnel' GROUP BY 1

-- spend --
-- What the vendors cost over days.
SELECT round(coalesce(sum(m.value), 0)::numeric, 6)::float8 FROM app.daily_metrics m
 WHERE m.tenant_id = $1 AND m.day BETWEEN $2::date AND $3::date AND m.metric = 'spend_usd'
