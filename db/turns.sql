-- advance --
-- The first waiting event of each key, up to $3 keys after ($1, $2), gets its turn when the one before it is over: handed off, and none of the
-- jobs it made or was absorbed by is under way. What is over for one that failed is its own choice: `block` waits for the answer to its dead
-- letter, `park` for its end, `skip` only for its first failure. The turn changes hands by compare and swap: of two who see it free, one wins.
WITH RECURSIVE heads AS (
    (SELECT o.tenant_id, o.ordering_key, o.id, 1 AS nth FROM app.outbox_events o
      WHERE o.sink = 'ordered' AND (o.tenant_id, o.ordering_key) > ($1::uuid, $2::text)
      ORDER BY o.tenant_id, o.ordering_key, o.id LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.ordering_key, n.id, h.nth + 1 FROM heads h CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.ordering_key, o.id FROM app.outbox_events o
         WHERE o.sink = 'ordered' AND (o.tenant_id, o.ordering_key) > (h.tenant_id, h.ordering_key)
         ORDER BY o.tenant_id, o.ordering_key, o.id LIMIT 1) n
     WHERE h.nth < $3::int
), free AS MATERIALIZED (
    SELECT o.tenant_id, o.ordering_key, o.event_id, coalesce(o.headers ->> 'on_failure', 'park') AS on_failure, t.event_id AS before
      FROM heads h JOIN app.outbox_events o ON o.tenant_id = h.tenant_id AND o.ordering_key = h.ordering_key AND o.id = h.id AND o.sink = 'ordered'
      LEFT JOIN app.ordering_turns t ON t.tenant_id = h.tenant_id AND t.ordering_key = h.ordering_key
     WHERE o.available_at <= app.now()
       AND NOT EXISTS (SELECT FROM app.outbox_events b
                        WHERE b.tenant_id = t.tenant_id AND b.event_id = t.event_id AND (t.on_failure <> 'skip' OR b.attempts = 0))
       AND NOT EXISTS (SELECT FROM (
               SELECT e.state, e.failures, e.crashes FROM app.job_executions e WHERE e.tenant_id = t.tenant_id AND e.event_id = t.event_id
               UNION ALL
               SELECT e.state, e.failures, e.crashes FROM app.absorbed_events a
                 JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
                WHERE a.tenant_id = t.tenant_id AND a.event_id = t.event_id) w
            WHERE w.state IN ('queued', 'running', 'waiting') AND (t.on_failure <> 'skip' OR w.failures + w.crashes = 0))
       AND NOT EXISTS (
               SELECT FROM app.dead_letters d
                WHERE t.on_failure = 'block' AND d.tenant_id = t.tenant_id AND d.event_id = t.event_id AND d.resolved_at IS NULL
               UNION ALL
               SELECT FROM app.absorbed_events a JOIN app.dead_letters d ON d.tenant_id = a.tenant_id AND d.execution_id = a.execution_id
                WHERE t.on_failure = 'block' AND a.tenant_id = t.tenant_id AND a.event_id = t.event_id AND d.kind = 'job' AND d.resolved_at IS NULL)
), taken AS (
    INSERT INTO app.ordering_turns AS t (tenant_id, ordering_key, event_id, on_failure, taken_at)
    SELECT f.tenant_id, f.ordering_key, f.event_id, f.on_failure, app.now() FROM free f ORDER BY f.tenant_id, f.ordering_key
    ON CONFLICT (tenant_id, ordering_key) DO UPDATE
       SET event_id = EXCLUDED.event_id, on_failure = EXCLUDED.on_failure, taken_at = EXCLUDED.taken_at
     WHERE t.event_id = (SELECT f.before FROM free f WHERE f.tenant_id = t.tenant_id AND f.ordering_key = t.ordering_key)
    RETURNING t.tenant_id, t.event_id
), going AS (
    UPDATE app.outbox_events o SET sink = 'queue' FROM taken k
     WHERE o.tenant_id = k.tenant_id AND o.event_id = k.event_id AND o.sink = 'ordered' RETURNING 1
)
SELECT (SELECT count(*) FROM going)::int AS going, h.tenant_id, h.ordering_key, h.nth
  FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT * FROM heads ORDER BY nth DESC LIMIT 1) h ON true

-- ahead --
-- For one that waits: who has the turn of its key, whether that one was given up and blocks, and how many of the key wait before it (to 1,000).
SELECT t.event_id AS holder, t.on_failure,
       EXISTS (SELECT FROM app.dead_letters d WHERE d.tenant_id = $1 AND d.event_id = t.event_id AND d.resolved_at IS NULL) AS given_up,
       (SELECT count(*)::int FROM (SELECT FROM app.outbox_events o
         WHERE o.tenant_id = $1 AND o.sink = 'ordered' AND o.ordering_key = $2 AND o.id < $3 LIMIT 1000) a) AS waiting,
       (SELECT o.event_id FROM app.outbox_events o
         WHERE o.tenant_id = $1 AND o.sink = 'ordered' AND o.ordering_key = $2 AND o.id < $3 ORDER BY o.id DESC LIMIT 1) AS before
  FROM (SELECT 1) one LEFT JOIN app.ordering_turns t ON t.tenant_id = $1 AND t.ordering_key = $2
