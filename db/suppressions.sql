-- hold --
-- Whoever is about to act on the list, or to write a person: nobody adds to it until this transaction has ended.
SELECT pg_advisory_xact_lock_shared(hashtextextended('headwater.suppressions:' || $1::uuid::text, 0))

-- hold_alone --
-- Whoever adds to the list: waits for those who act on it, and they for it.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.suppressions:' || $1::uuid::text, 0))

-- key --
-- What a tenant's values are hashed with, and whether anybody was erased.
SELECT k.key, EXISTS (SELECT FROM app.suppressions s WHERE s.tenant_id = $1 AND s.erased) AS anybody_erased
  FROM app.suppression_keys k WHERE k.tenant_id = $1

-- make_key --
-- The first to need it makes it.
INSERT INTO app.suppression_keys (tenant_id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- add --
-- Entries in key order (law 7). Gives those that are new, or that became an erasure.
INSERT INTO app.suppressions AS s (tenant_id, channel, key_type, key_hash, reason, source, added_by, erased)
SELECT $1, n.channel, n.key_type, n.key_hash, left(n.reason, 200), left($6, 100), left($7, 200), $8
  FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[]) AS n(channel, key_type, key_hash, reason)
 ORDER BY n.channel, n.key_type, n.key_hash
ON CONFLICT (tenant_id, channel, key_type, key_hash) DO UPDATE
   SET erased = true, reason = EXCLUDED.reason, source = EXCLUDED.source, added_by = EXCLUDED.added_by
 WHERE EXCLUDED.erased AND NOT s.erased
RETURNING id, channel, key_type, key_hash

-- hits --
-- Entries for these hashes, on that channel or on any.
SELECT s.id, s.channel, s.key_type, s.key_hash, s.reason, s.source, s.erased, s.added_by, s.created_at
  FROM app.suppressions s
 WHERE s.tenant_id = $1 AND s.channel IN ('any', $2) AND s.key_type = ANY($3::text[]) AND s.key_hash = ANY($4::bytea[])
   AND (s.erased OR NOT $5::boolean)
 ORDER BY s.id

-- list --
-- Newest first, keyset by id.
SELECT s.id, s.channel, s.key_type, s.reason, s.source, s.erased, s.added_by, s.created_at
  FROM app.suppressions s
 WHERE s.tenant_id = $1 AND s.id < $2 AND ($3::text IS NULL OR s.channel = $3) AND ($4::text IS NULL OR s.key_type = $4)
 ORDER BY s.id DESC LIMIT $5

-- show --
-- One entry.
SELECT s.id, s.channel, s.key_type, s.reason, s.source, s.erased, s.added_by, s.created_at
  FROM app.suppressions s WHERE s.tenant_id = $1 AND s.id = $2

-- remove --
-- Take an entry away.
DELETE FROM app.suppressions WHERE tenant_id = $1 AND id = $2

-- resume --
-- Somebody who had stopped our messages wants them again: only what that vendor told us is taken back.
DELETE FROM app.suppressions WHERE tenant_id = $1 AND key_hash = $2 AND source = $3 AND NOT erased RETURNING 1
