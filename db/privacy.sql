-- under_way --
-- Jobs at work on those leads right now: what they have read, they would write again.
SELECT e.job FROM app.job_executions e
 WHERE e.tenant_id = $1 AND e.state = 'running' AND e.payload ->> 'leadId' = ANY($2::text[]) LIMIT 1

-- blank --
-- The person's own rows stay for what refers to them, with nothing in them.
UPDATE app.contacts SET name = NULL, title = NULL, email = NULL, phone = NULL, linkedin_url = NULL, email_status = NULL, email_checked_at = NULL,
       updated_at = app.now()
 WHERE tenant_id = $1 AND id = ANY($2::uuid[])

-- drop_keys --
-- By no address is the person known any more.
DELETE FROM app.entity_keys WHERE tenant_id = $1 AND kind = 'contact' AND (entity_id = ANY($2::uuid[]) OR value ~* $3)

-- drop_facts --
-- Nor by what anybody said about them; their hashes go too.
DELETE FROM app.field_values WHERE tenant_id = $1 AND ((kind = 'contact' AND entity_id = ANY($2::uuid[])) OR value::text ~* $3 OR source_url ~* $3)

-- drop_consents --
-- Nobody needs a consent to write to nobody.
DELETE FROM app.consents WHERE tenant_id = $1 AND contact_id = ANY($2::uuid[])

-- blank_messages --
-- What was written to them: that it was, stays. What was not sent yet is not.
UPDATE app.messages SET parameters = '[]', body = '', notes = '[]', outgoing = NULL, recipient_hash = NULL, vendor_ref = NULL, contact_id = NULL,
       state = CASE WHEN state IN ('draft', 'approved') THEN 'rejected' WHEN state = 'sending' THEN 'failed' ELSE state END, reason = 'erased',
       updated_at = app.now()
 WHERE tenant_id = $1 AND (contact_id = ANY($2::uuid[]) OR lead_id = ANY($3::uuid[]) AND (contact_id IS NULL OR body ~* $4))
RETURNING id, sent_at

-- blank_events --
-- And what they answered.
UPDATE app.message_events SET body = NULL, key_hash = sha256(convert_to(gen_random_uuid()::text, 'UTF8'))
 WHERE tenant_id = $1 AND message_id = ANY($2::uuid[])

-- unlink --
-- Their leads look for somebody else, where no other lead of the company does already.
UPDATE app.leads l SET contact_id = NULL, updated_at = app.now()
 WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])
   AND NOT EXISTS (SELECT FROM app.leads o WHERE o.tenant_id = l.tenant_id AND o.company_id = l.company_id
                      AND o.icp_profile_id IS NOT DISTINCT FROM l.icp_profile_id AND o.contact_id IS NULL)
   AND l.id = (SELECT min(o.id::text)::uuid FROM app.leads o WHERE o.tenant_id = l.tenant_id AND o.company_id = l.company_id
                  AND o.icp_profile_id IS NOT DISTINCT FROM l.icp_profile_id AND o.id = ANY($2::uuid[]))

-- forget_links --
-- What we know of their record in the CRM: only that it is there.
UPDATE app.crm_links SET last_values = NULL, last_hash = NULL, last_error = NULL, updated_at = app.now(),
       detail = jsonb_strip_nulls(jsonb_build_object('place', detail -> 'place'))
 WHERE tenant_id = $1 AND local_id = ANY($2::uuid[]) RETURNING id, remote_id

-- lead_links --
-- Their leads' records in the CRM, which repeat name, address and number.
SELECT k.id, k.remote_id FROM app.crm_links k WHERE k.tenant_id = $1 AND k.model = 'crm.lead' AND k.local_id = ANY($2::uuid[])

-- new_id --
-- A name for one erasure.
SELECT app.uuidv7()

-- empty_item --
-- A ledger row about them keeps its units, and can be neither read nor matched.
UPDATE app.vendor_items SET request = '{"erased": true}', response = NULL, raw = NULL, raw_expires_at = NULL, vendor_ref = NULL, note = 'erased', live = false,
       fingerprint = sha256(convert_to(gen_random_uuid()::text, 'UTF8')), outcome = CASE WHEN state = 'answered' THEN 'miss' END
 WHERE tenant_id = $1 AND ctid = $2::text::tid

-- trim_item --
-- One about others too keeps what is about them.
UPDATE app.vendor_items SET response = $3, raw = $4, vendor_ref = $5, note = $6 WHERE tenant_id = $1 AND ctid = $2::text::tid

-- now --
-- The database's time.
SELECT app.now()
