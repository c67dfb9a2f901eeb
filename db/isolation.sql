-- plantable --
-- Tables that have a tenant: columns that could be given a value, and what they refer to. One that is filled of itself is left out.
SELECT 'app.' || quote_ident(c.relname) AS name,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL), 'required', a.attnotnull,
                   'length', CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
                   'checked', EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f') AND a.attnum = ANY (k.conkey)),
                   'one_of', (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
                                 AND k.conkey = ARRAY[a.attnum] AND pg_get_constraintdef(k.oid) LIKE '%ARRAY[%' LIMIT 1)) ORDER BY a.attnum), '[]')
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
           AND NOT a.atthasdef AND a.attname <> 'tenant_id') AS columns,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('parent', (SELECT 'app.' || quote_ident(f.relname) FROM pg_class f WHERE f.oid = k.confrelid),
                   'columns', (SELECT jsonb_agg(a.attname ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY AS u(num, n)
                                 JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),
                   'refers', (SELECT jsonb_agg(a.attname ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY AS u(num, n)
                                JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num))), '[]')
          FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> 'app.tenants'::regclass) AS foreign_keys
  FROM pg_class c
 WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
 ORDER BY 1

-- readable --
-- Whatever the role of tenants may read in our schemas.
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped) AS tenanted
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('app', 'queue', 'public', 'trgm') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND has_schema_privilege('headwater_app', n.oid, 'USAGE') AND has_table_privilege('headwater_app', c.oid, 'SELECT')
 ORDER BY 1

-- raised_functions --
-- Functions that act with more rights than the tenant who calls them.
SELECT p.proname::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('app', 'queue', 'public', 'trgm') AND p.prosecdef AND has_schema_privilege('headwater_app', n.oid, 'USAGE')
   AND has_function_privilege('headwater_app', p.oid, 'EXECUTE') ORDER BY 1

-- tenants --
-- Whose roles to look from, after one of them.
SELECT id FROM app.tenants WHERE id > $1 AND status <> 'closed' ORDER BY id LIMIT $2

-- plant_tenant --
-- Whose secrets are planted; it does not outlive the transaction.
INSERT INTO app.tenants (id, slug, name, status) VALUES ($1, $2, 'canary', 'paused')

-- crossed --
-- Deliveries and executions that belong to two tenants at once: (what, how many).
SELECT 'deliveries of another tenant''s execution' AS what, count(*) AS rows FROM queue.procrastinate_jobs j
  JOIN app.job_executions e ON e.id = j.execution_id AND e.tenant_id <> j.tenant_id
UNION ALL
SELECT 'jobs under way for another tenant''s run', count(*) FROM queue.procrastinate_jobs j
  JOIN app.job_executions e ON e.tenant_id = j.tenant_id AND e.id = j.execution_id
  JOIN app.runs r ON r.id = e.run_id AND r.tenant_id <> e.tenant_id
UNION ALL
SELECT 'the queue can be read by tenants', CASE WHEN has_schema_privilege('headwater_app', 'queue', 'USAGE') THEN 1 ELSE 0 END

-- store --
-- What came of it.
INSERT INTO app.isolation_checks (tenant_id, tenants, relations, functions, seconds, leaks, unplanted)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, at

-- latest --
-- The last one.
SELECT id, at, tenants, relations, functions, seconds, leaks, unplanted FROM app.isolation_checks WHERE tenant_id = $1 ORDER BY at DESC LIMIT 1

-- open_alerts --
-- What earlier nights found, and nobody has closed.
SELECT scope FROM app.alerts WHERE tenant_id = $1 AND rule = $2 AND state <> 'resolved'

-- ask_similar_companies --
-- Whose name is the secret $1? Nobody's, but for the canary itself ($2: its company).
SELECT count(*) FROM app.similar_companies(ARRAY[$1::text], ARRAY[NULL]::text[], ARRAY[NULL]::uuid[], 50) s WHERE s.id = $2::uuid AND $3::uuid IS NOT NULL

-- ask_settle_call --
-- Settling the canary's call ($3) must find no call.
SELECT count(*) FROM app.settle_call($3::uuid, 'answered', 0, 1, ARRAY[0, 0, 0, 0], $1::text, NULL) s WHERE $2::uuid IS NOT NULL

-- ask_hold_units --
-- What a reservation answers must not hold the secret.
SELECT count(*) FROM app.hold_units('canary', 'credit', 0, NULL, '[]') h WHERE h::text LIKE '%' || $1::text || '%' OR $2::uuid IS NULL OR $3::uuid IS NULL

-- ask_night_may_begin --
-- Whether a night may begin says how many are under way, and nothing of whose.
SELECT count(*) FROM app.night_may_begin(1000000) b WHERE NOT b OR $1::text IS NULL OR $2::uuid IS NULL OR $3::uuid IS NULL

-- ask_nights_waiting --
-- How many nights wait is a number, and nothing of whose.
SELECT count(*) FROM app.nights_waiting() n WHERE n < 0 OR $1::text IS NULL OR $2::uuid IS NULL OR $3::uuid IS NULL
