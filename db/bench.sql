-- empty --
-- Bench only: throw away what a repetition left behind.
TRUNCATE app.outbox_events, app.outbox_history, app.job_executions, app.job_attempts, app.absorbed_events, app.dead_letters, app.job_reports, app.ordering_turns, queue.procrastinate_jobs

-- analyze --
-- Fresh statistics for the hot tables.
ANALYZE app.outbox_events, app.job_executions, queue.procrastinate_jobs

-- done --
-- Executions that are done, and how many events they stand for.
SELECT count(*) AS done, count(DISTINCT event_id) AS events FROM app.job_executions WHERE state = 'done'

-- accounted --
-- Of the events there ever were: those that stand, have a job or were absorbed, counted once and as often as they are found; jobs that
-- are not over and that nobody delivers; deliveries of jobs, counted likewise.
SELECT count(*) AS found, count(DISTINCT k.event_id) AS events,
       (SELECT count(*) FROM app.job_executions e WHERE e.state <> 'done'
           AND NOT EXISTS (SELECT FROM queue.procrastinate_jobs j WHERE j.execution_id = e.id)) AS undelivered,
       (SELECT count(*) FROM queue.procrastinate_jobs) AS deliveries, (SELECT count(DISTINCT j.execution_id) FROM queue.procrastinate_jobs j) AS delivered
  FROM (SELECT o.event_id FROM app.outbox_events o UNION ALL
        SELECT e.event_id FROM app.job_executions e WHERE e.event_id IS NOT NULL UNION ALL SELECT a.event_id FROM app.absorbed_events a) k

-- standing --
-- Does any job stand in the queue, or run?
SELECT EXISTS (SELECT FROM queue.procrastinate_jobs)

-- baseline_table --
-- The baseline of the emit figure: a table of the same width with nothing but a primary key (design section 4).
CREATE TABLE IF NOT EXISTS app.bench_baseline (
    tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, event_id uuid NOT NULL, aggregate_type text NOT NULL, aggregate_id uuid NOT NULL,
    type text NOT NULL, version smallint NOT NULL, payload jsonb NOT NULL, headers jsonb NOT NULL, correlation_id uuid, sink text NOT NULL,
    priority smallint NOT NULL, state text NOT NULL, available_at timestamptz NOT NULL, attempts smallint NOT NULL, created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id))

-- baseline_business --
-- The business row both sides of the emit figure write first.
CREATE TABLE IF NOT EXISTS app.bench_business (tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, body jsonb NOT NULL, PRIMARY KEY (tenant_id, id))

-- grant_bench --
-- The app role writes there, as it writes everywhere.
GRANT SELECT, INSERT ON app.bench_baseline, app.bench_business TO headwater_app

-- bucket --
-- What a turn would cost without leases: a bucket that every request changes. Gives the seconds to wait.
INSERT INTO app.paces AS p (name, credential, next_at) VALUES ('bench', 'bucket', app.now())
ON CONFLICT (name, credential) DO UPDATE SET next_at = greatest(p.next_at, app.now()) + $1::float8 * interval '1 second'
RETURNING extract(epoch FROM next_at - app.now())::float8

-- row_writes --
-- How often rows of paces were changed, as far as ended sessions have told.
SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'app.paces'::regclass

-- add_companies --
-- Imported companies.
INSERT INTO app.companies (tenant_id, name, name_core, country)
SELECT $1, c.name, c.name_core, c.country FROM unnest($2::text[], $3::text[], $4::text[]) AS c(name, name_core, country)

-- analyze_companies --
-- What autovacuum would have done by then.
VACUUM (ANALYZE) app.companies

-- decided --
-- What a scan decided, by the names of the two.
SELECT d.decision, a.name_core AS a, b.name_core AS b FROM app.match_decisions d
  JOIN app.companies a ON a.tenant_id = d.tenant_id AND a.id = d.a_id JOIN app.companies b ON b.tenant_id = d.tenant_id AND b.id = d.b_id
 WHERE d.tenant_id = $1

-- trigram_indexes --
-- How the indexes over names were made.
SELECT pg_get_indexdef(n::regclass) FROM unnest(ARRAY['app.companies_name_trgm', 'app.companies_moved_name']) n

-- drop_trigram_indexes --
-- Loading many rows is quicker without them.
DROP INDEX app.companies_name_trgm, app.companies_moved_name
