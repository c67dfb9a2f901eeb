-- lock --
-- A pace as it stands, locked. The time is read above the locked row, so that it is not older than what another worker has just written.
WITH held AS MATERIALIZED (
    SELECT p.timetable, p.holders FROM app.paces p WHERE p.name = $1 AND p.credential = $2 FOR UPDATE
)
SELECT h.timetable, h.holders, extract(epoch FROM clock_timestamp() + app.clock_shift())::float8 AS now FROM held h

-- begin --
-- The first one to ask makes the row.
INSERT INTO app.paces (name, credential) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- keep --
-- What became of it.
UPDATE app.paces SET timetable = $3, holders = $4, next_at = to_timestamp($5::float8), updated_at = app.now()
 WHERE name = $1 AND credential = $2

-- breaker --
-- The breaker of an operation, whether somebody has paused it or its vendor, and the time.
SELECT coalesce(b.state, 'closed') AS state, coalesce(b.failures, 0) AS failures, coalesce(b.opens, 0) AS opens,
       extract(epoch FROM b.opened_until)::float8 AS opened_until, b.error_code, b.error, extract(epoch FROM b.error_at)::float8 AS error_at,
       (SELECT l.paused_by || ' paused ' || l.name || ' (' || l.reason || ')' FROM app.limits l
         WHERE l.scope = 'vendor' AND l.name IN ($1, split_part($1, '.', 1)) AND l.paused_at IS NOT NULL ORDER BY l.name LIMIT 1) AS paused,
       extract(epoch FROM app.now())::float8 AS now
  FROM (SELECT) o LEFT JOIN app.breakers b ON b.operation = $1 AND b.credential = $2

-- rules --
-- What operators allow vendors, beside what the settings say.
SELECT l.name, l.max_running, l.per_s, l.burst FROM app.limits l
 WHERE l.scope = 'vendor' AND (l.max_running IS NOT NULL OR l.per_s IS NOT NULL) ORDER BY l.name

-- keep_breaker --
-- What it has learnt.
INSERT INTO app.breakers (operation, credential, state, failures, opens, opened_until, error_code, error, error_at)
VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8), $7, $8, to_timestamp($9::float8))
ON CONFLICT (operation, credential) DO UPDATE
   SET state = excluded.state, failures = excluded.failures, opens = excluded.opens, opened_until = excluded.opened_until,
       error_code = excluded.error_code, error = excluded.error, error_at = excluded.error_at, updated_at = app.now()

-- standing --
-- All paces. A holder is [permits, until, wants until].
SELECT p.name, p.credential, p.next_at, p.updated_at,
       coalesce((SELECT sum((h.value ->> 0)::integer) FROM jsonb_each(p.holders) h
                  WHERE (h.value ->> 1)::float8 > extract(epoch FROM app.now())), 0)::integer AS in_flight
  FROM app.paces p ORDER BY p.name, p.credential

-- breakers --
-- All breakers.
SELECT b.operation, b.credential, b.state, b.opened_until, b.failures, b.error_code, b.error, b.error_at, b.updated_at
  FROM app.breakers b ORDER BY b.operation, b.credential

-- close_breakers --
-- Of an operation or of a whole vendor.
DELETE FROM app.breakers WHERE operation = $1 OR split_part(operation, '.', 1) = $1 RETURNING operation AS name

-- ask_at_once --
-- Forget waiting times. What was sent stays counted, or the limits would be broken.
UPDATE app.paces SET timetable = timetable - '{not_before,gap,gap_until,throttled}'::text[], updated_at = app.now()
 WHERE split_part(name, '.', 1) = split_part($1, '.', 1) AND timetable ?| '{not_before,gap,throttled}'::text[] RETURNING name

-- forget --
-- Nobody asked for so long that no window remembers it.
WITH gone AS (DELETE FROM app.breakers WHERE updated_at < app.now() - interval '90 days')
DELETE FROM app.paces WHERE updated_at < app.now() - interval '90 days'
