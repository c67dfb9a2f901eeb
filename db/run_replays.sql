-- start --
-- A replay is born pending, with the parameters of the run it does again.
INSERT INTO app.runs (deadline_at, tenant_id, id, kind, mode, dry_run, triggered_by, requested_by, parent_id, params)
SELECT app.now() + interval '1 day', $1, $3, 'replay', 'manual', $4, $5, $6, r.id, r.params FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2

-- subject --
-- The run that is to be done again.
SELECT r.kind, r.status, r.dry_run FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2

-- parent --
-- The run a replay does again.
SELECT r.parent_id FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.kind = 'replay'

-- answers --
-- What a run read, page by page, as it was stored: also past the time in which it would answer a new question.
SELECT l.slice_id, l.page, i.vendor, i.response FROM app.run_vendor_items l
  JOIN app.vendor_items i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
 WHERE l.tenant_id = $1 AND l.run_id = $2 AND i.state = 'answered' AND i.response IS NOT NULL ORDER BY l.item_id

-- committed --
-- The pages of a run in the order in which they were committed.
SELECT r.slice_id, r.page FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2 GROUP BY 1, 2 ORDER BY min(r.id::text)

-- made_before --
-- Companies that the run and its replays have made: they count towards its cap.
SELECT count(*)::int FROM app.companies c WHERE c.tenant_id = $1 AND c.created_by_run IN (
    SELECT $2::uuid UNION ALL SELECT r.id FROM app.runs r WHERE r.tenant_id = $1 AND r.parent_id = $2 AND r.kind = 'replay')

-- touched --
-- The companies that keys lead to, those the run's records belong to, and what they were merged into.
WITH RECURSIVE met AS (
    SELECT k.entity_id AS id FROM app.entity_keys k JOIN unnest($3::text[], $4::text[]) AS w(key_type, value)
        ON k.tenant_id = $1 AND k.kind = 'company' AND k.key_type = w.key_type AND k.value = w.value
    UNION
    SELECT r.company_id FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = ANY($2::uuid[]) AND r.company_id IS NOT NULL
    UNION
    SELECT c.merged_into FROM met m JOIN app.companies c ON c.tenant_id = $1 AND c.id = m.id WHERE c.merged_into IS NOT NULL
)
SELECT id FROM met

-- lock_companies --
-- Entity locks in key order, before anything is added to them.
SELECT c.id FROM app.companies c WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) ORDER BY c.id FOR NO KEY UPDATE

-- images --
-- What stands of companies, their contacts and leads; of a company its keys too.
SELECT 'company' AS kind, c.id,
       to_jsonb(c) || jsonb_build_object('keys', (SELECT coalesce(jsonb_agg(k.key_type || ' ' || k.value ORDER BY k.key_type, k.value), '[]')
                                                    FROM app.entity_keys k WHERE k.tenant_id = $1 AND k.entity_id = c.id AND k.kind = 'company')) AS image
  FROM app.companies c WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[])
UNION ALL
SELECT 'contact', p.id, to_jsonb(p) FROM app.contacts p WHERE p.tenant_id = $1 AND p.company_id = ANY($2::uuid[])
UNION ALL
SELECT 'lead', l.id, to_jsonb(l) FROM app.leads l WHERE l.tenant_id = $1 AND l.company_id = ANY($2::uuid[])

-- placed --
-- Hits whose company is another one than the newest record of the run, or of one of its replays, says. Merged companies are one.
WITH RECURSIVE earlier AS MATERIALIZED (
    SELECT DISTINCT ON (r.slice_id, r.page, r.external_id) r.slice_id, r.page, r.external_id, r.status, r.company_id
      FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = ANY($3::uuid[]) ORDER BY r.slice_id, r.page, r.external_id, r.id DESC
), today AS MATERIALIZED (
    SELECT r.id, r.slice_id, r.page, r.external_id, r.status, r.reason, r.company_id, r.source, r.payload ->> 'name' AS name
      FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2
), chain AS (
    SELECT c.id, c.id AS at, c.merged_into FROM app.companies c
     WHERE c.tenant_id = $1 AND c.id IN (SELECT e.company_id FROM earlier e UNION SELECT t.company_id FROM today t)
    UNION ALL
    SELECT h.id, c.id, c.merged_into FROM chain h JOIN app.companies c ON c.tenant_id = $1 AND c.id = h.merged_into
), ends AS MATERIALIZED (
    SELECT h.id, h.at FROM chain h WHERE h.merged_into IS NULL
)
SELECT t.id, t.slice_id, t.page, t.external_id, t.source, t.name, t.status, t.reason, t.company_id, e.status AS was_status, e.company_id AS was_company_id,
       a.name AS company, b.name AS was_company
  FROM today t LEFT JOIN earlier e ON e.slice_id = t.slice_id AND e.page = t.page AND e.external_id = t.external_id
  LEFT JOIN ends te ON te.id = t.company_id LEFT JOIN ends ee ON ee.id = e.company_id
  LEFT JOIN app.companies a ON a.tenant_id = $1 AND a.id = t.company_id LEFT JOIN app.companies b ON b.tenant_id = $1 AND b.id = e.company_id
 WHERE e.status IS NULL OR te.at IS DISTINCT FROM ee.at
 ORDER BY t.slice_id, t.page, t.external_id

-- companies_of --
-- The companies that a replay's records belong to.
SELECT DISTINCT r.company_id FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.company_id IS NOT NULL

-- forget_same --
-- Records of a replay that say what the run's own say already. Those a new lead came from stay.
DELETE FROM app.source_records r WHERE r.tenant_id = $1 AND r.run_id = $2 AND r.lead_id IS NULL AND r.id <> ALL($3::uuid[])

-- note --
-- The difference, in the order in which it is shown.
INSERT INTO app.replay_differences (tenant_id, run_id, position, kind, change, entity_id, subject, fields)
SELECT $1, $2, d.position - 1, d.kind, d.change, d.entity_id, d.subject, d.fields
  FROM unnest($3::text[], $4::text[], $5::uuid[], $6::jsonb[], $7::jsonb[]) WITH ORDINALITY AS d(kind, change, entity_id, subject, fields, position)

-- scored_leads --
-- Leads of a run and its replays that stand for themselves and have a score of what is known of them, page by page.
SELECT l.id AS lead_id, c.name AS company, s.icp_profile_id, s.vector, p.score, p.band, p.rejected
  FROM app.leads l JOIN app.feature_snapshots s ON s.tenant_id = l.tenant_id AND s.id = l.snapshot_id
  JOIN app.score_predictions p ON p.tenant_id = l.tenant_id AND p.lead_id = l.id AND p.snapshot_id = s.id AND p.decides
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
 WHERE l.tenant_id = $1 AND l.run_id = ANY($2::uuid[]) AND l.merged_into IS NULL AND l.id > $3 ORDER BY l.id LIMIT $4

-- scored_after --
-- How many there are after one of them.
SELECT count(*)::int FROM app.leads l JOIN app.score_predictions p
    ON p.tenant_id = l.tenant_id AND p.lead_id = l.id AND p.snapshot_id = l.snapshot_id AND p.decides
 WHERE l.tenant_id = $1 AND l.run_id = ANY($2::uuid[]) AND l.merged_into IS NULL AND l.id > $3

-- count --
-- What a replay read again, and which slices it could not.
UPDATE app.runs SET counters = counters || $3::jsonb, updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- counters --
-- The same, for whoever asks.
SELECT r.parent_id, r.counters FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.kind = 'replay'

-- summary --
-- How much differs, by kind.
SELECT d.kind, d.change, count(*)::int AS count FROM app.replay_differences d WHERE d.tenant_id = $1 AND d.run_id = $2 GROUP BY 1, 2 ORDER BY 1, 2

-- page --
-- A page of the difference.
SELECT d.position, d.kind, d.change, d.entity_id, d.subject, d.fields FROM app.replay_differences d
 WHERE d.tenant_id = $1 AND d.run_id = $2 AND d.position > $3 ORDER BY d.position LIMIT $4

-- of_run --
-- The replays of a run, newest first.
SELECT r.id FROM app.runs r WHERE r.tenant_id = $1 AND r.parent_id = $2 AND r.kind = 'replay' AND ($3::uuid IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4

-- family --
-- A run and its replays, but for one of them.
SELECT $2::uuid AS id UNION ALL SELECT r.id FROM app.runs r WHERE r.tenant_id = $1 AND r.parent_id = $2 AND r.kind = 'replay' AND r.id <> $3
