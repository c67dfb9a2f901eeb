-- start --
-- A replay of enrichments is born pending; no run is its parent, and its counters say whose.
INSERT INTO app.runs (deadline_at, tenant_id, id, kind, mode, dry_run, triggered_by, requested_by, params, counters)
VALUES (app.now() + interval '1 day', $1, $2, 'replay', 'manual', $3, $4, $5, $6, $7)

-- there --
-- Those of these leads that there are.
SELECT l.id FROM app.leads l WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])

-- run_exists --
-- Is there such a run?
SELECT id FROM app.runs WHERE tenant_id = $1 AND id = $2

-- of_run --
-- The leads that a run made and that somebody has enriched, oldest first.
SELECT l.id FROM app.leads l WHERE l.tenant_id = $1 AND l.run_id = $2 AND l.merged_into IS NULL
   AND EXISTS (SELECT FROM app.enrichments e WHERE e.tenant_id = l.tenant_id AND e.lead_id = l.id AND e.state = 'COMPLETED')
 ORDER BY l.id LIMIT $3

-- asked --
-- Whose enrichments a replay does again.
SELECT r.counters -> 'leads' FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $2 AND r.kind = 'replay'

-- chosen --
-- These leads in the order of their companies, with the newest enrichment that was completed.
SELECT l.id AS lead_id, l.status, l.merged_into, c.name AS company, e.id AS enrichment_id, coalesce(e.payload -> 'site', '{}') AS site
  FROM app.leads l JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN LATERAL (SELECT n.id, n.payload FROM app.enrichments n
                      WHERE n.tenant_id = l.tenant_id AND n.lead_id = l.id AND n.state = 'COMPLETED' ORDER BY n.id DESC LIMIT 1) e ON true
 WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[]) ORDER BY l.company_id, l.id

-- steps --
-- What each vendor was asked for an enrichment, with the answer as far as it is still stored.
SELECT s.field, s.operation, s.outcome, i.request, i.id, i.response,
       CASE WHEN i.state = 'answered' THEN jsonb_build_object('outcome', i.outcome, 'units_spent', i.units_spent, 'vendor_ref', i.vendor_ref, 'note', i.note,
            'said_at', coalesce(i.said_at, c.sent_at), 'raw', NULL, 'estimated', i.estimated) END AS said
  FROM app.waterfall_steps s
  LEFT JOIN app.vendor_items i ON i.tenant_id = s.tenant_id AND i.id = s.item_id
  LEFT JOIN app.vendor_calls c ON c.tenant_id = i.tenant_id AND c.id = i.call_id
 WHERE s.tenant_id = $1 AND s.enrichment_id = $2 ORDER BY s.field, s.place

-- facts --
-- What is said by now of a company and its people.
SELECT v.kind, v.entity_id, v.vendor, v.field, v.value FROM app.field_values v
 WHERE v.tenant_id = $1 AND v.superseded_at IS NULL
   AND (v.entity_id = $2 OR v.entity_id IN (SELECT p.id FROM app.contacts p WHERE p.tenant_id = $1 AND p.company_id = $2))
 ORDER BY v.entity_id, v.vendor, v.field, v.id

-- scored --
-- The score that decides about a lead.
SELECT l.id AS lead_id, c.name AS company, l.icp_profile_id, '{}'::jsonb AS vector, p.score, p.band, p.rejected
  FROM app.leads l JOIN app.score_predictions p ON p.tenant_id = l.tenant_id AND p.lead_id = l.id AND p.decides
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
 WHERE l.tenant_id = $1 AND l.id = $2
