-- columns --
-- The text and JSON columns of our tables, with what an update has to know of them.
SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS needed
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
   AND c.relname = ANY($1::text[])
 ORDER BY c.relname, a.attnum

-- contacts --
-- Rows of the person, merged ones too: by id, address, or the last digits of a number.
WITH RECURSIVE mine AS (
    SELECT p.id, p.merged_into FROM app.contacts p
     WHERE p.tenant_id = $1 AND (p.id = $2 OR lower(p.email) = ANY($3::text[])
           OR right(regexp_replace(p.phone, '\D', '', 'g'), 9) = ANY($4::text[]))
    UNION
    SELECT p.id, p.merged_into FROM app.contacts p JOIN mine m ON p.id = m.merged_into OR p.merged_into = m.id WHERE p.tenant_id = $1
)
SELECT p.id, p.company_id, p.name, p.email, p.phone, p.linkedin_url FROM app.contacts p JOIN mine m ON m.id = p.id WHERE p.tenant_id = $1 ORDER BY p.id

-- shared --
-- Which of these numbers, by their last digits, others have too: a switchboard's names nobody.
SELECT right(regexp_replace(p.phone, '\D', '', 'g'), 9) AS tail FROM app.contacts p
 WHERE p.tenant_id = $1 AND p.id <> ALL($2::uuid[]) AND right(regexp_replace(p.phone, '\D', '', 'g'), 9) = ANY($3::text[])
UNION
SELECT right(regexp_replace(c.phone, '\D', '', 'g'), 9) FROM app.companies c
 WHERE c.tenant_id = $1 AND right(regexp_replace(c.phone, '\D', '', 'g'), 9) = ANY($3::text[])

-- facts --
-- What sources called the person.
SELECT f.field, f.value FROM app.field_values f
 WHERE f.tenant_id = $1 AND f.kind = 'contact' AND f.entity_id = ANY($2::uuid[]) AND jsonb_typeof(f.value) = 'string'

-- addresses --
-- Addresses that their keys hold.
SELECT k.value FROM app.entity_keys k
 WHERE k.tenant_id = $1 AND k.kind = 'contact' AND k.key_type = 'email' AND k.entity_id = ANY($2::uuid[])

-- leads --
-- Leads through which the person was to be reached.
SELECT l.id, l.company_id FROM app.leads l WHERE l.tenant_id = $1 AND l.contact_id = ANY($2::uuid[]) ORDER BY l.id

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
UPDATE app.crm_links SET last_values = NULL, last_hash = NULL, detail = '{}', last_error = NULL, updated_at = app.now()
 WHERE tenant_id = $1 AND local_id = ANY($2::uuid[]) RETURNING remote_id

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
