-- now --
-- One moment for all rows of a batch.
SELECT app.now()

-- upsert --
-- In key order. Only another content hash moves `changed_at`; a row seen again only says so.
INSERT INTO app.staging_acra_companies AS s (tenant_id, uen, entity_name, entity_status_description, entity_type_description, company_type_description,
       registration_incorporation_date, uen_issue_date, primary_ssic_code, primary_ssic_description, secondary_ssic_code, secondary_ssic_description,
       block, street_name, level_no, unit_no, building_name, postal_code, annual_return_date, account_due_date, no_of_officers,
       former_entity_names, source, content_hash, first_seen_at, last_seen_at, changed_at)
SELECT $1::uuid, g.uen, g.name, g.status, g.entity_type, g.company_type, g.incorporated_on, g.uen_issued_on, g.primary_ssic, g.primary_ssic_description,
       g.secondary_ssic, g.secondary_ssic_description, g.block, g.street, g.level, g.unit, g.building, g.postal_code, g.annual_return_on,
       g.accounts_due_on, g.officers, coalesce(g.former_names, '{}'), $2::text, decode(g.hash, 'hex'), $3::timestamptz, $3, $3
  FROM jsonb_to_recordset($4::jsonb) AS g(uen text, name text, status text, entity_type text, company_type text, incorporated_on date, uen_issued_on date,
       primary_ssic text, primary_ssic_description text, secondary_ssic text, secondary_ssic_description text, block text, street text, level text,
       unit text, building text, postal_code text, annual_return_on date, accounts_due_on date, officers integer, former_names text[], hash text)
 ORDER BY g.uen
ON CONFLICT (tenant_id, uen) DO UPDATE SET
       entity_name = excluded.entity_name, entity_status_description = excluded.entity_status_description,
       entity_type_description = excluded.entity_type_description, company_type_description = excluded.company_type_description,
       registration_incorporation_date = excluded.registration_incorporation_date, uen_issue_date = excluded.uen_issue_date,
       primary_ssic_code = excluded.primary_ssic_code, primary_ssic_description = excluded.primary_ssic_description,
       secondary_ssic_code = excluded.secondary_ssic_code, secondary_ssic_description = excluded.secondary_ssic_description,
       block = excluded.block, street_name = excluded.street_name, level_no = excluded.level_no, unit_no = excluded.unit_no,
       building_name = excluded.building_name, postal_code = excluded.postal_code, annual_return_date = excluded.annual_return_date,
       account_due_date = excluded.account_due_date, no_of_officers = excluded.no_of_officers, former_entity_names = excluded.former_entity_names,
       source = CASE WHEN s.content_hash = excluded.content_hash THEN s.source ELSE excluded.source END,
       changed_at = CASE WHEN s.content_hash = excluded.content_hash THEN s.changed_at ELSE greatest(s.changed_at, excluded.changed_at) END,
       last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at), content_hash = excluded.content_hash
RETURNING first_seen_at = $3 AS is_new, changed_at = $3 AS has_changed

-- open_import --
-- The filling of that name, made if there is none yet.
INSERT INTO app.staging_imports (tenant_id, source, name, label) VALUES ($1, $2, $3, left($4, 300)) ON CONFLICT (tenant_id, source, name) DO NOTHING

-- find_import --
-- One filling by its name.
SELECT id, source, label, state, rows_read, rows_new, rows_changed, rows_unchanged, rows_dropped, rows_repeated, bad, started_at, updated_at, finished_at
  FROM app.staging_imports WHERE tenant_id = $1 AND source = $2 AND name = $3

-- advance_import --
-- What a batch added, if nobody else has gone on meanwhile ($3: how far it was; NULL: whoever comes adds).
UPDATE app.staging_imports SET rows_read = rows_read + $4, rows_new = rows_new + $5, rows_changed = rows_changed + $6, rows_unchanged = rows_unchanged + $7,
       rows_dropped = rows_dropped + $8, rows_repeated = rows_repeated + $9,
       bad = CASE WHEN jsonb_array_length(bad) >= 20 THEN bad ELSE jsonb_path_query_array(bad || $10::jsonb, '$[0 to 19]') END, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND ($3::bigint IS NULL OR rows_read = $3) RETURNING id

-- end_import --
-- It was read to its end.
UPDATE app.staging_imports SET state = 'done', finished_at = app.now(), updated_at = app.now() WHERE tenant_id = $1 AND id = $2 AND state = 'open'

-- restart_import --
-- From the beginning once more: the rows are what they are, only the counting starts anew.
UPDATE app.staging_imports SET state = 'open', finished_at = NULL, rows_read = 0, rows_new = 0, rows_changed = 0, rows_unchanged = 0, rows_dropped = 0,
       rows_repeated = 0, bad = '[]', started_at = app.now(), updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND state = 'done'

-- imports --
-- The latest fillings.
SELECT id, source, label, state, rows_read, rows_new, rows_changed, rows_unchanged, rows_dropped, rows_repeated, bad, started_at, updated_at, finished_at
  FROM app.staging_imports WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2

-- size --
-- How many rows there are, and when the newest change came in.
SELECT count(*) AS companies, max(changed_at) AS changed_at FROM app.staging_acra_companies WHERE tenant_id = $1

-- by_uen --
-- One company.
SELECT uen, entity_name, entity_status_description, entity_type_description, company_type_description, registration_incorporation_date,
       primary_ssic_code, primary_ssic_description, secondary_ssic_code, block, street_name, level_no, unit_no, building_name, postal_code,
       source, first_seen_at, last_seen_at, changed_at
  FROM app.staging_acra_companies WHERE tenant_id = $1 AND uen = $2

-- changed --
-- In the order of their last change, from ($2, $3) on.
SELECT uen, entity_name, entity_status_description, entity_type_description, company_type_description, registration_incorporation_date,
       primary_ssic_code, primary_ssic_description, secondary_ssic_code, block, street_name, level_no, unit_no, building_name, postal_code,
       source, first_seen_at, last_seen_at, changed_at
  FROM app.staging_acra_companies WHERE tenant_id = $1 AND (changed_at, uen) > ($2::timestamptz, $3::text) ORDER BY changed_at, uen LIMIT $4
