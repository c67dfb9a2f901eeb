-- claim --
-- Hold a site for one request, if nobody else does and its time has come within $4 seconds. The next request is due $3 seconds after this one,
-- or later when the site wished so.
INSERT INTO app.crawl_hosts AS h (host, holder, next_at, held_until, asked_at)
VALUES ($1, $2, app.now() + $3::float8 * interval '1 second', app.now() + $5::float8 * interval '1 second', app.now())
ON CONFLICT (host) DO UPDATE
   SET holder = excluded.holder, asked_at = app.now(),
       next_at = greatest(app.now(), h.next_at) + greatest($3::float8, h.delay_s) * interval '1 second',
       held_until = greatest(app.now(), h.next_at) + $5::float8 * interval '1 second'
 WHERE (h.held_until IS NULL OR h.held_until <= app.now()) AND h.next_at <= app.now() + $4::float8 * interval '1 second'
RETURNING extract(epoch FROM h.held_until - app.now())::float8 - $5::float8 AS wait_s

-- when_free --
-- How long a site that could not be held is taken: by somebody's request, and by its own distance.
SELECT greatest(0, extract(epoch FROM h.held_until - app.now()))::float8 AS held_s, greatest(0, extract(epoch FROM h.next_at - app.now()))::float8 AS wait_s
  FROM app.crawl_hosts h WHERE h.host = $1

-- release --
-- The request is over: the next one is due $4 seconds after it really began ($3 seconds ago), and no sooner than it took (10 s at most). A distance
-- that the site had to ask for shrinks again.
UPDATE app.crawl_hosts
   SET held_until = NULL, holder = NULL, delay_s = CASE WHEN delay_s < 0.25 THEN 0 ELSE delay_s * 0.9 END,
       next_at = greatest(next_at, app.now() + greatest(least($3::float8, 10), greatest($4::float8, delay_s) - $3) * interval '1 second')
 WHERE host = $1 AND holder = $2

-- leave_alone --
-- It said "not now": wait as long as it says, and double the distance from now on (up to a minute).
INSERT INTO app.crawl_hosts AS h (host, next_at, delay_s, fails) VALUES ($1, app.now() + greatest($2::float8, 1) * interval '1 second', 1, 1)
ON CONFLICT (host) DO UPDATE
   SET fails = h.fails + 1, delay_s = least(60, greatest(1, h.delay_s * 2)),
       next_at = greatest(h.next_at, app.now() + greatest($2::float8, least(60, greatest(1, h.delay_s * 2))) * interval '1 second')

-- robots --
-- What an origin's robots.txt said, while that counts.
SELECT r.origin, r.status, r.body AS text, r.fetched_at FROM app.crawl_robots r WHERE r.origin = $1 AND r.expires_at > app.now()

-- keep_robots --
-- A day at most (RFC 9309).
INSERT INTO app.crawl_robots (origin, status, body, fetched_at, expires_at)
VALUES ($1, $2, $3, $4, least($4::timestamptz + $5::float8 * interval '1 second', app.now() + interval '1 day'))
ON CONFLICT (origin) DO UPDATE SET status = excluded.status, body = excluded.body, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at

-- forget --
-- Sites not asked for a month, and robots.txt that do not count any more.
WITH gone AS (DELETE FROM app.crawl_robots WHERE expires_at < app.now() - interval '1 day')
DELETE FROM app.crawl_hosts WHERE asked_at < app.now() - interval '30 days' AND next_at < app.now()
