-- depth --
-- What stands in the outbox by state and type, counted up to $2 rows a tenant; the oldest that is due, the next that will be.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), counted AS MATERIALIZED (
    SELECT s.tenant_id, s.state, s.type, count(*) AS n, count(*) FILTER (WHERE s.created_at >= c.now - interval '1 minute') AS n60,
           count(*) FILTER (WHERE s.created_at >= c.now - interval '5 minutes') AS n300, count(*) FILTER (WHERE s.created_at >= c.now - interval '1 hour') AS n3600
      FROM clock c, unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.state, o.type, o.created_at FROM app.outbox_events o WHERE o.tenant_id = t.tenant_id LIMIT $2::bigint) s
     GROUP BY 1, 2, 3
), heads AS (
    SELECT s.available_at FROM unnest($1) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT o.available_at FROM app.outbox_events o
         WHERE o.tenant_id = t.tenant_id AND o.sink = 'queue' ORDER BY o.available_at LIMIT 1) s
), nexts AS (
    SELECT s.available_at FROM unnest($1) AS t(tenant_id) CROSS JOIN LATERAL (
        SELECT o.available_at FROM app.outbox_events o
         WHERE o.tenant_id = t.tenant_id AND o.sink = 'queue' AND o.available_at > (SELECT app.now())
         ORDER BY o.available_at LIMIT 1) s
)
SELECT c.now,
       (SELECT jsonb_agg(to_jsonb(d)) FROM (SELECT state, type, sum(n)::bigint AS count FROM counted GROUP BY 1, 2 ORDER BY 1, 2) d) AS depth,
       (SELECT coalesce(max(n), 0) FROM (SELECT sum(n) AS n FROM counted GROUP BY tenant_id) g) >= $2 AS truncated,
       (SELECT jsonb_build_object('60', coalesce(sum(n60), 0), '300', coalesce(sum(n300), 0), '3600', coalesce(sum(n3600), 0)) FROM counted) AS emitted,
       (SELECT extract(epoch FROM c.now - min(h.available_at))::float8 FROM heads h WHERE h.available_at <= c.now) AS oldest_due_age_s,
       (SELECT min(n.available_at) FROM nexts n) AS next_due_at
  FROM clock c

-- rates --
-- What left the outbox, by when it was written and when it was sent; the youngest $2 events a tenant. Whatever was sent within the hour was written
-- within two, or waited for longer than one: an index knows those.
SELECT count(*) FILTER (WHERE h.created_at >= c.now - interval '1 minute') AS emitted_60,
       count(*) FILTER (WHERE h.created_at >= c.now - interval '5 minutes') AS emitted_300,
       count(*) FILTER (WHERE h.created_at >= c.now - interval '1 hour') AS emitted_3600,
       count(*) FILTER (WHERE h.sent_at >= c.now - interval '1 minute') AS sent_60,
       count(*) FILTER (WHERE h.sent_at >= c.now - interval '5 minutes') AS sent_300,
       count(*) FILTER (WHERE h.sent_at >= c.now - interval '1 hour') AS sent_3600,
       greatest(count(*) FILTER (WHERE NOT h.late), count(*) FILTER (WHERE h.late)) AS looked
  FROM (SELECT app.now() AS now) c, unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
    (SELECT o.created_at, o.sent_at, false AS late FROM app.outbox_history o
      WHERE o.tenant_id = t.tenant_id AND o.created_at >= (SELECT app.now()) - interval '2 hours'
      ORDER BY o.created_at DESC, o.id DESC LIMIT $2::bigint)
    UNION ALL
    (SELECT o.created_at, o.sent_at, true FROM app.outbox_history o
      WHERE o.tenant_id = t.tenant_id AND o.sent_at - o.created_at > interval '1 hour' AND o.sent_at >= (SELECT app.now()) - interval '1 hour'
        AND o.created_at < (SELECT app.now()) - interval '2 hours'
      ORDER BY o.sent_at DESC LIMIT $2)) h

-- dead_letters --
-- Unanswered dead letters by kind, counted up to $2 a tenant.
SELECT s.kind, count(*) AS count FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
    SELECT d.kind FROM app.dead_letters d WHERE d.tenant_id = t.tenant_id AND d.resolved_at IS NULL LIMIT $2::bigint) s
 GROUP BY s.kind

-- queue --
-- What stands in the queue for these tenants, counted up to $2 a tenant. The app role cannot see the queue: ask as system.
SELECT count(*) AS standing FROM unnest($1::uuid[]) AS t(tenant_id) CROSS JOIN LATERAL (
    SELECT FROM queue.procrastinate_jobs j WHERE j.tenant_id = t.tenant_id AND j.status = 'todo' LIMIT $2::bigint) s

-- running --
-- What workers hold, everybody's: as many rows as workers have slots.
SELECT count(*) FROM queue.procrastinate_jobs j WHERE j.status = 'doing' AND j.tenant_id = ANY($1::uuid[])
