-- write --
-- A label. The same source event again says what it says now.
INSERT INTO app.labels (tenant_id, lead_id, kind, value, weight, source, source_event, event_at, known_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, lead_id, kind, source_event) DO UPDATE
   SET value = excluded.value, weight = excluded.weight, event_at = excluded.event_at, known_at = excluded.known_at

-- verdict --
-- What the profile's hard filters said of a lead by then: the newest snapshot at or before it.
SELECT id, verdict, created_at FROM app.feature_snapshots
 WHERE tenant_id = $1 AND lead_id = $2 AND created_at <= $3 ORDER BY created_at DESC, id DESC LIMIT 1

-- of_lead --
-- All labels of a lead, newest first.
SELECT kind, value, weight, source, source_event, event_at, known_at FROM app.labels
 WHERE tenant_id = $1 AND lead_id = $2 ORDER BY event_at DESC, id DESC LIMIT 200

-- examples --
-- Each lead that was decided on, with its labels, what was known of it at that moment and what it was scored then. The moment: the
-- first thing that anybody said about it, or the first message that went out, whichever came first. Never a later snapshot.
WITH said AS (
    SELECT lead_id, min(event_at) FILTER (WHERE kind <> 'icp') AS first_at,
           jsonb_agg(jsonb_build_object('kind', kind, 'value', value, 'weight', weight, 'event_at', event_at, 'known_at', known_at)
                     ORDER BY event_at, id) AS labels
      FROM app.labels WHERE tenant_id = $1 GROUP BY lead_id
), decided AS (
    SELECT s.lead_id, s.labels, least(s.first_at, m.sent_at) AS decided_at
      FROM said s LEFT JOIN LATERAL (
           SELECT min(sent_at) AS sent_at FROM app.messages WHERE tenant_id = $1 AND lead_id = s.lead_id) m ON true
     WHERE s.first_at IS NOT NULL
)
SELECT d.lead_id, d.decided_at, l.icp_profile_id, d.labels, f.id AS snapshot_id, f.vector, f.verdict,
       p.model_version_id, p.probability, p.score, r.score AS rules_score
  FROM decided d
  JOIN app.leads l ON l.tenant_id = $1 AND l.id = d.lead_id
  LEFT JOIN LATERAL (
       SELECT id, vector, verdict FROM app.feature_snapshots
        WHERE tenant_id = $1 AND lead_id = d.lead_id AND created_at <= d.decided_at ORDER BY created_at DESC, id DESC LIMIT 1) f ON true
  LEFT JOIN LATERAL (
       SELECT model_version_id, probability, score FROM app.score_predictions
        WHERE tenant_id = $1 AND lead_id = d.lead_id AND decided_at <= d.decided_at ORDER BY decided_at DESC, id DESC LIMIT 1) p ON true
  LEFT JOIN LATERAL (
       SELECT score FROM app.score_predictions
        WHERE tenant_id = $1 AND lead_id = d.lead_id AND model_version_id IS NULL AND created_at <= d.decided_at
        ORDER BY created_at DESC, id DESC LIMIT 1) r ON true
 ORDER BY d.decided_at DESC, d.lead_id DESC LIMIT $2
