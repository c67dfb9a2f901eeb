-- save_site --
-- How a walk went, in place of the one before. A walk that began earlier than the one that stands there changes nothing but its age.
INSERT INTO app.crawl_sites AS s (tenant_id, domain, company_id, outcome, reason, home_url, moved_to, language, description, corpus,
                                  requests, seconds, failures, crawled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $4 = 'ok' THEN 0 ELSE 1 END, $13)
ON CONFLICT (tenant_id, domain) DO UPDATE SET
    company_id = coalesce(EXCLUDED.company_id, s.company_id), outcome = EXCLUDED.outcome, reason = EXCLUDED.reason,
    home_url = coalesce(EXCLUDED.home_url, s.home_url), moved_to = EXCLUDED.moved_to, language = coalesce(EXCLUDED.language, s.language),
    description = coalesce(EXCLUDED.description, s.description), corpus = EXCLUDED.corpus, requests = EXCLUDED.requests,
    seconds = EXCLUDED.seconds, failures = CASE WHEN EXCLUDED.outcome = 'ok' THEN 0 ELSE s.failures + 1 END,
    crawled_at = EXCLUDED.crawled_at
WHERE s.crawled_at <= EXCLUDED.crawled_at
RETURNING id

-- save_pages --
-- The pages of a walk, in the order of their keys. Gives for each whether it is new and whether its text changed.
INSERT INTO app.crawl_pages AS p (tenant_id, site_id, url, url_hash, kind, outcome, status, reason, content_hash, chars, signals,
                                  fetched_at, changed_at)
SELECT $1, $2, t.url, t.url_hash, t.kind, t.outcome, t.status, t.reason, t.content_hash, t.chars, t.signals::jsonb, t.fetched_at,
       CASE WHEN t.content_hash IS NOT NULL THEN t.fetched_at END
  FROM unnest($3::text[], $4::bytea[], $5::text[], $6::text[], $7::int[], $8::text[], $9::bytea[], $10::int[], $11::text[],
              $12::timestamptz[]) AS t (url, url_hash, kind, outcome, status, reason, content_hash, chars, signals, fetched_at)
 ORDER BY t.url_hash
ON CONFLICT (tenant_id, site_id, url_hash) DO UPDATE SET
    kind = EXCLUDED.kind, outcome = EXCLUDED.outcome, status = EXCLUDED.status, reason = EXCLUDED.reason,
    content_hash = coalesce(EXCLUDED.content_hash, p.content_hash),
    chars = CASE WHEN EXCLUDED.content_hash IS NULL THEN p.chars ELSE EXCLUDED.chars END,
    signals = CASE WHEN EXCLUDED.content_hash IS NULL THEN p.signals ELSE EXCLUDED.signals END, fetched_at = EXCLUDED.fetched_at,
    changed_at = CASE WHEN EXCLUDED.content_hash IS NULL OR EXCLUDED.content_hash = p.content_hash THEN p.changed_at
                      ELSE EXCLUDED.fetched_at END
RETURNING changed_at = fetched_at AS changed

-- site --
-- How the last walk over a domain went.
SELECT id, domain, company_id, outcome, reason, home_url, moved_to, language, description, corpus, requests, seconds, failures, crawled_at
  FROM app.crawl_sites WHERE tenant_id = $1 AND domain = $2

-- pages --
-- What was read of a domain, newest walk, in the order of the walk.
SELECT p.url, p.kind, p.outcome, p.status, p.reason, p.content_hash, p.chars, p.signals, p.fetched_at, p.changed_at
  FROM app.crawl_pages p JOIN app.crawl_sites s ON s.tenant_id = p.tenant_id AND s.id = p.site_id
 WHERE s.tenant_id = $1 AND s.domain = $2 ORDER BY p.fetched_at, p.id

-- forget --
-- Walks that nobody repeated for long: an objection of the site's owner, and the law, want that they go.
DELETE FROM app.crawl_sites WHERE tenant_id = $1 AND crawled_at < app.now() - $2::int * interval '1 day' RETURNING 1
