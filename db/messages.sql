-- subject --
-- What a message to a lead may be made of. A contact that was merged into another is that other one. Whoever was written to under a lead that
-- was merged into this one has been written to.
WITH RECURSIVE down(id) AS (
    SELECT $2::uuid UNION SELECT m.id FROM app.leads m JOIN down d ON m.merged_into = d.id WHERE m.tenant_id = $1
)
SELECT l.id AS lead_id, p.id AS contact_id, p.name AS contact_name, p.title AS contact_title, p.email AS contact_email, p.phone AS contact_phone,
       p.linkedin_url AS contact_linkedin_url, c.name AS company_name, c.country, c.city, c.domain, c.industry, t.name AS tenant_name, l.merged_into,
       EXISTS (SELECT FROM app.messages m JOIN down d ON d.id = m.lead_id WHERE m.tenant_id = l.tenant_id AND m.channel = $3 AND m.sequence_step = $4
                  AND (m.lead_id = l.id OR m.state = 'sending' OR m.sent_at IS NOT NULL)) AS has_message
  FROM app.leads l
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  JOIN app.tenants t ON t.id = l.tenant_id
  LEFT JOIN app.contacts o ON o.tenant_id = l.tenant_id AND o.id = l.contact_id
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = coalesce(o.merged_into, o.id)
 WHERE l.tenant_id = $1 AND l.id = $2

-- add --
-- One message a lead, channel and step; nothing comes back when there is one.
INSERT INTO app.messages (tenant_id, lead_id, contact_id, prediction_id, channel, sequence_step, state, language, template, parameters, body,
                          written_by, notes, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant_id, lead_id, channel, sequence_step) DO NOTHING RETURNING id

-- list --
-- Newest first, keyset by id.
SELECT m.id, m.lead_id, m.contact_id, m.prediction_id, c.name AS company_name, p.name AS contact_name, m.channel, m.sequence_step, m.state,
       m.language, m.template, m.parameters, m.body, m.written_by, m.notes, m.approved_by, m.approved_at, m.reason, m.vendor, m.vendor_ref,
       m.sent_at, m.delivered_at, m.read_at, m.created_at, m.updated_at
  FROM app.messages m
  JOIN app.leads l ON l.tenant_id = m.tenant_id AND l.id = m.lead_id
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts p ON p.tenant_id = m.tenant_id AND p.id = m.contact_id
 WHERE m.tenant_id = $1 AND m.id < $2 AND ($3::text IS NULL OR m.state = $3) AND ($4::uuid IS NULL OR m.lead_id = $4)
 ORDER BY m.id DESC LIMIT $5

-- show --
-- One message.
SELECT m.id, m.lead_id, m.contact_id, m.prediction_id, c.name AS company_name, p.name AS contact_name, m.channel, m.sequence_step, m.state,
       m.language, m.template, m.parameters, m.body, m.written_by, m.notes, m.approved_by, m.approved_at, m.reason, m.vendor, m.vendor_ref,
       m.sent_at, m.delivered_at, m.read_at, m.created_at, m.updated_at
  FROM app.messages m
  JOIN app.leads l ON l.tenant_id = m.tenant_id AND l.id = m.lead_id
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts p ON p.tenant_id = m.tenant_id AND p.id = m.contact_id
 WHERE m.tenant_id = $1 AND m.id = $2

-- events --
-- What vendors told us about it, in order.
SELECT kind, status, body, at, created_at FROM app.message_events WHERE tenant_id = $1 AND message_id = $2 ORDER BY id LIMIT 200

-- lock --
-- The message, and nobody else moves it before we are done.
SELECT m.id, m.lead_id, m.contact_id, m.channel, m.sequence_step, m.state, m.language, m.template, m.parameters, m.body, m.vendor,
       m.vendor_template, m.outgoing
  FROM app.messages m WHERE m.tenant_id = $1 AND m.id = $2 FOR NO KEY UPDATE

-- reader --
-- Who would read it: where it would go, and where that is. A draft that was made for nobody yet is for the lead's contact.
SELECT p.id AS contact_id, p.name, p.email, p.email_status, p.phone, p.linkedin_url, c.domain, c.country, l.merged_into
  FROM app.leads l
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts o ON o.tenant_id = l.tenant_id AND o.id = coalesce($3, l.contact_id)
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = coalesce(o.merged_into, o.id)
 WHERE l.tenant_id = $1 AND l.id = $2

-- change --
-- draft -> draft, in a person's words.
UPDATE app.messages SET parameters = $3, body = $4, written_by = 'person', notes = $5, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state = 'draft'

-- note --
-- What whoever approves should know.
UPDATE app.messages SET notes = notes || to_jsonb($3::text), updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- approve --
-- draft -> approved, for one vendor's template.
UPDATE app.messages SET state = 'approved', approved_by = left($3, 200), approved_at = app.now(), vendor = $4, vendor_template = $5, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state = 'draft'

-- reject --
-- draft, approved -> rejected: approved ones are caught before the vendor is asked, or not at all.
UPDATE app.messages SET state = 'rejected', reason = left($3, 1000), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state IN ('draft', 'approved')

-- sending --
-- approved -> sending: from here on the vendor may have it.
UPDATE app.messages SET state = 'sending', outgoing = $3, recipient_hash = $4, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state = 'approved'

-- stop --
-- approved, sending -> suppressed, failed: it was not sent.
UPDATE app.messages SET state = $3, reason = left($4, 1000), outgoing = NULL, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state IN ('approved', 'sending')

-- sent --
-- sending -> sent. A report may have been quicker: then only what it did not know is added.
UPDATE app.messages SET state = CASE state WHEN 'sending' THEN 'sent' ELSE state END, vendor_ref = coalesce(vendor_ref, $3), sent_at = coalesce(sent_at, app.now()),
       reason = coalesce(reason, left($4, 1000)), outgoing = NULL, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state IN ('sending', 'sent', 'delivered', 'read', 'failed')
