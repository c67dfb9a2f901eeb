-- tables --
-- What a trial of recovery knows besides the soak's record: every start of a job, and a switch that makes the disk full. The triggers
-- stand on what every job and every handoff writes; Postgres raises the same SQLSTATE where a data file cannot grow.
CREATE TABLE soak.starts (
    tenant_id uuid NOT NULL, execution_id uuid NOT NULL, token int NOT NULL, pid int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE soak.disk ("full" boolean NOT NULL);
INSERT INTO soak.disk VALUES (false);
CREATE FUNCTION soak.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT d."full" FROM soak.disk d) THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON app.outbox_events FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON app.job_executions FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON app.job_attempts FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON app.outbox_history FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON app.workers FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON queue.procrastinate_jobs FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
CREATE TRIGGER disk BEFORE INSERT OR UPDATE ON soak.effects FOR EACH STATEMENT EXECUTE FUNCTION soak.refuse();
GRANT USAGE ON SCHEMA soak TO headwater_owner;
GRANT SELECT ON soak.disk TO headwater_app, headwater_system, headwater_owner;
GRANT UPDATE ON soak.disk TO headwater_system;
GRANT SELECT, INSERT ON soak.starts TO headwater_app, headwater_system

-- jump --
-- How far the clock is to move, in seconds: for the next statement of this session.
SELECT set_config('soak.jump', $1, false)

-- move_clock --
-- All clocks of the database jump by as much more, in every session at once. The shift is folded into plans as a constant, which
-- they keep when it changes; they are made anew only when the function that was inlined into them is replaced as well.
DO $$ BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
                   format('SELECT interval %L', app.clock_shift() + current_setting('soak.jump')::float8 * interval '1 second'));
    EXECUTE pg_get_functiondef('app.now()'::regprocedure);
END $$

-- fill_disk --
-- From here on, or no longer, nothing can be written.
UPDATE soak.disk SET "full" = $1

-- started --
-- A job begins, before anything of it is written.
INSERT INTO soak.starts (tenant_id, execution_id, token, pid) VALUES ($1, $2, $3, $4)

-- session_names --
-- Who of ours is connected.
SELECT DISTINCT a.application_name FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.application_name LIKE 'headwater %' AND a.application_name NOT LIKE 'headwater soak%' ORDER BY 1

-- end_sessions --
-- End all sessions of one name but our own, whatever they are doing.
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.application_name = $1 AND a.pid <> pg_backend_pid()

-- in_hand --
-- How many jobs one process runs at this moment, of those that say when they begin.
SELECT count(*) FROM app.job_executions e JOIN app.workers w ON w.id = e.worker_id
  JOIN soak.starts s ON s.tenant_id = e.tenant_id AND s.execution_id = e.id AND s.token = e.token WHERE e.state = 'running' AND w.pid = $1

-- restarted --
-- Seconds from a kill at $2 (Unix time) of process $1 until each of its jobs began again elsewhere; NULL: it has not.
SELECT (SELECT extract(epoch FROM min(n.at))::float8 - $2::float8 FROM soak.starts n
         WHERE n.tenant_id = e.tenant_id AND n.execution_id = e.id AND n.token > s.token) AS after_s
  FROM app.job_attempts a JOIN app.workers w ON w.id = a.worker_id JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
  JOIN soak.starts s ON s.tenant_id = a.tenant_id AND s.execution_id = a.execution_id AND s.token = a.token
 WHERE a.outcome = 'crashed' AND w.pid = $1 AND a.ended_at > to_timestamp($2::float8)

-- stale_accepted --
-- Effects of an attempt that was not the one that ended its job, and jobs ended by an attempt that was taken for dead: both must be none.
SELECT (SELECT count(*) FROM soak.effects f JOIN app.job_executions e ON e.tenant_id = f.tenant_id AND e.id = f.execution_id
         WHERE e.state = 'done' AND f.token <> e.token)
     + (SELECT count(*) FROM app.job_attempts a JOIN app.job_executions e ON e.tenant_id = a.tenant_id AND e.id = a.execution_id
         WHERE e.state = 'done' AND a.outcome = 'crashed' AND a.token = e.token)

-- rescues --
-- Attempts that were taken for dead so far, and those of them that were not.
SELECT count(*) AS rescued, count(a.fenced_at) AS false FROM app.job_attempts a WHERE a.outcome IN ('crashed', 'quarantined')
