-- emit_plain --
-- The cheap half: a plain insert in the caller's transaction. No trigger, no NOTIFY, no job.
INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, correlation_id, available_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, app.now(), app.now())

-- emit --
-- The same with all there is to choose.
INSERT INTO app.outbox_events (tenant_id, event_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                               sink, priority, ordering_key, available_at, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, coalesce($13, t.now), t.now FROM (SELECT app.now() AS now) t

-- emit_many --
-- The same for many events of one tenant, due now, in the order given.
INSERT INTO app.outbox_events (tenant_id, aggregate_type, aggregate_id, type, version, payload, headers, correlation_id,
                               priority, available_at, created_at)
SELECT $1, e.aggregate_type, e.aggregate_id, e.type, e.version, e.payload, $7, $8, 0, t.now, t.now
  FROM (SELECT app.now() AS now) t,
       unnest($2::text[], $3::uuid[], $4::text[], $5::smallint[], $6::jsonb[]) WITH ORDINALITY
           AS e(aggregate_type, aggregate_id, type, version, payload, position)
 ORDER BY e.position

-- lock_ordering_key --
-- Events of one key get their ids in commit order only if their writers take turns.
SELECT pg_advisory_xact_lock(hashtextextended($1::text || ':' || $2::text, 0))

-- carried --
-- What came along with an event: by the index of its id, in the months that are kept.
SELECT h.headers FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.event_id = $2 LIMIT 1

-- claim --
-- Due events, round-robin over tenants by their weights, as many as each tenant has room for in the queue. Locked, not yet moved. The room is $2,
-- or what it is granted; beside a tenant of more weight it is less, in proportion: so the queue holds each one's share, and workers take it as it stands.
-- $3 claims may be under way at once, and none sees what the others are about to put there: each takes its share of the room.
-- $4 and $5: where each tenant's events begin, as `heads` has said; NULL = find out.
-- Jobs of queues that are paused or limited take no room up to four times as many: they would hold up the tenant's other queues.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), heads AS MATERIALIZED (
    SELECT f.tenant_id, f.available_at FROM app.outbox_heads f WHERE $4::uuid[] IS NULL
    UNION ALL
    SELECT k.tenant_id, k.available_at FROM unnest($4::uuid[], $5::timestamptz[]) AS k(tenant_id, available_at)
), slow AS MATERIALIZED (
    SELECT ARRAY(SELECT l.name FROM app.limits l WHERE l.scope = 'queue') AS queues
), due AS MATERIALIZED (
    SELECT t.tenant_id, q.queued_buffer, coalesce(q.weight, 1)::float8 AS weight, max(coalesce(q.weight, 1)) OVER () AS heaviest
      FROM heads t CROSS JOIN clock c LEFT JOIN app.tenant_quotas q ON q.tenant_id = t.tenant_id
     WHERE t.available_at <= c.now
       AND NOT EXISTS (SELECT FROM app.pauses p WHERE p.tenant_id = t.tenant_id)
), room AS MATERIALIZED (
    SELECT d.tenant_id, d.weight, CASE WHEN $2::int IS NULL THEN $1 WHEN s.standing < m.most THEN greatest(1, (m.most - s.standing) / $3::int) ELSE 0 END AS free
      FROM due d CROSS JOIN slow w
      CROSS JOIN LATERAL (SELECT greatest(1, coalesce(d.queued_buffer, $2) * d.weight / d.heaviest)::int AS most) m
      CROSS JOIN LATERAL (SELECT greatest(count(*) FILTER (WHERE j.counts), count(*) - 4 * m.most) AS standing FROM (
               SELECT j.queue_name <> ALL(w.queues) AS counts FROM queue.procrastinate_jobs j WHERE j.status = 'todo' AND j.tenant_id = d.tenant_id
                LIMIT CASE WHEN w.queues = '{}' THEN m.most ELSE 5 * m.most END) j) s
), share AS (
    SELECT r.tenant_id, least(r.free, ceil($1::numeric * r.weight::numeric / sum(r.weight::numeric) OVER ()))::bigint AS n FROM room r WHERE r.free > 0
)
SELECT e.* FROM share s CROSS JOIN LATERAL (
    SELECT o.ctid AS place, o.event_id, o.type, o.version, o.payload, o.tenant_id
      FROM app.outbox_events o
     WHERE o.tenant_id = s.tenant_id AND o.sink = 'queue'
       AND o.available_at <= (SELECT c.now FROM clock c)
       AND o.available_at >= (SELECT h.available_at FROM heads h WHERE h.tenant_id = s.tenant_id)
     ORDER BY o.available_at, o.id
     LIMIT s.n FOR UPDATE SKIP LOCKED) e

-- heads --
-- Where each tenant's waiting events begin, or now, if that is earlier: what is emitted from here on lies behind it.
SELECT t.tenant_id, least(t.available_at, app.now()) AS available_at FROM app.outbox_heads t

-- written_at --
-- When claimed events were written: asked only for those whose jobs are unique in a period.
SELECT o.ctid AS place, o.created_at FROM app.outbox_events o WHERE o.ctid = ANY($1::tid[])

-- held_back --
-- After a claim that came back short: is somebody's backlog waiting for room, and when is the next event due? Two index probes a tenant;
-- a paused tenant's events wait for an operator, not for us. And is there one that waits for its turn?
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
)
SELECT coalesce(bool_or(t.available_at <= c.now), false) AS backlog,
       extract(epoch FROM min(f.available_at) - min(c.now))::float8 AS next_due_s,
       (SELECT w.id FROM app.outbox_events w WHERE w.sink = 'ordered' ORDER BY w.tenant_id, w.ordering_key LIMIT 1) IS NOT NULL AS ordered
  FROM clock c LEFT JOIN app.outbox_heads t ON NOT EXISTS (SELECT FROM app.pauses p WHERE p.tenant_id = t.tenant_id)
  LEFT JOIN LATERAL (
    SELECT o.available_at FROM app.outbox_events o
     WHERE o.tenant_id = t.tenant_id AND o.sink = 'queue' AND o.available_at > c.now
     ORDER BY o.available_at LIMIT 1) f ON true

-- handoff --
-- Events leave for history; executions and queue rows appear; all or nothing. Returns how many of each.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), gone AS (
    DELETE FROM app.outbox_events o USING unnest($1::tid[], $2::smallint[]) WITH ORDINALITY AS r(place, routes, nth)
     WHERE o.ctid = r.place RETURNING o.*, r.routes, r.nth
), kept AS (
    INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                    correlation_id, sink, priority, attempts, last_error, error_class, routes, created_at, sent_at)
    SELECT g.tenant_id, g.id, g.event_id, g.aggregate_type, g.aggregate_id, g.type, g.version, g.payload, g.headers,
           g.correlation_id, g.sink, g.priority, g.attempts, g.last_error, g.error_class, g.routes, g.created_at, c.now
      FROM gone g, clock c
), made AS (
    INSERT INTO app.job_executions (tenant_id, job, queue, scope, key, coalesce_key, priority, payload, event_id, correlation_id, run_id, queued_at)
    SELECT g.tenant_id, s.job, s.queue, s.scope, w.key, CASE WHEN s.scope IN ('coalesce', 'exclusive') THEN w.key END,
           least(32767, greatest(-32768, w.priority::int + g.priority))::smallint, w.payload,
           g.event_id, g.correlation_id, w.run_id, c.now
      FROM clock c,
           unnest($3::int[], $4::int[], $5::text[], $6::smallint[], $7::jsonb[], $8::uuid[]) AS w(nth, kind, key, priority, payload, run_id)
      JOIN gone g ON g.nth = w.nth
      JOIN unnest($9::text[], $10::text[], $11::text[]) WITH ORDINALITY AS s(job, queue, scope, kind) ON s.kind = w.kind
     WHERE s.scope <> 'exclusive' OR NOT EXISTS ( -- not by the index: it would wait for the write of the job that runs
           SELECT FROM app.job_executions x WHERE x.tenant_id = g.tenant_id AND x.job = s.job AND x.coalesce_key = w.key OFFSET 0) -- nor hash all jobs
     ORDER BY g.tenant_id, s.job, w.key
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, id, job, queue, priority
), queued AS (
    INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)
    SELECT m.queue, m.job, m.priority, m.tenant_id, m.id FROM made m
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM queued) AS queued

-- absorb --
-- Events whose job existed already: name the execution that absorbed them. Returns how many neither made a job nor
-- found the one they met: a worker started it in between, and a started job absorbs nothing any more.
-- An index probe a scope and event: an OR over all keys reads all jobs of the tenant instead.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS w(tenant_id, job, key, event_id)
), named AS (
    INSERT INTO app.absorbed_events (tenant_id, event_id, job, execution_id, at)
    SELECT w.tenant_id, w.event_id, w.job, e.id, app.now()
      FROM wanted w CROSS JOIN LATERAL (
        SELECT o.id, o.event_id FROM app.job_executions o
         WHERE o.tenant_id = w.tenant_id AND o.job = w.job AND o.key = w.key AND o.scope = 'once'
        UNION ALL
        SELECT p.id, p.event_id FROM app.job_executions p
         WHERE p.tenant_id = w.tenant_id AND p.job = w.job AND p.key = w.key AND p.scope = 'period'
        UNION ALL
        SELECT c.id, c.event_id FROM app.job_executions c
         WHERE c.tenant_id = w.tenant_id AND c.job = w.job AND c.coalesce_key = w.key) e
     WHERE e.event_id <> w.event_id
     ORDER BY w.tenant_id, w.event_id, w.job
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, event_id, job
)
SELECT count(*) FROM wanted w
 WHERE NOT EXISTS (SELECT FROM named n WHERE n.tenant_id = w.tenant_id AND n.event_id = w.event_id AND n.job = w.job)
   AND NOT EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = w.tenant_id AND e.event_id = w.event_id AND e.job = w.job)
   AND NOT EXISTS (SELECT FROM app.absorbed_events a WHERE a.tenant_id = w.tenant_id AND a.event_id = w.event_id AND a.job = w.job)

-- redeliver --
-- waiting -> queued, with a new queue row. A coalesced one that has a younger twin in the queue steps aside.
-- Keys are taken in the order of a handoff (law 7): an upsert follows its SELECT, where an UPDATE follows its plan. The rows are there, locked.
-- What is wanted is sorted first, and each row looked up: asked for rows in order, a session that may not sort reads all executions there are.
WITH named AS MATERIALIZED (
    SELECT w.tenant_id, w.id FROM unnest($1::uuid[], $2::uuid[]) AS w(tenant_id, id) ORDER BY w.tenant_id, w.id
), wanted AS MATERIALIZED (
    SELECT r.* FROM named w CROSS JOIN LATERAL (
        SELECT e.tenant_id, e.id, e.job, e.queue, e.scope, e.key, e.payload, e.event_id FROM app.job_executions e
         WHERE e.tenant_id = w.tenant_id AND e.id = w.id AND e.state = 'waiting' FOR UPDATE) r
), twins AS (
    SELECT w.tenant_id, w.id FROM wanted w JOIN app.job_executions t
        ON t.tenant_id = w.tenant_id AND t.job = w.job AND t.coalesce_key = w.key AND t.id <> w.id
     WHERE w.scope IN ('coalesce', 'exclusive')
), aside AS (
    UPDATE app.job_executions e SET state = 'superseded', finished_at = app.now() FROM twins t
     WHERE e.tenant_id = t.tenant_id AND e.id = t.id
), again AS (
    INSERT INTO app.job_executions AS e (tenant_id, id, job, queue, scope, key, payload, event_id, queued_at, coalesce_key)
    SELECT w.tenant_id, w.id, w.job, w.queue, w.scope, w.key, w.payload, w.event_id, app.now(), CASE WHEN w.scope IN ('coalesce', 'exclusive') THEN w.key END
      FROM wanted w WHERE NOT EXISTS (SELECT FROM twins t WHERE t.tenant_id = w.tenant_id AND t.id = w.id)
     ORDER BY w.tenant_id, w.job, w.key
    ON CONFLICT (tenant_id, id) DO UPDATE SET state = 'queued', coalesce_key = EXCLUDED.coalesce_key, queued_at = EXCLUDED.queued_at
    RETURNING e.tenant_id, e.id, e.job, e.queue, e.priority, e.crashes
)
INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, tenant_id, execution_id)
SELECT CASE WHEN a.crashes >= 2 THEN 'alone' ELSE a.queue END, a.job, a.priority, a.tenant_id, a.id FROM again a

-- park --
-- A handoff that failed is tried again later, with full jitter; the fifth failure is the last.
UPDATE app.outbox_events o
   SET state = 'failed', attempts = o.attempts + 1, last_error = left($2, 4000), error_class = left($3, 100),
       available_at = app.now() + random() * least($5::float8, $4::float8 * 2 ^ o.attempts) * interval '1 second'
 WHERE o.ctid = $1::tid
RETURNING o.attempts, o.ctid AS place

-- bury --
-- An event that cannot be handed off or delivered becomes a dead letter.
WITH gone AS (
    DELETE FROM app.outbox_events o WHERE o.ctid = $1::tid RETURNING o.*
)
INSERT INTO app.dead_letters (tenant_id, kind, event_id, name, event, attempts, error_class, error, correlation_id, created_at)
SELECT g.tenant_id, 'event', g.event_id, g.type, to_jsonb(g), greatest(g.attempts, 1), left($3, 100), left($2, 4000), g.correlation_id, app.now() FROM gone g
RETURNING id

-- lease --
-- External sinks: claim for a while. Events with an ordering key go one at a time, in order; an earlier one blocks.
WITH due AS MATERIALIZED (
    SELECT o.tenant_id, o.event_id FROM app.outbox_events o
     WHERE o.sink = $1 AND o.sink <> 'queue' AND o.state IN ('pending', 'failed') AND o.available_at <= app.now()
       AND (o.ordering_key IS NULL OR NOT EXISTS (
            SELECT FROM app.outbox_events b WHERE b.sink = $1 AND b.sink <> 'queue' AND b.tenant_id = o.tenant_id AND b.ordering_key = o.ordering_key AND b.id < o.id))
     ORDER BY o.tenant_id, o.available_at, o.id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE app.outbox_events o SET state = 'processing', lease_token = $3, lease_expires_at = app.now() + $4::float8 * interval '1 second'
  FROM due WHERE o.tenant_id = due.tenant_id AND o.event_id = due.event_id
RETURNING o.tenant_id, o.id, o.event_id, o.type, o.version, o.payload, o.headers, o.ordering_key, o.attempts

-- settle --
-- Delivered: to history, if the lease is still ours.
WITH gone AS (
    DELETE FROM app.outbox_events o WHERE o.tenant_id = $1 AND o.event_id = $2 AND o.lease_token = $3 RETURNING o.*
)
INSERT INTO app.outbox_history (tenant_id, id, event_id, aggregate_type, aggregate_id, type, version, payload, headers,
                                correlation_id, sink, priority, attempts, last_error, error_class, routes, created_at, sent_at)
SELECT g.tenant_id, g.id, g.event_id, g.aggregate_type, g.aggregate_id, g.type, g.version, g.payload, g.headers,
       g.correlation_id, g.sink, g.priority, g.attempts, g.last_error, g.error_class, 0, g.created_at, app.now() FROM gone g
RETURNING event_id

-- refuse --
-- The sink refused it: back off, if the lease is still ours. An unreachable sink spends no attempt ($6 = 0).
UPDATE app.outbox_events o
   SET state = 'failed', lease_token = NULL, lease_expires_at = NULL, attempts = o.attempts + $6::smallint,
       last_error = left($4, 4000), error_class = left($5, 100),
       ordering_key = CASE WHEN o.headers ->> 'on_failure' = 'skip' THEN NULL ELSE o.ordering_key END, -- the rest goes on, this one as it can
       available_at = app.now() + random() * least($8::float8, $7::float8 * 2 ^ o.attempts) * interval '1 second'
 WHERE o.tenant_id = $1 AND o.event_id = $2 AND o.lease_token = $3
RETURNING o.attempts, o.ctid AS place

-- reclaim --
-- Stale `processing`: whoever held the lease is gone or slow. Its late answer finds the token changed.
UPDATE app.outbox_events o SET state = 'failed', lease_token = NULL, lease_expires_at = NULL, available_at = app.now(),
       last_error = 'the lease expired before the delivery was confirmed', error_class = 'lease_expired'
 WHERE o.state = 'processing' AND o.lease_expires_at < app.now()
RETURNING o.event_id
