-- open --
-- The import of that content, unless there is one. A dry run is always a new one.
INSERT INTO app.imports (tenant_id, kind, content_hash, label, dry_run, columns, ignored, notes, requested_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, kind, content_hash) WHERE NOT dry_run DO NOTHING
RETURNING *

-- by_content --
-- The import that stands for a content.
SELECT * FROM app.imports WHERE tenant_id = $1 AND kind = $2 AND content_hash = $3 AND NOT dry_run

-- restart --
-- Read a finished one once more from its beginning.
UPDATE app.imports SET state = 'running', finished_at = NULL, rows = 0, created = 0, merged = 0, skipped = 0, bad = 0, errors = 0, companies_created = 0,
       contacts_created = 0, columns = $3, ignored = $4, notes = $5, requested_by = $6, started_at = app.now(), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state = 'done' RETURNING *

-- forget_errors --
-- And what was wrong the last time.
DELETE FROM app.import_errors WHERE tenant_id = $1 AND import_id = $2

-- lock --
-- One process at a time adds to an import; how far it came decides who.
SELECT rows, errors FROM app.imports WHERE tenant_id = $1 AND id = $2 AND state = 'running' FOR NO KEY UPDATE

-- advance --
-- What a batch came to.
UPDATE app.imports SET rows = rows + $3, created = created + $4, merged = merged + $5, skipped = skipped + $6, bad = bad + $7,
       companies_created = companies_created + $8, contacts_created = contacts_created + $9, errors = errors + $10, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2

-- add_errors --
-- What was wrong with which row.
INSERT INTO app.import_errors (tenant_id, import_id, position, row_number, column_name, code, message, fatal)
SELECT $1, $2, $3 + e.position, e.row_number, left(e.column_name, 100), e.code, left(e.message, 500), e.fatal
  FROM unnest($4::int[], $5::text[], $6::text[], $7::text[], $8::boolean[]) WITH ORDINALITY AS e(row_number, column_name, code, message, fatal, position)

-- finish --
-- Read to its end.
UPDATE app.imports SET state = 'done', finished_at = app.now(), updated_at = app.now() WHERE tenant_id = $1 AND id = $2 AND state = 'running'
RETURNING companies_created, dry_run

-- show --
-- One import.
SELECT * FROM app.imports WHERE tenant_id = $1 AND id = $2

-- list --
-- Newest first, keyset by id.
SELECT * FROM app.imports WHERE tenant_id = $1 AND id < $2 AND ($3::text IS NULL OR kind = $3) ORDER BY id DESC LIMIT $4

-- errors --
-- What was wrong, in the order of the rows.
SELECT e.position, e.row_number AS row, e.column_name AS column, e.code, e.message, e.fatal FROM app.import_errors e
 WHERE e.tenant_id = $1 AND e.import_id = $2 AND e.position > $3 ORDER BY e.position LIMIT $4
