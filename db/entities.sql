-- known_keys --
-- Which of these keys are taken, by whom, and what registry ids that entity has: two registry numbers are two companies.
SELECT k.kind, k.key_type, k.value, k.entity_id,
       CASE WHEN k.kind = 'company' THEN ARRAY(SELECT r.value FROM app.entity_keys r
              WHERE r.tenant_id = $1 AND r.entity_id = k.entity_id AND r.key_type = 'registry') ELSE '{}' END AS registries
  FROM app.entity_keys k JOIN unnest($2::text[], $3::text[], $4::text[]) AS w(kind, key_type, value)
    ON k.tenant_id = $1 AND k.kind = w.kind AND k.key_type = w.key_type AND k.value = w.value

-- new_ids --
-- Provisional entity ids.
SELECT app.uuidv7() AS id FROM generate_series(1, $1::int)

-- take_keys --
-- First come, first served, in key order (law 7). Whoever loses reads the winner.
INSERT INTO app.entity_keys (tenant_id, kind, key_type, value, entity_id)
SELECT $1, w.kind, w.key_type, w.value, w.entity_id FROM unnest($2::text[], $3::text[], $4::text[], $5::uuid[]) AS w(kind, key_type, value, entity_id)
 ORDER BY w.kind, w.key_type, w.value
ON CONFLICT DO NOTHING

-- follow --
-- Keys taken for an entity that lost its strongest key go to the winner.
UPDATE app.entity_keys k SET entity_id = m.winner FROM unnest($2::uuid[], $3::uuid[]) AS m(loser, winner)
 WHERE k.tenant_id = $1 AND k.entity_id = m.loser
