-- of_night --
-- The newest run that stands for a night.
SELECT m.run_id, m.night, m.cap, m.cap_source, r.status FROM app.night_manifests m JOIN app.runs r ON r.tenant_id = m.tenant_id AND r.id = m.run_id
 WHERE m.tenant_id = $1 AND m.night = $2 ORDER BY m.run_id DESC LIMIT 1

-- rows --
-- Its companies, the best first: under the score the night gave them, else the one that decides. Nobody whose address must not be used.
SELECT n.company_id, c.name AS company_name, c.domain, c.country, n.lead_id, n.reason, s.state AS status, p.score, p.band,
       coalesce(p.rejected, false) AS rejected, p.rationale, coalesce(f.vector, '{}') AS features,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', k.id, 'name', k.name, 'title', k.title, 'email', k.email, 'email_status', k.email_status,
                                                     'phone', k.phone) ORDER BY k.id = l.contact_id DESC NULLS LAST, k.email IS NOT NULL DESC, k.id)
                   FROM app.contacts k WHERE k.tenant_id = n.tenant_id AND k.company_id = c.id AND k.merged_into IS NULL
                    AND k.email_status IS DISTINCT FROM 'suppress'), '[]') AS contacts
  FROM app.night_manifests m
  JOIN app.night_companies n ON n.tenant_id = m.tenant_id AND n.run_id = m.run_id AND n.company_id = ANY(m.company_ids)
  JOIN app.companies c ON c.tenant_id = n.tenant_id AND c.id = n.company_id
  LEFT JOIN app.leads l ON l.tenant_id = n.tenant_id AND l.id = n.lead_id
  LEFT JOIN app.run_slices s ON s.tenant_id = n.tenant_id AND s.id = n.slice_id
  LEFT JOIN LATERAL (SELECT q.score, q.band, q.rejected, q.rationale, q.snapshot_id FROM app.score_predictions q
                      WHERE q.tenant_id = n.tenant_id AND q.lead_id = n.lead_id AND (q.id = n.prediction_id OR q.decides)
                      ORDER BY q.id = n.prediction_id DESC NULLS LAST, q.id DESC LIMIT 1) p ON true
  LEFT JOIN app.feature_snapshots f ON f.tenant_id = n.tenant_id AND f.id = p.snapshot_id
 WHERE m.tenant_id = $1 AND m.run_id = $2
 ORDER BY p.rejected IS TRUE, p.score DESC NULLS LAST, n.place
