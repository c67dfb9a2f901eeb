-- create --
-- A new channel, while there is room.
INSERT INTO app.alert_channels (tenant_id, name, kind, url, secret_ref, address, min_severity, enabled, created_by)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE (SELECT count(*) FROM app.alert_channels c WHERE c.tenant_id = $1) < $10
ON CONFLICT (tenant_id, name) DO NOTHING RETURNING *

-- named --
-- Is there one of that name?
SELECT EXISTS (SELECT FROM app.alert_channels c WHERE c.tenant_id = $1 AND c.name = $2 AND c.id IS DISTINCT FROM $3)

-- show --
-- One channel.
SELECT * FROM app.alert_channels c WHERE c.tenant_id = $1 AND c.id = $2

-- list --
-- Newest first, keyset by id.
SELECT * FROM app.alert_channels c WHERE c.tenant_id = $1 AND c.id < $2 ORDER BY c.id DESC LIMIT $3

-- change --
-- What is named is replaced.
UPDATE app.alert_channels SET name = coalesce($3, name), min_severity = coalesce($4, min_severity), enabled = coalesce($5, enabled), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 RETURNING *

-- remove --
-- Gone, with what it was told.
DELETE FROM app.alert_channels WHERE tenant_id = $1 AND id = $2 RETURNING name

-- way --
-- Where it leads and with what, for whoever sends.
SELECT c.tenant_id, t.slug, c.id AS channel_id, c.kind, c.url, c.secret_ref, c.address, c.enabled
  FROM app.alert_channels c JOIN app.tenants t ON t.id = c.tenant_id WHERE c.tenant_id = $1 AND c.id = $2

-- tested --
-- What a test came to.
UPDATE app.alert_channels SET tested_at = app.now(), test_result = left($3, 500) WHERE tenant_id = $1 AND id = $2 RETURNING id

-- begin --
-- This delivery is under way: from now on the alert's end will be told too. Nothing when it was sent, or when the alert is over before anything
-- went out; an attempt that failed may have arrived, so what was begun is gone on with.
WITH alert AS (
    SELECT a.id FROM app.alerts a
     WHERE a.tenant_id = $1 AND a.id = $2 AND (a.state <> 'resolved' OR $4::text = 'resolved' OR EXISTS (
           SELECT FROM app.alert_deliveries b WHERE b.tenant_id = $1 AND b.alert_id = $2 AND b.channel_id = $3 AND b.transition = $4 AND b.state = 'sending'))
       FOR SHARE OF a
)
INSERT INTO app.alert_deliveries AS d (tenant_id, alert_id, channel_id, transition, state)
SELECT $1, a.id, c.id, $4, 'sending' FROM alert a JOIN app.alert_channels c ON c.tenant_id = $1 AND c.id = $3 AND c.enabled
ON CONFLICT (tenant_id, alert_id, channel_id, transition) DO UPDATE SET state = 'sending', attempts = d.attempts + 1, ended_at = NULL
 WHERE d.state IN ('sending', 'dead')
RETURNING attempts

-- state --
-- How one delivery stands.
SELECT d.state FROM app.alert_deliveries d WHERE d.tenant_id = $1 AND d.alert_id = $2 AND d.channel_id = $3 AND d.transition = $4

-- end --
-- How it ended.
INSERT INTO app.alert_deliveries AS d (tenant_id, alert_id, channel_id, transition, state, reason, ended_at)
SELECT $1, a.id, c.id, $4, $5, left($6, 500), app.now() FROM app.alerts a JOIN app.alert_channels c ON c.tenant_id = $1 AND c.id = $3
 WHERE a.tenant_id = $1 AND a.id = $2
ON CONFLICT (tenant_id, alert_id, channel_id, transition) DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason, ended_at = app.now()
RETURNING state

-- worked --
-- It takes deliveries.
UPDATE app.alert_channels SET failures = 0, last_error = NULL, last_sent_at = app.now() WHERE tenant_id = $1 AND id = $2 RETURNING id

-- failed --
-- A delivery was given up.
UPDATE app.alert_channels SET failures = failures + 1, last_error = left($3, 500) WHERE tenant_id = $1 AND id = $2 RETURNING name
