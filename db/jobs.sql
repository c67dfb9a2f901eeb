-- complete --
-- The first statement of a job's write: the UPDATE in app.complete finds the execution running under this token, or all is aborted (P0002).
CALL app.complete($1, $2, $3)

-- put_off --
-- running -> waiting: this attempt is over, its redelivery goes to the outbox in the same transaction.
UPDATE app.job_executions SET state = 'waiting', token = token + 1, failures = failures + $4::smallint, error = left($5, 4000), error_class = left($6, 100)
 WHERE tenant_id = $1 AND id = $2 AND token = $3 AND state = 'running'
RETURNING failures, started_at, worker_id

-- end --
-- running -> dead, cancelled or quarantined.
UPDATE app.job_executions SET state = $4, token = token + 1, finished_at = app.now(), coalesce_key = NULL,
       failures = failures + (CASE WHEN $4 = 'dead' THEN 1 ELSE 0 END)::smallint, crashes = crashes + (CASE WHEN $4 = 'quarantined' THEN 1 ELSE 0 END)::smallint,
       error = left($5, 4000), error_class = left($6, 100)
 WHERE tenant_id = $1 AND id = $2 AND token = $3 AND state IN ('running', 'queued')
RETURNING failures, crashes, started_at, worker_id, event_id, correlation_id, job

-- log_attempt --
-- Job attempts live only here.
INSERT INTO app.job_attempts (tenant_id, execution_id, token, outcome, error_class, error, traceback, worker_id, started_at, ended_at, retry_at)
VALUES ($1, $2, $3, $4, left($5, 100), left($6, 4000), left($7, 20000), $8, $9, app.now(), $10)
ON CONFLICT DO NOTHING

-- came_back --
-- Attempts that are refused now and had been taken for dead: each was a false rescue, and the crash counted for it is taken back, once (`first`).
-- No row: it lost its job in another way. What was revived after the crash has counted from none since. Executions are locked first, in the
-- order of their ids (law 7). A quarantine stands: its run has been told.
WITH late AS MATERIALIZED (
    SELECT e.tenant_id, e.id, e.token AS now_at, e.state, a.token FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS d(tenant_id, id, token)
      JOIN app.job_attempts a ON a.tenant_id = d.tenant_id AND a.execution_id = d.id AND a.token = d.token AND a.outcome IN ('crashed', 'quarantined')
      JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
     ORDER BY e.tenant_id, e.id FOR NO KEY UPDATE OF e
), fenced AS (
    UPDATE app.job_attempts a SET fenced_at = app.now() FROM late l
     WHERE a.tenant_id = l.tenant_id AND a.execution_id = l.id AND a.token = l.token AND a.fenced_at IS NULL
    RETURNING l.tenant_id, l.id, l.now_at, a.token
), counted AS (
    SELECT f.tenant_id, f.id, count(*) AS n FROM fenced f
     WHERE NOT EXISTS (SELECT FROM app.job_attempts t WHERE t.tenant_id = f.tenant_id AND t.execution_id = f.id
                          AND t.token >= f.token AND t.token < f.now_at - 1 AND t.outcome IN ('dead', 'cancelled', 'quarantined'))
     GROUP BY f.tenant_id, f.id
), taken_back AS (
    UPDATE app.job_executions e SET crashes = greatest(0, e.crashes - c.n) FROM counted c WHERE e.tenant_id = c.tenant_id AND e.id = c.id
)
SELECT l.id AS execution_id, l.state = 'quarantined' AS quarantined,
       EXISTS (SELECT FROM fenced f WHERE f.tenant_id = l.tenant_id AND f.id = l.id AND f.token = l.token) AS first
  FROM late l

-- bury --
-- A job that gave up, with what is needed to decide whether to retry it.
INSERT INTO app.dead_letters (tenant_id, kind, event_id, execution_id, name, attempts, error_class, error, traceback, correlation_id, created_at)
VALUES ($1, 'job', $2, $3, $4, $5, left($6, 100), left($7, 4000), left($8, 20000), $9, app.now())
ON CONFLICT DO NOTHING

-- retry_at --
-- When a delay from now falls, by the database's clock.
SELECT app.now() + $1::float8 * interval '1 second'

-- state --
-- Where an execution stands, for the frame's last words.
SELECT state, token, cancel_requested_at IS NOT NULL AS cancelled FROM app.job_executions WHERE tenant_id = $1 AND id = $2

-- request_cancel --
-- Frame, fetch and dispatcher obey this mark.
UPDATE app.job_executions SET cancel_requested_at = coalesce(cancel_requested_at, app.now())
 WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running', 'waiting') RETURNING state

-- request_cancel_run --
-- The same for every unfinished execution of a run, locked in the order of their ids (law 7).
WITH unfinished AS (
    SELECT e.id FROM app.job_executions e
     WHERE e.tenant_id = $1 AND e.run_id = $2 AND e.state IN ('queued', 'running', 'waiting') ORDER BY e.id FOR NO KEY UPDATE
)
UPDATE app.job_executions e SET cancel_requested_at = coalesce(e.cancel_requested_at, app.now())
  FROM unfinished u WHERE e.tenant_id = $1 AND e.id = u.id

-- revive --
-- dead, quarantined or cancelled -> waiting, by an operator; its redelivery is emitted in the same transaction.
UPDATE app.job_executions SET state = 'waiting', token = token + 1, failures = 0, crashes = 0, error = NULL, error_class = NULL,
       finished_at = NULL, cancel_requested_at = NULL, coalesce_key = CASE WHEN scope = 'exclusive' THEN key END
 WHERE tenant_id = $1 AND id = $2 AND state IN ('dead', 'quarantined', 'cancelled')
RETURNING id, job, payload, run_id, correlation_id

-- resolve --
-- Its dead letter is answered.
UPDATE app.dead_letters SET resolved_at = app.now(), resolution = $3, resolved_by = $4
 WHERE tenant_id = $1 AND execution_id = $2 AND kind = 'job' AND resolved_at IS NULL
