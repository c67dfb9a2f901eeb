-- Which snapshot is a lead's own, and which score decides.

-- What is known of a lead now. A score of an older snapshot that comes late decides nothing.
ALTER TABLE app.leads ADD COLUMN snapshot_id uuid;

-- When a prediction was last found to be so. A lead's facts, or its rules, may return to what they were: the old row decides again.
ALTER TABLE app.score_predictions ADD COLUMN scored_at timestamptz NOT NULL DEFAULT app.now();
-- When a prediction first decided, which stays told after another does; those that were only watched never have.
ALTER TABLE app.score_predictions ADD COLUMN decided_at timestamptz;
-- One score decides about a lead.
CREATE UNIQUE INDEX score_predictions_decides ON app.score_predictions (tenant_id, lead_id) WHERE decides;
CREATE INDEX score_predictions_band ON app.score_predictions (tenant_id, band, lead_id) WHERE decides;

-- Rationales are looked up by what they speak of.
CREATE INDEX feature_snapshots_hash ON app.feature_snapshots (feature_vector_hash, tenant_id);
-- A profile's leads, newest first: they are scored again when its rules change.
CREATE INDEX leads_profile ON app.leads (icp_profile_id, tenant_id, id) WHERE icp_profile_id IS NOT NULL;
CREATE INDEX icp_candidate_companies_profile ON app.icp_candidate_companies (icp_profile_id, tenant_id, verdict, id);
-- A score's place among the newest ones.
CREATE INDEX score_predictions_recent ON app.score_predictions (tenant_id, id) INCLUDE (score, lead_id) WHERE decides;
