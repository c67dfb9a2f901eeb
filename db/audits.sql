-- page --
-- Newest first, keyset by id.
SELECT a.id, a.at, a.actor, a.action, a.subject_type, a.subject_id, a.detail, a.correlation_id FROM app.audit_log a
 WHERE a.tenant_id = $1 AND a.id < $2 AND ($3::text IS NULL OR a.actor = $3) AND ($4::text IS NULL OR a.action = $4)
   AND ($5::text IS NULL OR a.subject_type = $5) AND ($6::text IS NULL OR a.subject_id = $6) ORDER BY a.id DESC LIMIT $7
