-- create --
-- A new endpoint, while there is room.
INSERT INTO app.webhook_endpoints (tenant_id, url, events, ordering, enabled, description, created_by)
SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM app.webhook_endpoints e WHERE e.tenant_id = $1) < $8
RETURNING *

-- show --
-- One endpoint.
SELECT * FROM app.webhook_endpoints e WHERE e.tenant_id = $1 AND e.id = $2

-- list --
-- Newest first, keyset by id.
SELECT * FROM app.webhook_endpoints e WHERE e.tenant_id = $1 AND e.id < $2 ORDER BY e.id DESC LIMIT $3

-- change --
-- What is named is replaced; enabling closes the circuit breaker.
UPDATE app.webhook_endpoints SET url = coalesce($3, url), events = coalesce($4, events), ordering = coalesce($5, ordering), enabled = coalesce($6, enabled),
       description = coalesce($7, description), failures = CASE WHEN $6 THEN 0 ELSE failures END, open_until = CASE WHEN $6 THEN NULL ELSE open_until END,
       disabled_reason = CASE WHEN $6 THEN NULL ELSE disabled_reason END, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 RETURNING *

-- rotate --
-- Another secret from now on.
UPDATE app.webhook_endpoints SET secret_version = secret_version + 1, updated_at = app.now() WHERE tenant_id = $1 AND id = $2 RETURNING *

-- remove --
-- Gone; what waits for it becomes dead letters.
DELETE FROM app.webhook_endpoints WHERE tenant_id = $1 AND id = $2 RETURNING url

-- subscribers --
-- Who wants to be told of these events, and in order?
SELECT e.id, e.tenant_id, e.ordering FROM app.webhook_endpoints e
 WHERE e.enabled AND EXISTS (SELECT FROM unnest($1::uuid[], $2::text[]) AS f(tenant_id, type) WHERE f.tenant_id = e.tenant_id AND f.type = ANY(e.events))
 ORDER BY e.id

-- fan_out --
-- A delivery for each event and endpoint, in the transaction that hands the event off. What it is about is its endpoint; it goes on in
-- the event's trace.
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id, sink, ordering_key, available_at, created_at)
SELECT o.tenant_id, 'webhook_endpoint', e.id, o.type, o.version, o.payload,
       jsonb_build_object('causation_id', o.event_id, 'fact_at', o.created_at)
         || jsonb_strip_nulls(jsonb_build_object('traceparent', o.headers -> 'traceparent', 'tracestate', o.headers -> 'tracestate')),
       o.correlation_id, $3, CASE WHEN e.ordering <> 'none' THEN 'webhook:' || e.id END, t.now, t.now
  FROM (SELECT app.now() AS now) t, unnest($1::tid[]) AS p(place) JOIN app.outbox_events o ON o.ctid = p.place
  JOIN app.webhook_endpoints e ON e.tenant_id = o.tenant_id AND e.id = ANY($2::uuid[]) AND e.enabled AND o.type = ANY(e.events)
 ORDER BY o.tenant_id, o.id, e.id

-- lease --
-- Claim for a while: of each endpoint that is enabled, whose breaker is closed and that is not busy ($3) a few. One in order gives its first or none.
WITH due AS MATERIALIZED (
    SELECT d.tenant_id, d.event_id FROM app.webhook_endpoints e CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT o.tenant_id, o.event_id, o.id FROM (
                SELECT f.* FROM app.outbox_events f
                 WHERE f.sink = 'webhook' AND f.tenant_id = e.tenant_id AND f.ordering_key = 'webhook:' || e.id ORDER BY f.id LIMIT 1 /* in order */) o
             WHERE o.aggregate_id = e.id AND o.state IN ('pending', 'failed') AND o.available_at <= app.now()
            UNION ALL
            (SELECT o.tenant_id, o.event_id, o.id FROM app.outbox_events o
              WHERE o.sink = 'webhook' AND o.tenant_id = e.tenant_id AND o.ordering_key IS NULL AND o.aggregate_id = e.id
                AND o.state IN ('pending', 'failed') AND o.available_at <= app.now()
              ORDER BY o.ordering_key, o.id LIMIT $5::int)) first
         ORDER BY first.id LIMIT CASE WHEN e.failures > 0 THEN 1 ELSE $5::int END) d
     WHERE e.enabled AND (e.open_until IS NULL OR e.open_until <= app.now()) AND NOT e.id = ANY($3::uuid[])
     LIMIT $1
), mine AS MATERIALIZED (
    SELECT o.tenant_id, o.event_id FROM app.outbox_events o JOIN due d ON d.tenant_id = o.tenant_id AND d.event_id = o.event_id
     WHERE o.state IN ('pending', 'failed') FOR UPDATE OF o SKIP LOCKED
)
UPDATE app.outbox_events o SET state = 'processing', lease_token = $2, lease_expires_at = app.now() + $4::float8 * interval '1 second'
  FROM mine m, app.webhook_endpoints e
 WHERE o.tenant_id = m.tenant_id AND o.event_id = m.event_id AND e.tenant_id = o.tenant_id AND e.id = o.aggregate_id
RETURNING o.tenant_id, o.id, o.event_id, o.type, o.version, o.payload, o.headers, o.ordering_key, o.attempts, o.created_at,
          o.created_at < app.now() - interval '3 days' AS is_old, e.id AS endpoint_id, e.url, e.ordering, e.secret_version, e.failures

-- failed --
-- An outage: the breaker opens for as long as there were failures before, with jitter.
UPDATE app.webhook_endpoints SET failures = failures + 1, last_error = left($3, 500), updated_at = app.now(),
       open_until = app.now() + (0.5 + random() / 2) * least($5::float8, $4::float8 * 2 ^ least(failures, 20)) * interval '1 second'
 WHERE tenant_id = $1 AND id = $2 AND (open_until IS NULL OR open_until <= app.now())

-- worked --
-- It takes deliveries again.
UPDATE app.webhook_endpoints SET failures = 0, open_until = NULL, updated_at = app.now() WHERE tenant_id = $1 AND id = $2 AND failures > 0

-- disable --
-- It said 410: no more deliveries until somebody enables it again. What waits stays.
UPDATE app.webhook_endpoints SET enabled = false, disabled_reason = left($3, 200), last_error = left($3, 500), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND enabled RETURNING url

-- orphans --
-- Deliveries whose endpoint is gone.
SELECT o.ctid AS place FROM app.outbox_events o
 WHERE o.sink = 'webhook' AND o.state IN ('pending', 'failed')
   AND NOT EXISTS (SELECT FROM app.webhook_endpoints e WHERE e.tenant_id = o.tenant_id AND e.id = o.aggregate_id)
 LIMIT 500 FOR UPDATE SKIP LOCKED
