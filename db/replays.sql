-- sent_again --
-- A new event with the old one's facts; its headers name the old one as origin and cause.
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                               sink, priority, available_at, created_at)
SELECT h.tenant_id, h.aggregate_type, h.aggregate_id, h.type, h.version, h.payload,
       h.headers || jsonb_build_object('replay_of', h.event_id, 'causation_id', h.event_id), h.correlation_id,
       h.sink, h.priority, t.now, t.now
  FROM app.outbox_history h, (SELECT app.now() AS now) t WHERE h.tenant_id = $1 AND h.event_id = $2 LIMIT 1
RETURNING event_id

-- letter_again --
-- A dead letter goes on as the event it was, with all its attempts before it.
WITH answered AS (
    UPDATE app.dead_letters d SET resolved_at = app.now(), resolution = 'replayed', resolved_by = $3::text
     WHERE d.tenant_id = $1 AND d.event_id = $2 AND d.kind = 'event' AND d.resolved_at IS NULL RETURNING d.tenant_id, d.event
)
INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                               sink, priority, ordering_key, available_at, created_at)
SELECT a.tenant_id, e.event_id, e.aggregate_type, e.aggregate_id, e.type, e.version, e.payload, e.headers, e.correlation_id,
       e.sink, e.priority, e.ordering_key, app.now(), e.created_at
  FROM answered a, jsonb_populate_record(NULL::app.outbox_events, a.event) e LIMIT 1
RETURNING event_id

-- many_sent --
-- Replay what a filter finds in history, oldest first, spread over time by $4 events a second; or only count ($5). Never a
-- redelivery (`jobs retry` is for that), never a replay: asking twice must not double.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), found AS MATERIALIZED (
    SELECT s.* FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT h.* FROM app.outbox_history h
         WHERE h.tenant_id = t.tenant_id AND h.created_at >= $11::timestamptz
           AND h.created_at <= $12::timestamptz /* path */
           AND ($6::text IS NULL OR h.type = $6) AND ($7::text IS NULL OR h.aggregate_type = $7) AND ($8::uuid IS NULL OR h.aggregate_id = $8)
           AND ($9::uuid IS NULL OR h.correlation_id = $9) AND ($10::text IS NULL OR h.error_class = $10)
           AND h.sink = coalesce($14, 'queue') -- a fact that is replayed makes its deliveries anew
           AND h.type <> 'Redelivery' AND NOT h.headers ? 'replay_of'
         ORDER BY h.created_at, h.id LIMIT $2::bigint + 1) s
     ORDER BY s.created_at, s.id LIMIT $2::bigint + 1
), picked AS MATERIALIZED (
    SELECT f.*, c.now, CASE WHEN $4::float8 IS NULL THEN c.now ELSE c.now + (row_number() OVER (ORDER BY f.created_at, f.id) - 1) / $4 * interval '1 second' END AS due_at
      FROM found f, clock c ORDER BY f.created_at, f.id LIMIT $2
), written AS (
    INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                                   sink, priority, available_at, created_at)
    SELECT p.tenant_id, p.aggregate_type, p.aggregate_id, p.type, p.version, p.payload,
           p.headers || jsonb_build_object('replay_of', p.event_id, 'causation_id', p.event_id), p.correlation_id,
           p.sink, p.priority, p.due_at, p.now
      FROM picked p WHERE NOT $5::bool ORDER BY p.created_at, p.id
    RETURNING tenant_id
), noted AS (
    INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id, detail)
    SELECT w.tenant_id, left($3::text, 200), 'outbox.replay', 'events', 'sent', jsonb_build_object('events', count(*), 'filter', $13::jsonb)
      FROM written w GROUP BY w.tenant_id
)
SELECT p.type, count(*) AS n, min(p.created_at) AS oldest, max(p.created_at) AS newest, max(p.due_at) AS last_due_at,
       (SELECT count(*) FROM written) AS replayed, NULL::uuid AS replay_id, (SELECT count(*) FROM found) AS found
  FROM picked p GROUP BY p.type ORDER BY p.type

-- many_letters --
-- The same for open dead letters of events; each is answered and goes on as the event it was.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now, app.uuidv7() AS replay_id
), found AS MATERIALIZED (
    SELECT d.tenant_id, d.id, d.name AS type, d.event, (d.event->>'created_at')::timestamptz AS created_at FROM app.dead_letters d
     WHERE d.tenant_id = ANY($1::uuid[]) AND d.resolved_at IS NULL AND d.kind = 'event' AND ($6::text IS NULL OR d.name = $6)
       AND ($7::text IS NULL OR d.event->>'aggregate_type' = $7) AND ($8::uuid IS NULL OR (d.event->>'aggregate_id')::uuid = $8)
       AND ($9::uuid IS NULL OR d.correlation_id = $9) AND ($10::text IS NULL OR d.error_class = $10)
       AND ($14::text IS NULL OR d.event->>'sink' = $14)
       AND (d.event->>'created_at')::timestamptz >= $11::timestamptz
       AND (d.event->>'created_at')::timestamptz <= $12::timestamptz
     ORDER BY d.tenant_id, d.id LIMIT $2::bigint + 1 FOR UPDATE SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT f.*, c.replay_id, CASE WHEN $4::float8 IS NULL THEN c.now ELSE c.now + (row_number() OVER (ORDER BY f.tenant_id, f.id) - 1) / $4 * interval '1 second' END AS due_at
      FROM found f, clock c ORDER BY f.tenant_id, f.id LIMIT $2
), answered AS (
    UPDATE app.dead_letters d SET resolved_at = app.now(), resolution = 'replayed', resolved_by = left($3::text, 200),
           replay_id = p.replay_id
      FROM picked p WHERE NOT $5::bool AND d.tenant_id = p.tenant_id AND d.id = p.id RETURNING d.tenant_id, d.id, p.event, p.due_at
), written AS (
    INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                                   sink, priority, ordering_key, available_at, created_at)
    SELECT a.tenant_id, e.event_id, e.aggregate_type, e.aggregate_id, e.type, e.version, e.payload, e.headers, e.correlation_id,
           e.sink, e.priority, e.ordering_key, a.due_at, e.created_at
      FROM answered a, jsonb_populate_record(NULL::app.outbox_events, a.event) e ORDER BY a.tenant_id, a.id
    RETURNING tenant_id
), noted AS (
    INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id, detail)
    SELECT w.tenant_id, left($3, 200), 'outbox.replay', 'events', 'dead_letter', jsonb_build_object('events', count(*), 'filter', $13::jsonb, 'replay_id', c.replay_id)
      FROM written w, clock c GROUP BY w.tenant_id, c.replay_id
)
SELECT p.type, count(*) AS n, min(p.created_at) AS oldest, max(p.created_at) AS newest, max(p.due_at) AS last_due_at,
       (SELECT count(*) FROM written) AS replayed, (SELECT c.replay_id FROM clock c) AS replay_id, (SELECT count(*) FROM found) AS found
  FROM picked p GROUP BY p.type ORDER BY p.type

-- batches --
-- The newest replays of many dead letters, and how many events of each still wait untried, counted up to $3.
SELECT (a.detail ->> 'replay_id')::uuid AS id, a.at, a.actor AS by, (a.detail ->> 'events')::int AS events, a.detail -> 'filter' AS filter,
       (SELECT count(*)::int FROM (
            SELECT FROM app.dead_letters d JOIN app.outbox_events o ON o.tenant_id = d.tenant_id AND o.event_id = d.event_id
             WHERE d.tenant_id = $1 AND d.replay_id = (a.detail ->> 'replay_id')::uuid AND d.resolution = 'replayed'
               AND o.state = 'pending' AND o.attempts = 0 LIMIT $3::bigint) w) AS waiting
  FROM (SELECT l.* FROM app.audit_log l
         WHERE l.tenant_id = $1 AND l.subject_type = 'events' AND l.subject_id = 'dead_letter' ORDER BY l.id DESC LIMIT $2::bigint * 4) a
 WHERE a.action = 'outbox.replay' AND a.detail ? 'replay_id' ORDER BY a.id DESC LIMIT $2

-- batch --
-- How many letters of each tenant a replay answered, those that were taken back left out; in the order in which they are locked.
SELECT d.tenant_id, count(*)::int AS n FROM app.dead_letters d
 WHERE d.tenant_id = ANY($1::uuid[]) AND d.replay_id = $2 GROUP BY d.tenant_id ORDER BY d.tenant_id

-- take_back --
-- Events of a replay that nobody has tried yet leave the outbox, and their letters are open again. One that died anew, and was replayed
-- anew, belongs to that replay. As the system: nobody else takes events out.
WITH gone AS (
    DELETE FROM app.outbox_events o USING app.dead_letters d
     WHERE d.tenant_id = $1 AND d.replay_id = $2 AND d.kind = 'event' AND d.resolution = 'replayed'
       AND o.tenant_id = d.tenant_id AND o.event_id = d.event_id AND o.state = 'pending' AND o.attempts = 0
       AND NOT EXISTS (SELECT FROM app.dead_letters n WHERE n.tenant_id = d.tenant_id AND n.event_id = d.event_id AND n.id > d.id)
    RETURNING d.tenant_id, d.id
), open AS (
    UPDATE app.dead_letters d SET resolved_at = NULL, resolution = NULL, resolved_by = NULL, replay_id = NULL
      FROM gone g WHERE d.tenant_id = g.tenant_id AND d.id = g.id RETURNING d.id
)
SELECT count(*)::int FROM open
