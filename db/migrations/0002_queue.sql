-- Procrastinate in its own schema, from the pinned package, then our changes to its slow edges (see docs/decisions/0003-queue.md).
SET LOCAL search_path = queue, pg_catalog;
-- headwater: include procrastinate:sql/schema.sql sha256=c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009
SET LOCAL search_path = pg_catalog;

-- Its functions name tables without a schema: pin where they look, whoever calls.
DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'queue'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = queue, pg_temp', f);
    END LOOP;
END
$$;

-- A queue row is only the delivery of an execution; these columns join the two.
-- NOT NULL and the CHECK turn away what would never run here: a job deferred past the outbox.
ALTER TABLE queue.procrastinate_jobs ADD COLUMN tenant_id uuid NOT NULL, ADD COLUMN execution_id uuid NOT NULL,
    ADD CONSTRAINT locks_stay_null CHECK (lock IS NULL AND queueing_lock IS NULL);
CREATE INDEX procrastinate_jobs_standing ON queue.procrastinate_jobs (tenant_id) WHERE status = 'todo';

-- Per-row events and notifications cost a third of the throughput (reference: three event rows and two NOTIFYs a job).
-- History stands in job_executions and job_attempts; the dispatcher sends one NOTIFY a batch.
DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_abort_requested_events_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_delete_jobs_v1 ON queue.procrastinate_jobs;
-- Row-by-row foreign key checks for tables that nothing fills (H7, H12, #1454).
ALTER TABLE queue.procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey;
ALTER TABLE queue.procrastinate_periodic_defers DROP CONSTRAINT procrastinate_periodic_defers_job_id_fkey;
ALTER TABLE queue.procrastinate_jobs DROP CONSTRAINT procrastinate_jobs_worker_id_fkey;
-- Indexes for locks and filters that our rows never use: `lock` and `queueing_lock` stay NULL (design law 3).
DROP INDEX queue.procrastinate_jobs_queue_name_idx_v1;
DROP INDEX queue.procrastinate_jobs_id_lock_idx_v1;
DROP INDEX queue.procrastinate_jobs_lock_idx_v1;
DROP INDEX queue.procrastinate_jobs_queueing_lock_idx_v1;

ALTER TABLE queue.procrastinate_jobs SET (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

GRANT USAGE ON SCHEMA queue TO headwater_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO headwater_system;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA queue TO headwater_system;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA queue FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA queue TO headwater_system;

-- Who works here. `id` is Procrastinate's worker_id; `beat_at` comes from a thread, so a busy event loop is not a dead worker.
CREATE TABLE app.workers (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    host text NOT NULL CHECK (length(host) <= 255),
    pid integer NOT NULL,
    roles text[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT app.now(),
    beat_at timestamptz NOT NULL DEFAULT app.now(),
    dispatched_at timestamptz,
    stopped_at timestamptz
);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.workers TO headwater_system;
GRANT SELECT ON app.workers TO headwater_app;
