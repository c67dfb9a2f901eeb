-- lock_profile --
-- Versions of a profile's rules are made and moved one at a time.
SELECT closed_at FROM app.icp_profiles WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE

-- add --
-- The next version.
INSERT INTO app.rule_sets (tenant_id, id, icp_profile_id, version, stage, medium_from, high_from, made_by, reason)
SELECT $1, $2, $3, 1 + coalesce((SELECT max(s.version) FROM app.rule_sets s WHERE s.tenant_id = $1 AND s.icp_profile_id = $3), 0), $4, $5, $6,
       left($7, 200), $8

-- add_rules --
-- Its rules, in order. Values are JSON texts.
INSERT INTO app.qualification_rules (tenant_id, rule_set_id, position, type, field_key, operator, value, weight, on_missing)
SELECT $1, $2, r.place - 1, r.type, r.field_key, r.operator, r.value::jsonb, r.weight, r.on_missing
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[]) WITH ORDINALITY
       AS r(type, field_key, operator, value, weight, on_missing, place) ORDER BY r.place

-- sets --
-- Versions of a profile, newest first.
SELECT id, icp_profile_id, version, stage, medium_from, high_from, made_by, reason, created_at, stage_at
  FROM app.rule_sets WHERE tenant_id = $1 AND icp_profile_id = $2 ORDER BY version DESC LIMIT 200

-- set --
-- One version.
SELECT id, icp_profile_id, version, stage, medium_from, high_from, made_by, reason, created_at, stage_at
  FROM app.rule_sets WHERE tenant_id = $1 AND icp_profile_id = $2 AND id = $3

-- standing --
-- The versions of a profile that score: ACTIVE and SHADOW.
SELECT id, icp_profile_id, version, stage, medium_from, high_from, made_by, reason, created_at, stage_at
  FROM app.rule_sets WHERE tenant_id = $1 AND icp_profile_id = $2 AND stage <> 'ARCHIVED' ORDER BY stage

-- rules --
-- The rules of some sets, in order.
SELECT id, rule_set_id, position, type, field_key, operator, value, weight, on_missing
  FROM app.qualification_rules WHERE tenant_id = $1 AND rule_set_id = ANY($2::uuid[]) ORDER BY rule_set_id, position

-- leave --
-- Whoever stands on a stage makes room.
UPDATE app.rule_sets SET stage = 'ARCHIVED', stage_at = app.now()
 WHERE tenant_id = $1 AND icp_profile_id = $2 AND stage = $3 AND id <> $4 RETURNING id

-- move --
-- A version moves to another stage.
UPDATE app.rule_sets SET stage = $4, stage_at = app.now() WHERE tenant_id = $1 AND icp_profile_id = $2 AND id = $3
