-- read --
-- What a run of tenders asked and was answered, in the order in which it was said.
SELECT l.slice_id, l.page, i.request, i.response, i.outcome, coalesce(i.note = 'erased', false) AS erased
  FROM app.run_vendor_items l JOIN app.vendor_items i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
 WHERE l.tenant_id = $1 AND l.run_id = $2 AND i.state = 'answered' ORDER BY i.said_at, i.id

-- newer --
-- Notices that a later run has seen: what it read of them stands.
SELECT o.notice_id FROM app.opportunities o JOIN app.run_slices s ON s.tenant_id = o.tenant_id AND s.id = o.seen_slice_id
 WHERE o.tenant_id = $1 AND o.source = $2 AND o.notice_id = ANY($3::text[]) AND s.run_id > $4

-- images --
-- What stands of these notices in the shared store.
SELECT o.notice_id, to_jsonb(o) AS image FROM app.opportunities o WHERE o.tenant_id = $1 AND o.source = $2 AND o.notice_id = ANY($3::text[])
 ORDER BY o.notice_id FOR NO KEY UPDATE

-- pairs --
-- A tenant's copies of these notices beside its open profiles, with what is said of each pair by now. System role.
SELECT o.id AS opportunity_id, o.notice_id, o.naics, o.country, o.active, o.content_hash, p.id AS profile_id, p.version AS profile_version,
       p.naics_codes, p.target_countries, e.matched, e.fit, e.reasons, e.id IS NOT NULL AS held,
       e.profile_version = p.version AND e.content_hash = o.content_hash AS current
  FROM app.icp_profiles p JOIN app.opportunities o ON o.tenant_id = p.tenant_id
  LEFT JOIN app.opportunity_evaluations e ON e.tenant_id = o.tenant_id AND e.opportunity_id = o.id AND e.profile_id = p.id
 WHERE p.tenant_id = $1 AND p.closed_at IS NULL AND p.naics_codes <> '{}' AND o.source = $2 AND o.notice_id = ANY($3::text[])
 ORDER BY o.id, p.id LIMIT $4

-- count_pairs --
-- How many there are.
SELECT count(*)::int FROM app.icp_profiles p JOIN app.opportunities o ON o.tenant_id = p.tenant_id
 WHERE p.tenant_id = $1 AND p.closed_at IS NULL AND p.naics_codes <> '{}' AND o.source = $2 AND o.notice_id = ANY($3::text[])
