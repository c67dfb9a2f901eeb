-- steps --
-- Where the steps of $2 seconds begin that cover the last $1 minutes, the running one included.
SELECT s.at FROM generate_series(date_bin(make_interval(secs => $2::int), app.now() - make_interval(mins => $1::int), 'epoch') + make_interval(secs => $2),
       date_bin(make_interval(secs => $2), app.now(), 'epoch'), make_interval(secs => $2)) AS s(at) ORDER BY 1

-- sent --
-- The newest $4 events that left the outbox, by when they left.
WITH looked AS MATERIALIZED (
    SELECT h.created_at, h.sent_at FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.created_at >= $2::timestamptz - interval '1 day'
     ORDER BY h.created_at DESC, h.id DESC LIMIT $4::bigint
), spent AS (
    SELECT date_bin(make_interval(secs => $3::int), l.sent_at, 'epoch') AS at, extract(epoch FROM l.sent_at - l.created_at)::float8 AS took_s FROM looked l
     WHERE l.sent_at >= $2
)
SELECT s.at, count(*)::int AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY s.took_s) AS p50_s, percentile_cont(0.95) WITHIN GROUP (ORDER BY s.took_s) AS p95_s,
       (SELECT CASE WHEN count(*) >= $4 THEN min(l.created_at) END FROM looked l) AS whole_from
  FROM spent s GROUP BY 1

-- written --
-- The same events and those that wait, by when they were written.
SELECT date_bin(make_interval(secs => $3::int), e.created_at, 'epoch') AS at, count(*)::int AS n FROM (
    (SELECT h.created_at FROM app.outbox_history h WHERE h.tenant_id = $1 AND h.created_at >= $2::timestamptz ORDER BY h.created_at DESC, h.id DESC LIMIT $4::bigint)
    UNION ALL
    (SELECT o.created_at FROM app.outbox_events o WHERE o.tenant_id = $1 ORDER BY o.event_id DESC LIMIT $4)) e
 WHERE e.created_at >= $2 GROUP BY 1

-- ended --
-- The newest $4 jobs, by when they ended. Ids are in the order of their time, so the newest are found without an index of times.
WITH looked AS MATERIALIZED (
    SELECT e.state, e.queued_at, e.started_at, e.finished_at FROM app.job_executions e WHERE e.tenant_id = $1 ORDER BY e.id DESC LIMIT $4::bigint
), over AS (
    SELECT date_bin(make_interval(secs => $3::int), l.finished_at, 'epoch') AS at, l.state, extract(epoch FROM l.finished_at - l.started_at)::float8 AS took_s
      FROM looked l WHERE l.finished_at >= $2::timestamptz
)
SELECT o.at, (count(*) FILTER (WHERE o.state = 'done'))::int AS done, (count(*) FILTER (WHERE o.state IN ('dead', 'quarantined')))::int AS failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY o.took_s) AS p50_s, percentile_cont(0.95) WITHIN GROUP (ORDER BY o.took_s) AS p95_s,
       (SELECT CASE WHEN count(*) >= $4 THEN min(l.queued_at) END FROM looked l) AS whole_from
  FROM over o GROUP BY 1
