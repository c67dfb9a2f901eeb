-- tenants --
-- Everybody, for who may look across tenants.
SELECT array_agg(t.id ORDER BY t.id) FROM app.tenants t

-- live --
-- Not handed off yet, newest first. Looks at $3 rows a tenant at most; `edge` is how far it got, the next page starts there.
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.id, o.event_id, o.state AS status, o.type, o.version, o.aggregate_type, o.aggregate_id, o.correlation_id,
               o.sink, o.attempts, o.error_class, o.last_error, o.available_at, o.created_at, row_number() OVER (ORDER BY o.event_id DESC) AS nth
          FROM app.outbox_events o
         WHERE o.tenant_id = t.tenant_id AND o.event_id < $2::uuid /* path */
         ORDER BY o.event_id DESC LIMIT $3::bigint) s
), edge AS (
    SELECT (SELECT l.event_id FROM looked l WHERE l.nth = $3 ORDER BY l.event_id DESC LIMIT 1) AS id
)
SELECT e.id AS edge_id, r.* FROM edge e LEFT JOIN LATERAL (
    SELECT l.* FROM looked l
     WHERE (e.id IS NULL OR l.event_id >= e.id) AND ($5::text[] IS NULL OR l.status = ANY($5)) AND ($6::text IS NULL OR l.type = $6)
       AND ($7::text IS NULL OR l.aggregate_type = $7) AND ($8::uuid IS NULL OR l.aggregate_id = $8)
       AND ($9::uuid IS NULL OR l.correlation_id = $9) AND ($10::text IS NULL OR l.error_class = $10) AND ($13::text IS NULL OR l.sink = $13)
       AND l.created_at >= $11::timestamptz
       AND l.created_at <= $12::timestamptz
     ORDER BY l.event_id DESC LIMIT $4) r ON true
 ORDER BY r.event_id DESC

-- dead --
-- Events that were given up and not answered yet, newest first; looks and pages as `live` does.
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.id AS letter_id, d.kind, d.event_id, d.name AS type, d.attempts, d.error_class, d.error AS last_error,
               d.correlation_id, d.event, row_number() OVER (ORDER BY d.id DESC) AS nth
          FROM app.dead_letters d
         WHERE d.tenant_id = t.tenant_id AND d.resolved_at IS NULL AND d.id < $2::uuid
         ORDER BY d.id DESC LIMIT $3::bigint) s
), edge AS (
    SELECT (SELECT l.letter_id FROM looked l WHERE l.nth = $3 ORDER BY l.letter_id DESC LIMIT 1) AS id
)
SELECT e.id AS edge_id, r.* FROM edge e LEFT JOIN LATERAL (
    SELECT l.tenant_id, (l.event->>'id')::bigint AS id, l.letter_id, l.event_id, 'dead_letter' AS status, l.type, (l.event->>'version')::int AS version,
           l.event->>'aggregate_type' AS aggregate_type, (l.event->>'aggregate_id')::uuid AS aggregate_id, l.correlation_id,
           l.event->>'sink' AS sink, l.attempts, l.error_class, l.last_error, (l.event->>'created_at')::timestamptz AS created_at
      FROM looked l
     WHERE l.kind = 'event' AND (e.id IS NULL OR l.letter_id >= e.id) AND ($5::text[] IS NULL OR 'dead_letter' = ANY($5)) AND ($6::text IS NULL OR l.type = $6)
       AND ($7::text IS NULL OR l.event->>'aggregate_type' = $7) AND ($8::uuid IS NULL OR (l.event->>'aggregate_id')::uuid = $8)
       AND ($9::uuid IS NULL OR l.correlation_id = $9) AND ($10::text IS NULL OR l.error_class = $10) AND ($13::text IS NULL OR l.event->>'sink' = $13)
       AND (l.event->>'created_at')::timestamptz >= $11::timestamptz
       AND (l.event->>'created_at')::timestamptz <= $12::timestamptz
     ORDER BY l.letter_id DESC LIMIT $4) r ON true
 ORDER BY r.letter_id DESC

-- sent --
-- Handed off or delivered, newest first; looks and pages as `live` does, by (created_at, id).
WITH looked AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT h.tenant_id, h.id, h.event_id, h.type, h.version, h.aggregate_type, h.aggregate_id, h.correlation_id, h.sink, h.attempts,
               h.error_class, h.last_error, h.created_at, h.sent_at, row_number() OVER (ORDER BY h.created_at DESC, h.id DESC) AS nth
          FROM app.outbox_history h
         WHERE h.tenant_id = t.tenant_id AND (h.created_at, h.id) < ($13::timestamptz, $2::bigint)
           AND h.created_at >= $11::timestamptz
           AND h.created_at <= $12::timestamptz /* path */
         ORDER BY h.created_at DESC, h.id DESC LIMIT $3::bigint) s
), edge AS (
    SELECT l.created_at, l.id FROM (SELECT 1) one LEFT JOIN (
        SELECT l.created_at, l.id FROM looked l WHERE l.nth = $3 ORDER BY l.created_at DESC, l.id DESC LIMIT 1) l ON true
)
SELECT e.created_at AS edge_at, e.id AS edge_id, r.* FROM edge e LEFT JOIN LATERAL (
    SELECT l.*, 'sent' AS status FROM looked l
     WHERE (e.id IS NULL OR (l.created_at, l.id) >= (e.created_at, e.id)) AND ($5::text[] IS NULL OR 'sent' = ANY($5)) AND ($6::text IS NULL OR l.type = $6)
       AND ($7::text IS NULL OR l.aggregate_type = $7) AND ($8::uuid IS NULL OR l.aggregate_id = $8)
       AND ($9::uuid IS NULL OR l.correlation_id = $9) AND ($10::text IS NULL OR l.error_class = $10) AND ($14::text IS NULL OR l.sink = $14)
     ORDER BY l.created_at DESC, l.id DESC LIMIT $4) r ON true
 ORDER BY r.created_at DESC, r.id DESC

-- event --
-- One event wherever it stands: waiting, an open dead letter, history, an answered dead letter.
SELECT found.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
    SELECT 1 AS place, o.tenant_id, o.id, o.event_id, o.state AS status, o.type, o.version, o.aggregate_type, o.aggregate_id, o.correlation_id,
           o.sink, o.attempts, o.error_class, o.last_error, o.available_at, o.created_at, NULL::timestamptz AS sent_at,
           o.payload, o.headers, o.priority, o.ordering_key, o.lease_expires_at, NULL::smallint AS routes, NULL::text AS resolution
      FROM app.outbox_events o WHERE o.tenant_id = t.tenant_id AND o.event_id = $2::uuid
    UNION ALL
    SELECT CASE WHEN d.resolved_at IS NULL THEN 2 ELSE 4 END, d.tenant_id, e.id, d.event_id, 'dead_letter', d.name, e.version, e.aggregate_type,
           e.aggregate_id, d.correlation_id, e.sink, d.attempts, d.error_class, d.error, NULL, e.created_at, NULL,
           e.payload, e.headers, e.priority, e.ordering_key, NULL, NULL, d.resolution
      FROM app.dead_letters d, jsonb_populate_record(NULL::app.outbox_events, d.event) e
     WHERE d.tenant_id = t.tenant_id AND d.event_id = $2 AND d.kind = 'event'
    UNION ALL
    SELECT 3, h.tenant_id, h.id, h.event_id, 'sent', h.type, h.version, h.aggregate_type, h.aggregate_id, h.correlation_id,
           h.sink, h.attempts, h.error_class, h.last_error, NULL, h.created_at, h.sent_at,
           h.payload, h.headers, h.priority, NULL, NULL, h.routes, NULL
      FROM app.outbox_history h WHERE h.tenant_id = t.tenant_id AND h.event_id = $2
) found ORDER BY found.place LIMIT 1

-- related --
-- What was sent in the same correlation, oldest first: the flow this event is a part of.
SELECT h.tenant_id, h.id, h.event_id, 'sent' AS status, h.type, h.version, h.aggregate_type, h.aggregate_id, h.correlation_id, h.sink,
       h.attempts, h.error_class, h.last_error, h.created_at, h.sent_at
  FROM app.outbox_history h
 WHERE h.tenant_id = $1 AND h.correlation_id = $2 AND h.event_id <> $3 ORDER BY h.created_at, h.id LIMIT $4
