-- register --
-- A worker process says hello. Its id is Procrastinate's worker_id.
INSERT INTO app.workers (host, pid, roles) VALUES ($1, $2, $3) RETURNING id

-- beat --
-- No row = somebody removed us: register again, loudly.
UPDATE app.workers SET beat_at = app.now() WHERE id = $1 AND stopped_at IS NULL RETURNING id

-- dispatched --
-- The dispatcher's own heartbeat, for /readyz. Gives how many dispatchers are alive, this one included.
WITH beaten AS (
    UPDATE app.workers SET dispatched_at = app.now() WHERE id = $1 RETURNING id
)
SELECT 1 + count(*)::int FROM app.workers w
 WHERE w.id <> $1 AND w.stopped_at IS NULL AND w.dispatched_at >= app.now() - interval '10 seconds'

-- unregister --
-- A clean goodbye.
UPDATE app.workers SET stopped_at = app.now() WHERE id = $1

-- wake --
-- One NOTIFY a batch instead of two a row.
SELECT pg_notify($1, '')

-- fetch --
-- Take up to $3 deliveries in Procrastinate's order and start their executions: todo -> doing, queued -> running. Executions are locked in
-- the order of their ids (law 7), as the cancelling of a run locks them. Those of a paused queue or tenant stay where they are; where any
-- limit stands nothing is taken here: `limited_fetch` counts, and takes. To the planner `<> ALL` of who knows what leaves next to nothing, and it
-- would sort the whole queue; of a CASE it expects half.
WITH clock AS MATERIALIZED (
    SELECT app.now() AS now
), held AS MATERIALIZED (
    SELECT ARRAY(SELECT p.tenant_id FROM app.pauses p) AS tenants,
           ARRAY(SELECT l.name FROM app.limits l WHERE l.scope = 'queue' AND l.paused_at IS NOT NULL) AS queues,
           EXISTS (SELECT FROM app.pauses) OR EXISTS (SELECT FROM app.limits l WHERE l.paused_at IS NOT NULL) AS paused,
           EXISTS (SELECT FROM app.limits l WHERE l.scope <> 'vendor' AND (l.max_running IS NOT NULL OR l.per_s IS NOT NULL)) AS limited
), picked AS MATERIALIZED (
    SELECT j.id FROM queue.procrastinate_jobs j
     WHERE (SELECT NOT h.limited FROM held h) AND j.status = 'todo' AND j.queue_name = ANY($1::varchar[])
       AND CASE WHEN (SELECT h.paused FROM held h)
                THEN j.queue_name <> ALL((SELECT h.queues FROM held h)::varchar[]) AND j.tenant_id <> ALL((SELECT h.tenants FROM held h)::uuid[])
                ELSE true END
       AND (j.scheduled_at IS NULL OR j.scheduled_at <= (SELECT c.now FROM clock c))
     ORDER BY j.priority DESC, j.id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE queue.procrastinate_jobs j SET status = 'doing', worker_id = $2, attempts = j.attempts + 1
     WHERE j.id = ANY(ARRAY(SELECT p.id FROM picked p))
    RETURNING j.id, j.attempts, j.priority, j.tenant_id, j.execution_id, j.queue_name, j.task_name
), started AS (
    UPDATE app.job_executions e
       SET state = 'running', token = e.token + 1, coalesce_key = CASE WHEN e.scope = 'exclusive' THEN e.coalesce_key END, worker_id = $2, started_at = c.now
      FROM (SELECT k.tenant_id, k.execution_id FROM taken k ORDER BY k.tenant_id, k.execution_id) t, clock c
     WHERE e.tenant_id = t.tenant_id AND e.id = t.execution_id AND e.state = 'queued'
    RETURNING e.tenant_id, e.id, e.job, e.token, e.failures, e.payload, e.event_id, e.correlation_id, e.run_id,
              e.cancel_requested_at IS NOT NULL AS cancelled, e.queued_at
)
SELECT t.id AS delivery_id, t.attempts AS delivery_attempt, t.tenant_id, t.execution_id, t.queue_name, t.task_name,
       s.job, coalesce(s.token, 0) AS token, coalesce(s.failures, 0) AS failures, coalesce(s.payload, '{}') AS payload,
       s.event_id, s.correlation_id, s.run_id, coalesce(s.cancelled, false) AS cancelled, s.queued_at
  FROM taken t LEFT JOIN started s ON s.tenant_id = t.tenant_id AND s.id = t.execution_id
 ORDER BY t.priority DESC, t.id

-- waiting_alone --
-- Is a job that must run alone waiting, and neither its tenant nor the queue it comes from paused?
SELECT EXISTS (SELECT FROM queue.procrastinate_jobs WHERE status = 'todo' AND queue_name = 'alone') AND EXISTS (
    SELECT FROM queue.procrastinate_jobs j JOIN app.job_executions e ON e.tenant_id = j.tenant_id AND e.id = j.execution_id
     WHERE j.status = 'todo' AND j.queue_name = 'alone' AND NOT EXISTS (SELECT FROM app.pauses p WHERE p.tenant_id = j.tenant_id)
       AND NOT EXISTS (SELECT FROM app.limits l WHERE l.scope = 'queue' AND l.name = e.queue AND l.paused_at IS NOT NULL))

-- finish --
-- Batch finish: done marks of jobs that wrote nothing themselves, fenced by token; queue rows gone, fenced by attempt.
-- `<> 'todo'` means `doing`; said that way no partial index fits, and the rows are found by id whatever the planner believes.
-- The commit does not wait for the disk: what a crash of the server undoes of it is found and done once more (ADR 0049).
WITH done AS (
    UPDATE app.job_executions e SET state = 'done', finished_at = c.now, coalesce_key = NULL
      FROM (SELECT app.now() AS now) c, unnest($1::uuid[], $2::uuid[], $3::int[]) AS d(tenant_id, id, token)
     WHERE e.tenant_id = d.tenant_id AND e.id = d.id AND e.token = d.token AND e.state = 'running'
    RETURNING 1
), gone AS (
    DELETE FROM queue.procrastinate_jobs j
     WHERE j.id = ANY($4::bigint[]) AND j.attempts = ($5::int[])[array_position($4, j.id)] AND j.status <> 'todo'
    RETURNING 1
)
SELECT (SELECT count(*) FROM done) AS done, (SELECT count(*) FROM gone) AS gone, set_config('synchronous_commit', 'off', true)

-- cancel_requests --
-- Which of my running executions should stop?
SELECT e.id FROM app.job_executions e JOIN unnest($1::uuid[], $2::uuid[]) AS r(tenant_id, id) ON e.tenant_id = r.tenant_id AND e.id = r.id
 WHERE e.cancel_requested_at IS NOT NULL

-- reconcile --
-- A fetch whose answer was lost left deliveries that nobody runs: put them back. Not a crash. One that meets its like (coalesce),
-- in the queue or on the way there, is superseded: a unique violation here would keep this worker from fetching ever again. One whose
-- execution has moved on is over (its finish was never written): it is dropped, and stops nobody. So is the older of two of one execution.
-- Keys are taken in the order of a handoff (law 7): an upsert follows its SELECT, where an UPDATE follows its plan. The rows are there, locked.
WITH mine AS MATERIALIZED (
    SELECT j.id, j.id < max(j.id) OVER (PARTITION BY j.execution_id) AS stale FROM queue.procrastinate_jobs j
     WHERE j.worker_id = $1 AND j.status = 'doing'
), lost AS (
    SELECT j.id, j.tenant_id, j.execution_id, m.stale FROM mine m JOIN queue.procrastinate_jobs j ON j.id = m.id
     WHERE j.worker_id = $1 AND j.status = 'doing' AND j.id <> ALL($2::bigint[]) ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
), held AS MATERIALIZED (
    SELECT l.id AS delivery_id, e.tenant_id, e.id, e.job, e.queue, e.scope, e.key, e.payload, e.event_id, e.queued_at
      FROM lost l JOIN app.job_executions e ON e.tenant_id = l.tenant_id AND e.id = l.execution_id
     WHERE e.state = 'running' AND e.worker_id = $1 AND NOT l.stale ORDER BY e.tenant_id, e.id FOR UPDATE OF e
), judged AS MATERIALIZED (
    SELECT h.*, h.scope IN ('coalesce', 'exclusive') AND (
               row_number() OVER (PARTITION BY h.tenant_id, h.job, h.scope, h.key ORDER BY h.id DESC) > 1 OR EXISTS (
                   SELECT FROM app.job_executions t WHERE t.tenant_id = h.tenant_id AND t.job = h.job AND t.coalesce_key = h.key AND t.id <> h.id)) AS aside
      FROM held h
), back AS (
    INSERT INTO app.job_executions AS e (tenant_id, id, job, queue, scope, key, payload, event_id, queued_at, state, coalesce_key, finished_at)
    SELECT g.tenant_id, g.id, g.job, g.queue, g.scope, g.key, g.payload, g.event_id, g.queued_at, CASE WHEN g.aside THEN 'superseded' ELSE 'queued' END,
           CASE WHEN g.scope IN ('coalesce', 'exclusive') AND NOT g.aside THEN g.key END, CASE WHEN g.aside THEN app.now() END
      FROM judged g ORDER BY g.tenant_id, g.job, g.key
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET state = EXCLUDED.state, token = e.token + 1, finished_at = EXCLUDED.finished_at, coalesce_key = EXCLUDED.coalesce_key
), dropped AS (
    DELETE FROM queue.procrastinate_jobs j USING lost l
     WHERE j.id = l.id AND NOT EXISTS (SELECT FROM judged g WHERE g.delivery_id = l.id AND NOT g.aside)
)
UPDATE queue.procrastinate_jobs j SET status = 'todo', worker_id = NULL FROM judged g
 WHERE j.id = g.delivery_id AND NOT g.aside RETURNING j.id

-- stranded --
-- Deliveries of workers that stopped beating $1 seconds ago. SKIP LOCKED: whoever is inside a write is left alone this round.
-- Nobody could beat while the server was down: one that has just started judges nobody yet. Of two deliveries of one execution the older
-- is over (put off, its finish never written): counted as well, it would be its own twin.
-- Beats ahead of the clock were written before it was set back: they count from now on, or the dead would live until it is that late again.
-- `crashes`: without those whose worker beats again. It has not died of this job yet; when it comes to the fence the crash is taken back (came_back).
WITH ahead AS (
    UPDATE app.workers w SET beat_at = app.now(), dispatched_at = CASE WHEN w.dispatched_at > app.now() THEN app.now() ELSE w.dispatched_at END
      FROM (SELECT f.id FROM app.workers f WHERE f.beat_at > app.now() + $1::float8 * interval '1 second' ORDER BY f.id FOR UPDATE SKIP LOCKED) f
     WHERE w.id = f.id
), living AS MATERIALIZED (
    SELECT w.id, w.beat_at FROM app.workers w WHERE w.stopped_at IS NULL AND w.beat_at >= app.now() - $1::float8 * interval '1 second'
), stuck AS (
    SELECT j.id, j.tenant_id, j.execution_id, j.worker_id FROM queue.procrastinate_jobs j
     WHERE j.status = 'doing' AND j.worker_id IS NOT NULL AND NOT EXISTS (SELECT FROM living w WHERE w.id = j.worker_id) -- by the index of those
       AND pg_postmaster_start_time() NOT BETWEEN clock_timestamp() - $1::float8 * interval '1 second' AND clock_timestamp() + $1::float8 * interval '1 second'
     ORDER BY j.id LIMIT 500 FOR UPDATE SKIP LOCKED
), ranked AS (
    SELECT s.*, s.id = max(s.id) OVER (PARTITION BY s.execution_id, s.worker_id) AS newest FROM stuck s
)
SELECT s.id AS delivery_id, e.tenant_id, e.id AS execution_id, e.token, e.crashes - a.refuted AS crashes, e.job, e.payload, e.run_id, e.correlation_id,
       e.state = 'running' AND e.worker_id IS NOT DISTINCT FROM s.worker_id AND s.newest AS in_flight
  FROM ranked s JOIN app.job_executions e ON e.tenant_id = s.tenant_id AND e.id = s.execution_id
 CROSS JOIN LATERAL (SELECT count(*)::int AS refuted FROM app.job_attempts c JOIN living w ON w.id = c.worker_id AND w.beat_at > c.ended_at
         WHERE e.crashes > 0 AND c.tenant_id = e.tenant_id AND c.execution_id = e.id AND c.outcome = 'crashed' AND c.fenced_at IS NULL
           AND NOT EXISTS (SELECT FROM app.job_attempts t WHERE t.tenant_id = e.tenant_id AND t.execution_id = e.id AND t.token > c.token
                              AND t.outcome IN ('dead', 'cancelled', 'quarantined'))) a
 ORDER BY e.tenant_id, e.id FOR UPDATE OF e SKIP LOCKED

-- end_frozen --
-- A process that stands still between Parse and Bind keeps its locks: to the server that is a statement under way, which
-- neither idle_in_transaction_session_timeout nor statement_timeout ends. Ask as the login user, who owns the sessions.
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name LIKE 'headwater%' AND a.state = 'active'
   AND a.wait_event = 'ClientRead' AND a.xact_start IS NOT NULL AND a.state_change < clock_timestamp() - $1::float8 * interval '1 second'

-- rescue --
-- running -> queued under a new token, doing -> todo; one that meets its like (coalesce), in the queue or among the rescued,
-- is superseded instead. Keys are taken as `reconcile` takes them; `stranded` has locked the rows. $4: the crashes that counted before this one.
WITH crashed AS MATERIALIZED (
    SELECT e.tenant_id, e.id, e.job, e.queue, e.scope, e.key, e.payload, e.event_id, e.queued_at, c.delivery_id, c.crashes, e.scope IN ('coalesce', 'exclusive') AND (
               row_number() OVER (PARTITION BY e.tenant_id, e.job, e.scope, e.key ORDER BY e.id DESC) > 1 OR EXISTS (
                   SELECT FROM app.job_executions t WHERE t.tenant_id = e.tenant_id AND t.job = e.job AND t.coalesce_key = e.key AND t.id <> e.id)) AS aside
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[]) AS c(tenant_id, id, delivery_id, crashes)
      JOIN app.job_executions e ON e.tenant_id = c.tenant_id AND e.id = c.id
), logged AS (
    INSERT INTO app.job_attempts (tenant_id, execution_id, token, outcome, error_class, error, worker_id, started_at, ended_at)
    SELECT e.tenant_id, e.id, e.token, 'crashed', 'worker_died', 'the worker stopped beating while it ran this job', e.worker_id, e.started_at, app.now()
      FROM app.job_executions e JOIN crashed c ON e.tenant_id = c.tenant_id AND e.id = c.id
    ON CONFLICT DO NOTHING
), back AS (
    INSERT INTO app.job_executions AS e (tenant_id, id, job, queue, scope, key, payload, event_id, queued_at, state, coalesce_key, finished_at)
    SELECT c.tenant_id, c.id, c.job, c.queue, c.scope, c.key, c.payload, c.event_id, c.queued_at, CASE WHEN c.aside THEN 'superseded' ELSE 'queued' END,
           CASE WHEN c.scope IN ('coalesce', 'exclusive') AND NOT c.aside THEN c.key END, CASE WHEN c.aside THEN app.now() END
      FROM crashed c ORDER BY c.tenant_id, c.job, c.key
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET token = e.token + 1, crashes = e.crashes + 1, state = EXCLUDED.state, finished_at = EXCLUDED.finished_at, coalesce_key = EXCLUDED.coalesce_key
    RETURNING e.tenant_id, e.id, e.queue
), dropped AS (
    DELETE FROM queue.procrastinate_jobs j USING crashed c WHERE j.id = c.delivery_id AND c.aside
)
UPDATE queue.procrastinate_jobs j SET status = 'todo', worker_id = NULL,
       queue_name = CASE WHEN c.crashes >= 1 THEN 'alone' ELSE b.queue END
  FROM back b JOIN crashed c ON c.tenant_id = b.tenant_id AND c.id = b.id WHERE j.id = c.delivery_id AND NOT c.aside RETURNING j.id

-- age --
-- Once in $1 seconds, whoever asks: deliveries that have waited that long while others were ahead of them move up by one, the oldest $2 of them.
-- Where all have the same priority the first and the last are read, and no delivery is written.
WITH due AS (
    SELECT a.up_to FROM app.queue_ageing a WHERE a.aged_at <= app.now() - $1::float8 * interval '1 second' FOR UPDATE SKIP LOCKED
), noted AS (
    UPDATE app.queue_ageing a SET aged_at = app.now(), up_to = coalesce((SELECT max(j.id) FROM queue.procrastinate_jobs j), a.up_to) FROM due
), ends AS MATERIALIZED (
    SELECT d.up_to, (SELECT j.priority FROM queue.procrastinate_jobs j WHERE j.status = 'todo' ORDER BY j.priority DESC, j.id LIMIT 1) AS first,
           (SELECT j.priority FROM queue.procrastinate_jobs j WHERE j.status = 'todo' ORDER BY j.priority, j.id DESC LIMIT 1) AS last
      FROM due d
), old AS (
    SELECT o.id FROM ends e CROSS JOIN LATERAL (
        SELECT j.id FROM queue.procrastinate_jobs j WHERE j.status = 'todo' AND j.priority < e.first AND j.id <= e.up_to
         ORDER BY j.id LIMIT $2 FOR UPDATE SKIP LOCKED) o
     WHERE e.first > e.last
)
UPDATE queue.procrastinate_jobs j SET priority = j.priority + 1 WHERE j.id = ANY(ARRAY(SELECT old.id FROM old)) RETURNING j.id

-- drop_deliveries --
-- Queue rows whose execution has moved on: the truth stands in job_executions.
DELETE FROM queue.procrastinate_jobs WHERE id = ANY($1::bigint[])

-- forget_workers --
-- Rows of processes gone for a day serve nobody.
DELETE FROM app.workers w WHERE w.beat_at < app.now() - interval '1 day'
   AND NOT EXISTS (SELECT FROM queue.procrastinate_jobs j WHERE j.worker_id = w.id)

-- alive --
-- Worker processes that beat within $1 seconds (each part of one has a row), and how old the newest dispatch is.
SELECT count(DISTINCT (host, pid)) FILTER (WHERE stopped_at IS NULL AND beat_at >= app.now() - $1::float8 * interval '1 second') AS workers,
       extract(epoch FROM app.now() - max(dispatched_at) FILTER (WHERE stopped_at IS NULL AND beat_at >= app.now() - $1::float8 * interval '1 second'))::float8 AS dispatched_s_ago
  FROM app.workers
