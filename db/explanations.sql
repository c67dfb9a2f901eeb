-- circumstances --
-- What stands in the way of an event of a tenant, as far as a tenant may see it.
SELECT app.now() AS now,
       (SELECT p.paused_by FROM app.pauses p WHERE p.tenant_id = $1::uuid) AS paused_by,
       (SELECT p.reason FROM app.pauses p WHERE p.tenant_id = $1) AS pause_reason,
       (SELECT count(*) FROM (
            SELECT FROM app.outbox_events o
             WHERE o.tenant_id = $1 AND o.sink = 'queue'
               AND (o.available_at, o.id) < ($2::timestamptz, $3::bigint) AND o.available_at <= (SELECT app.now()) LIMIT $4) a) AS ahead,
       (SELECT o.event_id FROM app.outbox_events o
         WHERE o.tenant_id = $1 AND o.sink = $5::text AND o.sink <> 'queue' AND o.ordering_key = $6::text AND o.id < $3
         ORDER BY o.id LIMIT 1) AS blocked_by

-- standing --
-- How many jobs of a tenant stand in the queue, counted up to $2. The app role cannot see the queue: ask as system.
SELECT count(*) FROM (SELECT FROM queue.procrastinate_jobs j WHERE j.status = 'todo' AND j.tenant_id = $1::uuid LIMIT $2::int) s
