-- list --
-- Newest first. Looks at $5 rows a tenant at most, those before ($2, $3) and since $4; `edge` is how far it got, the next page starts there.
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT c.tenant_id, c.id, c.vendor, c.operation, c.billable, c.state, c.unit, c.units_reserved, c.units_spent, c.found, c.missed, c.latency_ms,
               c.error_class, c.error, c.run_id, c.execution_id, c.sent_at, c.settled_at,
               CASE WHEN c.error_class IN ('vendor_busy', 'pending') THEN 'throttled' WHEN c.error_class IS NOT NULL THEN 'error' END AS trouble,
               row_number() OVER (ORDER BY c.sent_at DESC, c.id DESC) AS nth
          FROM app.vendor_calls /* path */ c
         WHERE c.tenant_id = t.tenant_id AND (c.sent_at, c.id) < ($2::timestamptz, $3::uuid) AND c.sent_at >= $4::timestamptz
         ORDER BY c.sent_at DESC, c.id DESC LIMIT $5::bigint) s
), edge AS (
    SELECT l.sent_at, l.id FROM looked l WHERE l.nth = $5 ORDER BY l.sent_at DESC, l.id DESC LIMIT 1
)
SELECT e.sent_at AS edge_at, e.id AS edge_id, r.* FROM (VALUES (1)) AS once(n) LEFT JOIN edge e ON true LEFT JOIN LATERAL (
    SELECT l.* FROM looked l
     WHERE (e.id IS NULL OR (l.sent_at, l.id) >= (e.sent_at, e.id)) AND ($7::text IS NULL OR l.vendor = $7) AND ($8::text IS NULL OR l.operation = $8)
       AND ($9::text[] IS NULL OR l.state = ANY($9)) AND ($10::uuid IS NULL OR l.run_id = $10)
       AND CASE $11::text WHEN 'found' THEN l.found > 0 WHEN 'missed' THEN l.missed > 0 ELSE $11 IS NULL OR l.trouble = $11 END
     ORDER BY l.sent_at DESC, l.id DESC LIMIT $6) r ON true
 ORDER BY r.sent_at DESC, r.id DESC
