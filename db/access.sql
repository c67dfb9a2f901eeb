-- create_user --
INSERT INTO app.users (tenant_id, email, role, password_hash) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, email) DO NOTHING RETURNING id, email, role, disabled_at, created_at

-- find_user --
-- For logging in: the hash is handed to the verifier and to nobody else.
SELECT u.id, u.email, u.role, u.password_hash, u.disabled_at IS NOT NULL AS disabled FROM app.users u
 WHERE u.tenant_id = $1 AND u.email = $2

-- any_user --
SELECT EXISTS (SELECT FROM app.users WHERE tenant_id = $1)

-- list_users --
SELECT id, email, role, disabled_at, created_at FROM app.users WHERE tenant_id = $1 AND email > $3 ORDER BY email LIMIT $2

-- set_password --
UPDATE app.users SET password_hash = $3 WHERE tenant_id = $1 AND id = $2

-- disable_user --
UPDATE app.users SET disabled_at = coalesce(disabled_at, app.now()) WHERE tenant_id = $1 AND email = $2 RETURNING id

-- revoke_user_sessions --
UPDATE app.sessions SET revoked_at = app.now(), revoke_reason = $3
 WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL

-- open_session --
INSERT INTO app.sessions (tenant_id, user_id, expires_at) VALUES ($1, $2, app.now() + $3::float8 * interval '1 second')
RETURNING id, expires_at

-- add_refresh_token --
-- A session lives as long as it was opened for; its tokens do not outlive it.
INSERT INTO app.refresh_tokens (tenant_id, token_hash, session_id, expires_at)
SELECT s.tenant_id, $2, s.id, s.expires_at FROM app.sessions s WHERE s.tenant_id = $1 AND s.id = $3

-- spend_refresh_token --
-- One of several that come at once wins; the others find it used.
UPDATE app.refresh_tokens SET used_at = app.now() WHERE tenant_id = $1 AND token_hash = $2 AND used_at IS NULL
RETURNING session_id

-- lately_spent --
-- Another tab of the same browser was a moment quicker.
SELECT session_id FROM app.refresh_tokens
 WHERE tenant_id = $1 AND token_hash = $2 AND used_at > app.now() - $3::float8 * interval '1 second'

-- token_session --
SELECT session_id FROM app.refresh_tokens WHERE tenant_id = $1 AND token_hash = $2

-- session --
-- Who a session belongs to, of which tenant, and whether it still counts. The role is the user's of now, not of the login.
SELECT s.id, s.expires_at, u.id AS user_id, u.email, u.role, t.id AS tenant_id, t.slug, t.name, t.status,
       s.revoked_at IS NULL AND s.expires_at > app.now() AND u.disabled_at IS NULL AND t.status <> 'closed' AS valid, t.status = 'paused' AS suspended
  FROM app.sessions s
  JOIN app.users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
  JOIN app.tenants t ON t.id = s.tenant_id
 WHERE s.tenant_id = $1 AND s.id = $2

-- revoke_session --
UPDATE app.sessions SET revoked_at = app.now(), revoke_reason = $3
 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING user_id

-- create_key --
-- What a key makes ($8) does not outlive it.
INSERT INTO app.api_keys (tenant_id, name, role, scopes, key_hash, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, least(app.now() + $7::float8 * interval '1 second',
        (SELECT expires_at FROM app.api_keys WHERE tenant_id = $1 AND id = $8)))
RETURNING id, name, role, scopes, created_by, created_at, expires_at, revoked_at, last_used_at

-- find_key --
SELECT k.id, k.name, k.role, k.scopes, k.last_used_at IS NULL OR k.last_used_at < app.now() - interval '1 minute' AS unnoted, t.status = 'paused' AS suspended
  FROM app.api_keys k JOIN app.tenants t ON t.id = k.tenant_id AND t.status <> 'closed'
 WHERE k.tenant_id = $1 AND k.key_hash = $2 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > app.now())

-- note_use --
-- Once a minute at most: requests of one key must not queue for its row.
UPDATE app.api_keys SET last_used_at = app.now()
 WHERE tenant_id = $1 AND id = (SELECT id FROM app.api_keys WHERE tenant_id = $1 AND id = $2
    AND (last_used_at IS NULL OR last_used_at < app.now() - interval '1 minute') FOR UPDATE SKIP LOCKED)

-- list_keys --
SELECT id, name, role, scopes, created_by, created_at, expires_at, revoked_at, last_used_at FROM app.api_keys
 WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3

-- revoke_key --
UPDATE app.api_keys SET revoked_at = coalesce(revoked_at, app.now()) WHERE tenant_id = $1 AND id = $2 RETURNING name

-- charge_login --
-- An attempt counts before it is tried, so that many at once cannot pass together. A subject at its limit gives no row.
INSERT INTO app.login_failures AS f (tenant_id, subject_hash, window_start)
SELECT $1, s.hash, to_timestamp(floor(extract(epoch FROM app.now()) / $3::int) * $3::int)
  FROM unnest($2::bytea[]) AS s(hash) ORDER BY s.hash
ON CONFLICT (tenant_id, subject_hash, window_start) DO UPDATE SET failures = f.failures + 1 WHERE f.failures < $4::int
RETURNING extract(epoch FROM f.window_start + $3::int * interval '1 second' - app.now())::float8 AS left_s

-- shut_out_for --
-- The rest of the window, when a subject is at its limit.
SELECT extract(epoch FROM window_start + $3::int * interval '1 second' - app.now())::float8 FROM app.login_failures
 WHERE tenant_id = $1 AND subject_hash = $2 AND failures >= $4::int
   AND window_start = to_timestamp(floor(extract(epoch FROM app.now()) / $3::int) * $3::int)

-- window_left --
SELECT ($1::int - extract(epoch FROM app.now())::bigint % $1::int)::float8

-- refund_login --
UPDATE app.login_failures f SET failures = f.failures - 1
  FROM (SELECT tenant_id, subject_hash, window_start FROM app.login_failures
         WHERE tenant_id = $1 AND subject_hash = ANY($2::bytea[]) AND failures > 0
           AND window_start = to_timestamp(floor(extract(epoch FROM app.now()) / $3::int) * $3::int)
         ORDER BY subject_hash FOR UPDATE) o
 WHERE f.tenant_id = o.tenant_id AND f.subject_hash = o.subject_hash AND f.window_start = o.window_start

-- forget_logins --
DELETE FROM app.login_failures WHERE window_start < app.now() - interval '2 days'

-- audit --
INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id, detail, correlation_id)
VALUES ($1, left($2, 200), $3, $4, $5, $6, $7)
