-- tables --
-- What the floor is measured on, and what a stock user's own job reads and writes. In any scratch database of the server.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE bench.jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, priority smallint NOT NULL DEFAULT 0, state smallint NOT NULL DEFAULT 0, payload text NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX jobs_next ON bench.jobs (priority, id) WHERE state = 0;
CREATE TABLE bench.business (id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'running', body text NOT NULL, at timestamptz) WITH (fillfactor = 70);
GRANT USAGE ON SCHEMA bench TO headwater_app, headwater_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bench TO headwater_app, headwater_system

-- fill --
-- $1 jobs of 200 bytes.
INSERT INTO bench.jobs (payload) SELECT repeat('x', 200) FROM generate_series(1, $1::int)

-- fill_business --
-- The rows that $1 jobs of a user read and write.
INSERT INTO bench.business (id, body) SELECT n, repeat('x', 200) FROM generate_series(1, $1::int) n

-- claim --
-- A batch, as any queue takes it.
UPDATE bench.jobs j SET state = 1
 WHERE j.id = ANY(ARRAY(SELECT b.id FROM bench.jobs b WHERE b.state = 0 ORDER BY b.priority, b.id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING j.id, j.payload

-- acknowledge --
-- And ends it.
DELETE FROM bench.jobs j WHERE j.id = ANY($1::bigint[])

-- load_business --
-- The load transaction of a user's job.
SELECT b.state, b.body FROM bench.business b WHERE b.id = $1

-- write_business --
-- Its write transaction.
UPDATE bench.business b SET state = 'done', at = clock_timestamp() WHERE b.id = $1 AND b.state = 'running'

-- empty --
-- Ready for the next.
TRUNCATE bench.jobs, bench.business

-- vacuum --
-- What autovacuum would have done by then.
VACUUM (ANALYZE) bench.jobs, bench.business
