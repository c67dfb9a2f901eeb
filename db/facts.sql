-- save --
-- What a source says now. The same value again only renews its date; another value of the same source takes the old one's place.
INSERT INTO app.field_values (tenant_id, kind, entity_id, field, value, value_hash, vendor, operation, source_url, terms, confidence,
                              verified, lead_id, observed_at)
SELECT $1, f.kind, f.entity_id, f.field, f.value::jsonb, sha256(convert_to(f.value, 'UTF8')), f.vendor, f.operation, f.source_url, f.terms,
       f.confidence, f.verified, $2, f.observed_at
  FROM unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::float8[], $12::boolean[], $13::timestamptz[])
       AS f(kind, entity_id, field, value, vendor, operation, source_url, terms, confidence, verified, observed_at)
 ORDER BY f.kind, f.entity_id, f.field, f.vendor, sha256(convert_to(f.value, 'UTF8'))
ON CONFLICT (tenant_id, kind, entity_id, field, vendor, value_hash) DO UPDATE
   SET observed_at = greatest(field_values.observed_at, EXCLUDED.observed_at), confidence = EXCLUDED.confidence,
       verified = coalesce(EXCLUDED.verified, field_values.verified), superseded_at = NULL

-- supersede --
-- Older values of the same sources are not what they say now.
UPDATE app.field_values v SET superseded_at = app.now()
 WHERE v.tenant_id = $1 AND v.entity_id = ANY($2::uuid[]) AND v.superseded_at IS NULL
   AND EXISTS (SELECT FROM app.field_values n WHERE n.tenant_id = v.tenant_id AND n.entity_id = v.entity_id AND n.kind = v.kind AND n.field = v.field
                  AND n.vendor = v.vendor AND n.superseded_at IS NULL AND (n.observed_at, n.id) > (v.observed_at, v.id))

-- of_entity --
-- What is known, the surest first: every current value with its source.
SELECT id, kind, entity_id, field, value, vendor, operation, source_url, terms, confidence, verified, observed_at, created_at
  FROM app.field_values WHERE tenant_id = $1 AND entity_id = $2 AND superseded_at IS NULL
 ORDER BY field, coalesce(verified, false) DESC, confidence DESC, observed_at DESC, id LIMIT 1000
