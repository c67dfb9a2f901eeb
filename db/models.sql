-- add --
-- A new version stands in SHADOW: nothing follows it yet.
INSERT INTO app.model_versions (tenant_id, family, version, kind, model, config, metrics, reason, data_hash, trained_from, trained_to,
       training_run_id)
SELECT $1::uuid, $2::varchar, coalesce(max(version), 0) + 1, 'logistic_regression', $3, $4, $5, $6, $7, $8, $9, $10
  FROM app.model_versions WHERE tenant_id = $1::uuid AND family = $2::varchar
RETURNING id, version

-- take_turns --
-- Versions of a family are made and moved one at a time.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.models.' || $1::text || '.' || $2::text, 0))

-- list --
-- Newest first, keyset by id; the newest evaluation beside each.
SELECT v.id, v.family, v.version, v.kind, v.stage, v.reason, v.traffic, v.trained_from, v.trained_to, v.training_run_id, v.created_at,
       v.stage_at, v.active_at, coalesce(e.metrics, v.metrics) -> 'figures' AS figures
  FROM app.model_versions v
  LEFT JOIN LATERAL (SELECT metrics FROM app.model_evaluations
                      WHERE tenant_id = $1 AND model_version_id = v.id AND metrics ? 'figures' ORDER BY id DESC LIMIT 1) e ON true
 WHERE v.tenant_id = $1 AND v.id < $2 AND ($3::text IS NULL OR v.stage = $3) AND ($4::uuid IS NULL OR v.id = $4)
 ORDER BY v.id DESC LIMIT $5

-- whole --
-- One version with everything it is made of.
SELECT model, config, metrics, encode(data_hash, 'hex') AS data_hash FROM app.model_versions WHERE tenant_id = $1 AND id = $2

-- evaluations --
-- Looks at a version, newest first.
SELECT id, cause, window_from, window_to, passed, decision, reason, metrics, created_at FROM app.model_evaluations
 WHERE tenant_id = $1 AND model_version_id = $2 ORDER BY id DESC LIMIT $3

-- active --
-- The version that decides.
SELECT id FROM app.model_versions WHERE tenant_id = $1 AND family = $2 AND stage = 'ACTIVE'

-- watched --
-- Versions that a check looks at: the one that decides, and those beside it.
SELECT id FROM app.model_versions WHERE tenant_id = $1 AND stage IN ('ACTIVE', 'SHADOW') ORDER BY id DESC LIMIT 20

-- before --
-- Whoever decided before a version did.
SELECT id FROM app.model_versions
 WHERE tenant_id = $1 AND family = $2 AND stage = 'ARCHIVED' AND active_at < (SELECT active_at FROM app.model_versions WHERE tenant_id = $1 AND id = $3)
 ORDER BY active_at DESC LIMIT 1

-- move --
-- Into another stage, with the reason. What leaves SHADOW has no share of its own any more.
UPDATE app.model_versions SET stage = $3, reason = left($4, 2000), stage_at = app.now(), traffic = 0,
       active_at = CASE WHEN $3 = 'ACTIVE' THEN app.now() ELSE active_at END
 WHERE tenant_id = $1 AND id = $2

-- because --
-- Why it stays where it is.
UPDATE app.model_versions SET reason = left($3, 2000) WHERE tenant_id = $1 AND id = $2

-- split --
-- The share of leads a SHADOW version decides, if there is room beside the other shares.
UPDATE app.model_versions v SET traffic = $3
 WHERE v.tenant_id = $1 AND v.id = $2 AND v.stage = 'SHADOW'
   AND $3::float8 + (SELECT coalesce(sum(traffic), 0) FROM app.model_versions o
                      WHERE o.tenant_id = $1 AND o.family = v.family AND o.stage = 'SHADOW' AND o.id <> v.id) <= 1
RETURNING v.id

-- recalibrate --
-- New slope, offset and base rate; the weights stay.
UPDATE app.model_versions SET model = model || $3::jsonb WHERE tenant_id = $1 AND id = $2

-- note_evaluation --
-- One look under one cause.
INSERT INTO app.model_evaluations (tenant_id, model_version_id, cause, window_from, window_to, passed, decision, reason, metrics)
VALUES ($1, $2, $3, $4, $5, $6, $7, left($8, 2000), $9)
ON CONFLICT (tenant_id, model_version_id, cause) DO NOTHING
