-- Replays of fetched tenders and of enrichments; who a lead stands for; what was erased here and stands in a CRM.

ALTER TABLE app.replay_differences DROP CONSTRAINT replay_differences_kind_check;
ALTER TABLE app.replay_differences ADD CONSTRAINT replay_differences_kind_check
    CHECK (kind IN ('company', 'contact', 'lead', 'record', 'score', 'opportunity', 'evaluation'));

-- The ledger's item that a step read: replay follows it. No foreign key: an answer may be forgotten sooner than that it was given.
ALTER TABLE app.waterfall_steps ADD COLUMN item_id uuid;

-- Who was merged into a lead.
CREATE INDEX leads_merged ON app.leads (merged_into, tenant_id) WHERE merged_into IS NOT NULL;
