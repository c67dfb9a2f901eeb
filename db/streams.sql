-- set --
-- What of a tenant goes to the stream, from the next handoff on.
INSERT INTO app.stream_subscriptions (tenant_id, events, enabled, set_by) VALUES ($1, $2, true, $3)
ON CONFLICT (tenant_id) DO UPDATE SET events = excluded.events, enabled = true, set_by = excluded.set_by, updated_at = app.now()

-- off --
-- Nothing more, from the next handoff on. What waits still goes out.
UPDATE app.stream_subscriptions SET enabled = false, set_by = $2, updated_at = app.now() WHERE tenant_id = $1 AND enabled RETURNING tenant_id

-- list --
-- Subscriptions by tenant, with what waits for NATS.
SELECT t.slug AS tenant, s.events, s.enabled, s.set_by, s.updated_at,
       (SELECT count(*) FROM app.outbox_events o WHERE o.tenant_id = s.tenant_id AND o.sink = 'nats') AS waiting
  FROM app.stream_subscriptions s JOIN app.tenants t ON t.id = s.tenant_id WHERE s.tenant_id = ANY($1::uuid[]) ORDER BY t.slug

-- waiting --
-- Is anything meant for NATS: how many subscriptions are on, and for how long has the oldest message been due, in seconds?
SELECT (SELECT count(*) FROM app.stream_subscriptions s WHERE s.enabled) AS subscriptions,
       (SELECT extract(epoch FROM app.now() - min(f.created_at))::float8 FROM app.stream_subscriptions s CROSS JOIN LATERAL (
            SELECT o.created_at FROM app.outbox_events o WHERE o.tenant_id = s.tenant_id AND o.sink = 'nats' ORDER BY o.ordering_key, o.id LIMIT 1) f) AS oldest_s

-- wanted --
-- Who wants these facts in the stream?
SELECT s.tenant_id FROM app.stream_subscriptions s
 WHERE s.enabled AND EXISTS (SELECT FROM unnest($1::uuid[], $2::text[]) AS f(tenant_id, type) WHERE f.tenant_id = s.tenant_id AND f.type = ANY(s.events))

-- fan_out --
-- A message for each of them, in the transaction that hands the fact off.
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink, available_at, created_at)
SELECT o.tenant_id, o.aggregate_type, o.aggregate_id, o.type, o.version, o.payload,
       jsonb_build_object('causation_id', o.event_id, 'fact_at', o.created_at), o.correlation_id, 'nats', t.now, t.now
  FROM (SELECT app.now() AS now) t, unnest($1::tid[]) AS p(place) JOIN app.outbox_events o ON o.ctid = p.place
  JOIN app.stream_subscriptions s ON s.tenant_id = o.tenant_id AND s.enabled AND o.type = ANY(s.events)
 ORDER BY o.tenant_id, o.id

-- lease --
-- Claim for a while, the oldest first and tenants in turn, so that one's backlog holds up nobody else. By the key, which next to none has: the index is in that order.
WITH due AS MATERIALIZED (
    SELECT d.tenant_id, d.event_id FROM app.stream_subscriptions s CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.event_id, row_number() OVER (ORDER BY o.id) AS nth FROM (
            SELECT e.tenant_id, e.event_id, e.id FROM app.outbox_events e
             WHERE e.tenant_id = s.tenant_id AND e.sink = 'nats' AND e.state IN ('pending', 'failed') AND e.available_at <= app.now()
             ORDER BY e.ordering_key, e.id LIMIT $1::int) o) d
     ORDER BY d.nth, d.tenant_id LIMIT $1::int
), mine AS MATERIALIZED (
    SELECT o.tenant_id, o.event_id FROM app.outbox_events o JOIN due d ON d.tenant_id = o.tenant_id AND d.event_id = o.event_id
     WHERE o.state IN ('pending', 'failed') ORDER BY o.tenant_id, o.id FOR UPDATE OF o SKIP LOCKED
)
UPDATE app.outbox_events o SET state = 'processing', lease_token = $2, lease_expires_at = app.now() + $3::float8 * interval '1 second'
  FROM mine m JOIN app.tenants t ON t.id = m.tenant_id WHERE o.tenant_id = m.tenant_id AND o.event_id = m.event_id
RETURNING o.tenant_id, o.id, o.event_id, o.type, o.version, o.payload, o.headers, o.ordering_key, o.attempts, o.created_at, t.slug

-- settle --
-- Delivered: to history, those whose lease is still ours. Returns how many.
WITH gone AS (
    DELETE FROM app.outbox_events o USING unnest($1::uuid[], $2::uuid[]) AS d(tenant_id, event_id)
     WHERE o.tenant_id = d.tenant_id AND o.event_id = d.event_id AND o.lease_token = $3 RETURNING o.*
), kept AS (
    INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                    correlation_id, sink, priority, attempts, last_error, error_class, routes, created_at, sent_at)
    SELECT g.tenant_id, g.id, g.event_id, g.aggregate_type, g.aggregate_id, g.type, g.version, g.payload, g.headers,
           g.correlation_id, g.sink, g.priority, g.attempts, g.last_error, g.error_class, 0, g.created_at, app.now() FROM gone g
)
SELECT count(*) FROM gone

-- give_back --
-- Not delivered, and not their fault: due again in $5 seconds, if NATS is there. Those whose lease is still ours.
UPDATE app.outbox_events o SET state = 'failed', lease_token = NULL, lease_expires_at = NULL, last_error = left($4, 4000), error_class = 'outage',
       available_at = app.now() + $5::float8 * interval '1 second'
  FROM unnest($1::uuid[], $2::uuid[]) AS d(tenant_id, event_id) WHERE o.tenant_id = d.tenant_id AND o.event_id = d.event_id AND o.lease_token = $3
