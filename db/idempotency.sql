-- remember --
-- First user of an idempotency key wins; the transaction of the second waits for it.
INSERT INTO app.idempotency_keys (tenant_id, route, key, body_hash, subject_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING subject_id

-- recall --
-- What an idempotency key stands for.
SELECT body_hash, subject_id FROM app.idempotency_keys WHERE tenant_id = $1 AND route = $2 AND key = $3
