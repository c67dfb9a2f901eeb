-- policy --
-- Which source wins, field by field, as the tenant decided.
SELECT value FROM app.tenant_policies WHERE tenant_id = $1 AND name = 'survivorship'

-- said --
-- Everything that was ever said of an entity, the newest first; with a time, what had been heard by then.
SELECT id, kind, entity_id, field, value, vendor, operation, source_url, terms, confidence, verified, observed_at, created_at,
       CASE WHEN superseded_at <= coalesce($3::timestamptz, 'infinity') THEN superseded_at END AS superseded_at
  FROM app.field_values WHERE tenant_id = $1 AND entity_id = $2 AND ($3::timestamptz IS NULL OR created_at <= $3)
 ORDER BY field, observed_at DESC, id DESC LIMIT 2000
