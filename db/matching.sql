-- uncompared --
-- Companies that nobody has compared since something about them was new, oldest first.
SELECT c.id FROM app.companies c
 WHERE c.tenant_id = $1 AND c.compared_at IS NULL AND c.merged_into IS NULL ORDER BY c.id LIMIT $2

-- waiting --
-- How many of them there are.
SELECT count(*)::int FROM app.companies c WHERE c.tenant_id = $1 AND c.compared_at IS NULL AND c.merged_into IS NULL

-- suspects --
-- Companies as they are compared: with the address somebody read, and all registry ids.
SELECT c.id, c.name, c.name_core, c.country, c.city, c.phone, c.domain,
       (SELECT v.value #>> '{}' FROM app.field_values v WHERE v.tenant_id = c.tenant_id AND v.entity_id = c.id AND v.field = 'address'
           AND v.superseded_at IS NULL AND jsonb_typeof(v.value) = 'string' ORDER BY v.confidence DESC, v.id LIMIT 1) AS address,
       ARRAY(SELECT k.value FROM app.entity_keys k WHERE k.tenant_id = c.tenant_id AND k.entity_id = c.id AND k.key_type = 'registry') AS registries
  FROM app.companies c WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND c.merged_into IS NULL

-- similar --
-- The likest names, through the one function that may use trigrams (design.md 6b).
SELECT place, id FROM app.similar_companies($1::text[], $2::text[], $3::uuid[], $4)

-- alike --
-- The likest names to one.
SELECT c.name_core FROM app.similar_companies(ARRAY[$1::text], ARRAY[$2::text], ARRAY[NULL]::uuid[], $3) s
  JOIN app.companies c ON c.tenant_id = nullif(current_setting('request.tenant_id', true), '')::uuid AND c.id = s.id ORDER BY s.likeness DESC, c.id

-- same_phone --
-- Companies with the telephone of these. A number that many have is a switchboard's and says nothing.
SELECT w.id, c.id AS other FROM app.companies w JOIN app.companies c ON c.tenant_id = w.tenant_id AND c.phone = w.phone AND c.id <> w.id
 WHERE w.tenant_id = $1 AND w.id = ANY($2::uuid[]) AND c.merged_into IS NULL
   AND (SELECT count(*) FROM (SELECT FROM app.companies n WHERE n.tenant_id = w.tenant_id AND n.phone = w.phone AND n.merged_into IS NULL LIMIT 4) s) <= 3

-- names --
-- A sample of the tenant's names, from which the rarity of words is learned.
SELECT c.name FROM app.companies c WHERE c.tenant_id = $1 AND c.merged_into IS NULL ORDER BY c.id DESC LIMIT $2

-- known_pairs --
-- Pairs that were thought about before.
SELECT d.a_id, d.b_id FROM app.match_decisions d JOIN unnest($2::uuid[], $3::uuid[]) AS w(a_id, b_id) ON d.a_id = w.a_id AND d.b_id = w.b_id
 WHERE d.tenant_id = $1 AND d.kind = 'company'

-- apart --
-- Pairs among these that a person said are two.
SELECT d.a_id, d.b_id FROM app.match_decisions d
 WHERE d.tenant_id = $1 AND d.kind = 'company' AND d.a_id = ANY($2::uuid[]) AND d.b_id = ANY($2::uuid[]) AND d.decision IN ('rejected', 'undone')

-- add_pairs --
-- Pairs a person has to decide, in key order.
INSERT INTO app.match_decisions (tenant_id, kind, a_id, b_id, probability, features, contradictions, model_version_id)
SELECT $1, 'company', p.a_id, p.b_id, p.probability, p.features,
       coalesce(string_to_array(nullif(p.contradictions, ''), ' '), '{}'), $7
  FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::jsonb[], $6::text[]) AS p(a_id, b_id, probability, features, contradictions)
 ORDER BY p.a_id, p.b_id
ON CONFLICT DO NOTHING
RETURNING id, a_id, b_id

-- mark_compared --
-- Compared with all others.
UPDATE app.companies c SET compared_at = app.now() WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND c.compared_at IS NULL

-- list --
-- Pairs with both sides, newest first. Pending ones only while neither has gone under another company.
SELECT d.id, d.kind, d.probability, d.features, d.contradictions, d.decision, d.survivor_id, d.decided_by, d.decided_at, d.reason, d.created_at,
       a.id AS a_id, a.name AS a_name, a.country AS a_country, a.city AS a_city, a.domain AS a_domain, a.phone AS a_phone,
       a.registry_id AS a_registry_id, a.merged_into AS a_merged_into,
       b.id AS b_id, b.name AS b_name, b.country AS b_country, b.city AS b_city, b.domain AS b_domain, b.phone AS b_phone,
       b.registry_id AS b_registry_id, b.merged_into AS b_merged_into
  FROM app.match_decisions d
  JOIN app.companies a ON a.tenant_id = d.tenant_id AND a.id = d.a_id
  JOIN app.companies b ON b.tenant_id = d.tenant_id AND b.id = d.b_id
 WHERE d.tenant_id = $1 AND d.kind = 'company' AND d.id < $2 AND ($3::text IS NULL OR d.decision = $3) AND ($4::uuid IS NULL OR d.id = $4)
   AND (d.decision <> 'pending' OR $4::uuid IS NOT NULL OR (a.merged_into IS NULL AND b.merged_into IS NULL))
 ORDER BY d.id DESC LIMIT $5

-- answered --
-- What persons answered: the training pairs of the tenant's own model.
SELECT d.features, d.decision = 'merged' AS same FROM app.match_decisions d
 WHERE d.tenant_id = $1 AND d.kind = 'company' AND d.decision IN ('merged', 'rejected', 'undone') ORDER BY d.id

-- own_model --
-- The tenant's own model of pairs.
SELECT id, model, config FROM app.model_versions WHERE tenant_id = $1 AND family = 'pairs' AND stage = 'ACTIVE'

-- answers --
-- How many pairs persons have decided about.
SELECT count(*)::int FROM app.match_decisions d WHERE d.tenant_id = $1 AND d.kind = 'company' AND d.decision IN ('merged', 'rejected', 'undone')

-- archive_model --
-- A newer one takes its place.
UPDATE app.model_versions SET stage = 'ARCHIVED', stage_at = app.now() WHERE tenant_id = $1 AND family = 'pairs' AND stage = 'ACTIVE'

-- add_model --
-- The tenant's own from now on.
INSERT INTO app.model_versions (tenant_id, family, version, stage, model, config, metrics, reason)
SELECT $1, 'pairs', coalesce(max(version), 0) + 1, 'ACTIVE', $2, $3, $4, 'tells held-out answers better than the shipped one'
  FROM app.model_versions WHERE tenant_id = $1 AND family = 'pairs'
