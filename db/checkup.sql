-- server --
-- Whom we talk to.
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       current_user AS login, pg_postmaster_start_time() AS started_at

-- roles --
-- The three roles, and whether the login user may act as them.
SELECT w.name, r.rolname IS NOT NULL AS known, coalesce(r.rolbypassrls OR r.rolsuper, false) AS above_the_law,
       CASE WHEN r.rolname IS NULL THEN false ELSE pg_has_role(r.oid, $2) END AS granted
  FROM unnest($1::text[]) AS w(name) LEFT JOIN pg_roles r ON r.rolname = w.name ORDER BY 1

-- listeners --
-- Connections that wait for the wake-up of dispatchers, those that wait for that of job workers, and how many of these are alive.
SELECT count(*) FILTER (WHERE a.application_name = 'headwater outbox listen') AS dispatching,
       count(*) FILTER (WHERE a.application_name = 'headwater listen') AS working,
       (SELECT count(*) FROM app.workers w WHERE 'jobs' = ANY(w.roles) AND w.stopped_at IS NULL
           AND w.beat_at BETWEEN app.now() - $1::float8 * interval '1 second' AND app.now() + $1::float8 * interval '1 second') AS workers
  FROM pg_stat_activity a WHERE a.datname = current_database()

-- holders --
-- Who keeps old row versions alive: transactions open for longer than $1 seconds, prepared ones, replication slots that nobody reads; and those
-- that are read, or standbys that send feedback, when what they hold is $2 transactions old. `pid`: whose session it is.
SELECT 'session' AS what, a.pid::text AS name, a.pid, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s, NULL::bigint AS age_xids,
       concat_ws(', ', a.state, coalesce(nullif(a.application_name, ''), 'unnamed'),
                 nullif(left(regexp_replace(a.query, '\s+', ' ', 'g'), 80), '')) AS detail
  FROM pg_stat_activity a
 WHERE a.xact_start < clock_timestamp() - $1::float8 * interval '1 second' AND a.pid <> pg_backend_pid()
   AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL OR a.state LIKE 'idle in transaction%') AND a.backend_type = 'client backend'
UNION ALL
SELECT 'prepared', p.gid, NULL, extract(epoch FROM clock_timestamp() - p.prepared)::float8, NULL, 'prepared by ' || p.owner
  FROM pg_prepared_xacts p WHERE p.prepared < clock_timestamp() - $1::float8 * interval '1 second'
UNION ALL
SELECT CASE WHEN s.active THEN 'active slot' ELSE 'slot' END, s.slot_name, s.active_pid, NULL, g.xids,
       'replication slot, ' || CASE WHEN s.active THEN 'active' ELSE 'inactive' END
  FROM pg_replication_slots s CROSS JOIN LATERAL (SELECT greatest(age(s.xmin), age(s.catalog_xmin))::bigint AS xids) g
 WHERE (s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL) AND (NOT s.active OR g.xids > $2::bigint)
UNION ALL
SELECT 'standby', coalesce(nullif(r.application_name, ''), 'unnamed'), r.pid, NULL, age(r.backend_xmin)::bigint,
       'hot_standby_feedback from ' || coalesce(host(r.client_addr), 'this host')
  FROM pg_stat_replication r WHERE age(r.backend_xmin) > $2::bigint
 ORDER BY 4 DESC NULLS LAST LIMIT 20

-- hidden --
-- Sessions of others in this database that the login may not look into, whose they are, and standbys of which the same is true.
SELECT count(*) FILTER (WHERE a.datname = current_database()) AS sessions,
       array_agg(DISTINCT a.usename::text ORDER BY a.usename::text) FILTER (WHERE a.datname = current_database()) AS users,
       (SELECT count(*) FROM pg_stat_replication r WHERE r.state IS NULL) AS standbys, current_user AS login
  FROM pg_stat_activity a WHERE a.query = '<insufficient privilege>' AND a.usesysid IS NOT NULL

-- stuck --
-- Deliveries that nobody moves: taken by a worker that stopped beating $1 seconds ago (or, its clock set back since, in that many), or due for
-- as long and not taken.
SELECT count(*) FILTER (WHERE j.status = 'doing') AS held_by_the_dead, count(*) FILTER (WHERE j.status = 'todo') AS not_taken
  FROM queue.procrastinate_jobs j
 WHERE (j.status = 'doing' AND NOT EXISTS (SELECT FROM app.workers w WHERE w.id = j.worker_id AND w.stopped_at IS NULL
             AND w.beat_at BETWEEN app.now() - $1::float8 * interval '1 second' AND app.now() + $1::float8 * interval '1 second'))
    OR (j.status = 'todo' AND (SELECT e.queued_at FROM app.job_executions e WHERE e.tenant_id = j.tenant_id AND e.id = j.execution_id)
             < app.now() - $1::float8 * interval '1 second')

-- waiting --
-- How long the oldest event has been due, in seconds, and how many dead letters wait for an answer (10,000 are counted).
SELECT (SELECT extract(epoch FROM app.now() - min(s.available_at))::float8 FROM app.tenants t CROSS JOIN LATERAL (
            SELECT o.available_at FROM app.outbox_events o WHERE o.tenant_id = t.id AND o.sink = 'queue'
             ORDER BY o.available_at LIMIT 1) s WHERE s.available_at <= app.now()) AS oldest_due_s,
       (SELECT count(*) FROM (SELECT FROM app.dead_letters d WHERE d.resolved_at IS NULL LIMIT 10000) t) AS dead_letters
