-- policies --
-- What a tenant has decided about its messages.
SELECT p.name, p.value FROM app.tenant_policies p WHERE p.tenant_id = $1 AND p.name = ANY($2::text[])

-- put_policy --
-- Decide it.
INSERT INTO app.tenant_policies (tenant_id, name, value, set_by) VALUES ($1, $2, $3, left($4, 200))
ON CONFLICT (tenant_id, name) DO UPDATE SET value = EXCLUDED.value, set_by = EXCLUDED.set_by, updated_at = app.now()

-- drop_policy --
-- Back to the default.
DELETE FROM app.tenant_policies WHERE tenant_id = $1 AND name = $2

-- templates --
-- A tenant's own words.
SELECT t.id, t.channel, t.sequence_step, t.language, t.body, t.parameters, t.vendor_templates, t.set_by, t.updated_at
  FROM app.message_templates t WHERE t.tenant_id = $1 ORDER BY t.channel, t.sequence_step, t.language

-- put_template --
-- New words, or others in their place.
INSERT INTO app.message_templates (tenant_id, channel, sequence_step, language, body, parameters, vendor_templates, set_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, left($8, 200))
ON CONFLICT (tenant_id, channel, sequence_step, language) DO UPDATE
   SET body = EXCLUDED.body, parameters = EXCLUDED.parameters, vendor_templates = EXCLUDED.vendor_templates, set_by = EXCLUDED.set_by,
       updated_at = app.now()
RETURNING id, channel, sequence_step, language, body, parameters, vendor_templates, set_by, updated_at

-- drop_template --
-- Back to the words that come with the product.
DELETE FROM app.message_templates WHERE tenant_id = $1 AND id = $2 RETURNING language
