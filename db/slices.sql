-- plan --
-- Its slices, and how many are open.
WITH made AS (
    INSERT INTO app.run_slices (tenant_id, run_id, ordinal, channel, query, cursor)
    SELECT $1, $2, s.ordinal - 1, s.channel, s.query, s.cursor
      FROM unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS s(channel, query, cursor, ordinal)
    RETURNING id, ordinal
), counted AS (
    UPDATE app.runs SET open_slices = (SELECT count(*) FROM made), updated_at = app.now() WHERE tenant_id = $1 AND id = $2
)
SELECT id FROM made ORDER BY ordinal

-- get --
-- One slice.
SELECT id, run_id, ordinal, channel, query, state, page, cursor FROM app.run_slices WHERE tenant_id = $1 AND id = $2

-- advance --
-- A page is committed: the slice remembers where the next one starts.
UPDATE app.run_slices SET page = $3, cursor = $4, found = found + $5, companies_created = companies_created + $6,
       companies_skipped = companies_skipped + $7, would_cost = would_cost + $8::float8
 WHERE tenant_id = $1 AND id = $2 AND state = 'open'

-- count --
-- What a page added to its run.
UPDATE app.runs SET discovered_count = discovered_count + $3, deduped_count = deduped_count + $4,
       created_companies_count = created_companies_count + $5, skipped_companies_count = skipped_companies_count + $6,
       created_contacts_count = created_contacts_count + $7, skipped_contacts_count = skipped_contacts_count + $8,
       created_leads_count = created_leads_count + $9, skipped_leads_count = skipped_leads_count + $10, updated_at = app.now()
 WHERE tenant_id = $1 AND id = $2

-- close --
-- Leaving `open` is this one guarded update, and only it decrements the run's open count.
WITH closed AS (
    UPDATE app.run_slices SET state = $3, stop_reason = $4, error_code = left($5, 100), error = left($6, 4000), closed_at = app.now()
     WHERE tenant_id = $1 AND id = $2 AND state = 'open' RETURNING run_id
)
UPDATE app.runs r SET open_slices = r.open_slices - 1, updated_at = app.now(),
       error_count = r.error_count + CASE WHEN $3 IN ('error', 'dead') THEN 1 ELSE 0 END
  FROM closed c WHERE r.tenant_id = $1 AND r.id = c.run_id
RETURNING r.id, r.open_slices, r.status
