-- lock --
-- A pace as it stands, locked. The time is read above the locked row, so that it is not older than what another worker has just written.
WITH held AS MATERIALIZED (
    SELECT p.timetable, p.holders, p.breaker, p.failures, p.opens, extract(epoch FROM p.opened_until)::float8 AS opened_until,
           p.error_code, p.error, extract(epoch FROM p.error_at)::float8 AS error_at
      FROM app.paces p WHERE p.name = $1 AND p.credential = $2 FOR UPDATE
)
SELECT h.*, extract(epoch FROM clock_timestamp() + app.clock_shift())::float8 AS now FROM held h

-- begin --
-- The first one to ask makes the row.
INSERT INTO app.paces (name, credential) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- keep --
-- What became of it.
UPDATE app.paces SET timetable = $3, holders = $4, next_at = to_timestamp($5::float8), breaker = $6, failures = $7, opens = $8,
       opened_until = to_timestamp($9::float8), error_code = $10, error = $11, error_at = to_timestamp($12::float8), updated_at = app.now()
 WHERE name = $1 AND credential = $2

-- peek --
-- The breaker alone, without a lock: whoever is turned away asks no more than this.
SELECT p.breaker, p.failures, p.opens, extract(epoch FROM p.opened_until)::float8 AS opened_until, p.error_code, p.error,
       extract(epoch FROM p.error_at)::float8 AS error_at, extract(epoch FROM app.now())::float8 AS now
  FROM app.paces p WHERE p.name = $1 AND p.credential = $2

-- standing --
-- All paces. A holder is [permits, until, wants until].
SELECT p.name, p.credential, p.breaker, p.opened_until, p.next_at, p.failures, p.error_code, p.error, p.error_at, p.updated_at,
       coalesce((SELECT sum((h.value ->> 0)::integer) FROM jsonb_each(p.holders) h
                  WHERE (h.value ->> 1)::float8 > extract(epoch FROM app.now())), 0)::integer AS in_flight
  FROM app.paces p ORDER BY p.name, p.credential

-- reset --
-- Close the breaker and forget waiting times. What was sent stays counted, or the limits would be broken.
UPDATE app.paces SET breaker = 'closed', failures = 0, opens = 0, opened_until = NULL, error_code = NULL, error = NULL, error_at = NULL,
       timetable = timetable - '{not_before,gap,gap_until,throttled}'::text[], updated_at = app.now()
 WHERE name = $1 AND ($2::text IS NULL OR credential = $2) RETURNING credential

-- forget --
-- Nobody asked for so long that no window remembers it.
DELETE FROM app.paces WHERE updated_at < app.now() - interval '90 days'
