-- record --
-- That somebody agreed, or is a customer; said once. Nothing comes back for a contact that is not there.
INSERT INTO app.consents (tenant_id, contact_id, channel, basis, source, note, given_at, recorded_by)
SELECT $1, p.id, $3, $4, $5, $6, coalesce($7, app.now()), left($8, 200) FROM app.contacts p WHERE p.tenant_id = $1 AND p.id = $2
ON CONFLICT (tenant_id, contact_id, channel, basis) WHERE withdrawn_at IS NULL DO UPDATE SET channel = EXCLUDED.channel
RETURNING id, contact_id, channel, basis, source, note, given_at, recorded_by, withdrawn_at, withdrawn_by, created_at

-- list --
-- Newest first, keyset by id; of one contact or of all.
SELECT id, contact_id, channel, basis, source, note, given_at, recorded_by, withdrawn_at, withdrawn_by, created_at
  FROM app.consents WHERE tenant_id = $1 AND id < $2 AND ($3::uuid IS NULL OR contact_id = $3) ORDER BY id DESC LIMIT $4

-- withdraw --
-- It holds no longer.
UPDATE app.consents SET withdrawn_at = app.now(), withdrawn_by = left($3, 200)
 WHERE tenant_id = $1 AND id = $2 AND withdrawn_at IS NULL RETURNING id

-- known --
-- Is there such a consent at all?
SELECT EXISTS (SELECT FROM app.consents WHERE tenant_id = $1 AND id = $2)

-- standing --
-- On what basis a contact may be written to on that channel.
SELECT c.basis FROM app.consents c
 WHERE c.tenant_id = $1 AND c.contact_id = $2 AND c.channel IN ('any', $3) AND c.withdrawn_at IS NULL AND c.given_at <= app.now()
 ORDER BY c.id LIMIT 1
