-- fence --
-- Is the execution still this attempt's, and does it run? The lock holds rescue and cancelling off until the transaction ends: a SELECT
-- without it would let both commit (law 4).
SELECT 1 FROM app.job_executions e
 WHERE e.tenant_id = $1 AND e.id = $2 AND e.token = $3 AND e.state = 'running' AND e.cancel_requested_at IS NULL FOR SHARE

-- note --
-- What the attempt says, in a transaction that is fenced already. What it does not say anew stays as it was.
INSERT INTO app.job_reports AS r (tenant_id, execution_id, token, percent, message, checkpoint, reported_at)
VALUES ($1, $2, $3, $4, $5, $6, app.now())
ON CONFLICT (tenant_id, execution_id) DO UPDATE
   SET token = EXCLUDED.token, percent = coalesce(EXCLUDED.percent, r.percent), message = coalesce(EXCLUDED.message, r.message),
       checkpoint = coalesce(EXCLUDED.checkpoint, r.checkpoint), reported_at = EXCLUDED.reported_at

-- report --
-- The same with its fence, in one statement.
WITH mine AS (
    SELECT e.tenant_id, e.id, e.token FROM app.job_executions e
     WHERE e.tenant_id = $1 AND e.id = $2 AND e.token = $3 AND e.state = 'running' AND e.cancel_requested_at IS NULL FOR SHARE
)
INSERT INTO app.job_reports AS r (tenant_id, execution_id, token, percent, message, checkpoint, reported_at)
SELECT m.tenant_id, m.id, m.token, $4, $5, $6, app.now() FROM mine m
ON CONFLICT (tenant_id, execution_id) DO UPDATE
   SET token = EXCLUDED.token, percent = coalesce(EXCLUDED.percent, r.percent), message = coalesce(EXCLUDED.message, r.message),
       checkpoint = coalesce(EXCLUDED.checkpoint, r.checkpoint), reported_at = EXCLUDED.reported_at
RETURNING 1

-- answer --
-- The result, with the done mark. A job that was revived after its end answers no second time: the first result stands.
INSERT INTO app.job_reports AS r (tenant_id, execution_id, token, result, reported_at) VALUES ($1, $2, $3, $4, app.now())
ON CONFLICT (tenant_id, execution_id) DO UPDATE
   SET result = coalesce(r.result, EXCLUDED.result), token = EXCLUDED.token, reported_at = EXCLUDED.reported_at

-- checkpoint --
-- Where an earlier attempt got to.
SELECT r.checkpoint FROM app.job_reports r WHERE r.tenant_id = $1 AND r.execution_id = $2

-- of_run --
-- The jobs of a run that are not over and have told how far they are, the last to speak first.
SELECT e.id::text AS id, e.job, e.state, r.percent, r.message, r.reported_at
  FROM app.job_executions e JOIN app.job_reports r ON r.tenant_id = e.tenant_id AND r.execution_id = e.id
 WHERE e.tenant_id = $1 AND e.run_id = $2 AND e.state IN ('queued', 'running', 'waiting') ORDER BY r.reported_at DESC LIMIT $3

-- of --
-- What these executions have said.
SELECT r.execution_id, r.token AS attempt, r.percent, r.message, r.checkpoint, r.result, r.reported_at
  FROM app.job_reports r WHERE r.tenant_id = $1 AND r.execution_id = ANY($2::uuid[])
