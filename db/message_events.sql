-- by_reference --
-- The message a vendor speaks of: by its own name for it, or by ours.
SELECT m.id, m.state FROM app.messages m WHERE m.tenant_id = $1 AND m.vendor = $2 AND m.vendor_ref = $3
UNION ALL
SELECT m.id, m.state FROM app.messages m WHERE m.tenant_id = $1 AND m.id = $4
LIMIT 1

-- by_recipient --
-- The newest message that went to a phone.
SELECT m.id FROM app.messages m WHERE m.tenant_id = $1 AND m.recipient_hash = $2 ORDER BY m.id DESC LIMIT 1

-- record --
-- What a vendor told us; nothing comes back when it has told us before.
INSERT INTO app.message_events (tenant_id, vendor, key_hash, kind, status, message_id, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, key_hash) DO NOTHING RETURNING id

-- advance --
-- sending -> sent -> delivered -> read, or failed: only onwards. What is turned down after it was delivered was delivered.
UPDATE app.messages SET state = $3, vendor_ref = coalesce(vendor_ref, $4),
       sent_at = coalesce(sent_at, $5, app.now()),
       delivered_at = CASE WHEN $3 IN ('delivered', 'read') THEN coalesce(delivered_at, $5, app.now()) ELSE delivered_at END,
       read_at = CASE WHEN $3 = 'read' THEN coalesce(read_at, $5, app.now()) ELSE read_at END,
       reason = CASE WHEN $3 = 'failed' THEN left($6, 1000) ELSE reason END, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2
   AND CASE $3 WHEN 'sent' THEN state = 'sending' WHEN 'read' THEN state IN ('sending', 'sent', 'delivered')
               ELSE state IN ('sending', 'sent') END
RETURNING id
