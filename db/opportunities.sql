-- one_at_a_time --
-- Whoever asks for a run waits for whoever is asking.
SELECT pg_advisory_xact_lock(hashtextextended('headwater.opportunities', 0))

-- under_way --
-- The run that has not ended yet.
SELECT id FROM app.runs WHERE tenant_id = $1 AND kind = 'opportunities' AND status IN ('pending', 'running') ORDER BY id DESC LIMIT 1

-- codes --
-- The NAICS codes of all active tenants' open profiles, and today's date where days begin at UTC. System role.
SELECT (app.now() AT TIME ZONE 'UTC')::date AS today,
       (SELECT coalesce(array_agg(DISTINCT c ORDER BY c), '{}') FROM app.icp_profiles p JOIN app.tenants t ON t.id = p.tenant_id AND t.status = 'active',
               unnest(p.naics_codes) c WHERE p.closed_at IS NULL) AS codes

-- cursors --
-- How far these slices of a source were read.
SELECT slice, watermark, asked_from, asked_to, place, updated_at AS moved_at FROM app.source_cursors WHERE tenant_id = $1 AND source = $2 AND slice = ANY($3::text[])

-- advance_cursor --
-- A slice was read to its end: its watermark moves on, never back, and never past the start of the run that read it.
INSERT INTO app.source_cursors AS c (tenant_id, source, slice, watermark, asked_from, asked_to, last_run_id)
SELECT $1, $2, $3, least(coalesce($4::date, $6::date), (r.started_at AT TIME ZONE 'UTC')::date), $5, $6, r.id FROM app.runs r WHERE r.tenant_id = $1 AND r.id = $7
ON CONFLICT (tenant_id, source, slice) DO UPDATE SET watermark = greatest(c.watermark, excluded.watermark), asked_from = excluded.asked_from,
       asked_to = excluded.asked_to, place = NULL, last_run_id = excluded.last_run_id, version = c.version + 1, updated_at = app.now()

-- keep_place --
-- A slice was left half way: its watermark stays, and the next run goes on at this place.
INSERT INTO app.source_cursors AS c (tenant_id, source, slice, place, last_run_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, source, slice) DO UPDATE SET place = excluded.place, last_run_id = excluded.last_run_id, version = c.version + 1,
       updated_at = app.now()

-- forget_place --
-- The next run begins this slice anew, at its watermark.
UPDATE app.source_cursors SET place = NULL, version = version + 1, updated_at = app.now()
 WHERE tenant_id = $1 AND source = $2 AND slice = $3 AND place IS NOT NULL

-- note_plan --
-- What the run is about to read.
UPDATE app.runs SET naics_codes = $3, posted_from = $4, posted_to = $5, updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- save --
-- A page of notices into the shared store. `seen_in` names slice and window, so that a page that repeats is noticed.
WITH given AS (
    SELECT g.*, decode(g.hash, 'hex') AS content_hash
      FROM jsonb_to_recordset($5::jsonb) AS g(notice_id text, solicitation_number text, title text, agency text, kind text, naics text[],
           set_aside text, posted_on date, deadline_at text, active boolean, country text, state text, city text, url text,
           description_url text, raw jsonb, hash text)
), before AS (
    SELECT o.notice_id, o.content_hash, o.seen_slice_id, o.seen_window FROM app.opportunities o
     WHERE o.tenant_id = $1 AND o.source = $2 AND o.notice_id IN (SELECT g.notice_id FROM given g)
), written AS (
    INSERT INTO app.opportunities AS o (tenant_id, source, notice_id, solicitation_number, title, agency, kind, naics, set_aside, posted_on,
           deadline_at, active, country, state, city, url, description_url, raw, content_hash, seen_slice_id, seen_window)
    SELECT $1, $2, g.notice_id, g.solicitation_number, g.title, g.agency, g.kind, g.naics, g.set_aside, g.posted_on, g.deadline_at, g.active,
           g.country, g.state, g.city, g.url, g.description_url, g.raw, g.content_hash, $3, $4
      FROM given g ORDER BY g.notice_id
    ON CONFLICT (tenant_id, source, notice_id) DO UPDATE SET solicitation_number = excluded.solicitation_number, title = excluded.title,
           agency = excluded.agency, kind = excluded.kind, naics = excluded.naics, set_aside = excluded.set_aside, posted_on = excluded.posted_on,
           deadline_at = excluded.deadline_at, active = excluded.active, country = excluded.country, state = excluded.state,
           city = excluded.city, url = excluded.url, description_url = excluded.description_url, raw = excluded.raw,
           content_hash = excluded.content_hash, seen_slice_id = excluded.seen_slice_id, seen_window = excluded.seen_window,
           changed_at = CASE WHEN o.content_hash = excluded.content_hash THEN o.changed_at ELSE app.now() END, updated_at = app.now()
    RETURNING o.notice_id
)
SELECT count(*)::int AS given,
       count(*) FILTER (WHERE b.notice_id IS NULL)::int AS new,
       count(*) FILTER (WHERE b.content_hash <> g.content_hash)::int AS updated,
       count(*) FILTER (WHERE b.content_hash = g.content_hash AND b.seen_slice_id IS DISTINCT FROM $3)::int AS unchanged,
       count(*) FILTER (WHERE b.seen_slice_id = $3 AND b.seen_window = $4)::int AS repeated
  FROM written w JOIN given g USING (notice_id) LEFT JOIN before b USING (notice_id)

-- count --
-- What a page, or an evaluation, adds to its run.
UPDATE app.runs r SET updated_at = app.now(), counters = r.counters || (
       SELECT jsonb_object_agg(k.key, coalesce((r.counters ->> k.key)::int, 0) + k.value::int) FROM jsonb_each_text($3::jsonb) k)
 WHERE r.tenant_id = $1 AND r.id = $2

-- concerned --
-- Active tenants with an open profile that has codes. System role.
SELECT DISTINCT p.tenant_id FROM app.icp_profiles p JOIN app.tenants t ON t.id = p.tenant_id AND t.status = 'active'
 WHERE p.closed_at IS NULL AND p.naics_codes <> '{}' ORDER BY 1

-- copy --
-- What is new or changed under the codes of a tenant's profiles, at most $3 notices, as rows of its own. System role.
INSERT INTO app.opportunities AS o (tenant_id, source, notice_id, solicitation_number, title, agency, kind, naics, set_aside, posted_on,
       deadline_at, active, country, state, city, url, description_url, content_hash)
SELECT $2, s.source, s.notice_id, s.solicitation_number, s.title, s.agency, s.kind, s.naics, s.set_aside, s.posted_on, s.deadline_at, s.active,
       s.country, s.state, s.city, s.url, s.description_url, s.content_hash
  FROM app.opportunities s
 WHERE s.tenant_id = $1
   AND EXISTS (SELECT FROM app.icp_profiles p, unnest(p.naics_codes) c, unnest(s.naics) n
                WHERE p.tenant_id = $2 AND p.closed_at IS NULL AND starts_with(n, c))
   AND NOT EXISTS (SELECT FROM app.opportunities m WHERE m.tenant_id = $2 AND m.source = s.source AND m.notice_id = s.notice_id
                      AND m.content_hash = s.content_hash)
   AND ($4::text[] IS NULL OR s.notice_id = ANY($4::text[]))
 ORDER BY s.source, s.notice_id LIMIT $3
ON CONFLICT (tenant_id, source, notice_id) DO UPDATE SET solicitation_number = excluded.solicitation_number, title = excluded.title,
       agency = excluded.agency, kind = excluded.kind, naics = excluded.naics, set_aside = excluded.set_aside, posted_on = excluded.posted_on,
       deadline_at = excluded.deadline_at, active = excluded.active, country = excluded.country, state = excluded.state, city = excluded.city,
       url = excluded.url, description_url = excluded.description_url, content_hash = excluded.content_hash,
       changed_at = app.now(), updated_at = app.now()

-- unheld --
-- Pairs of a tenant's notices and profiles that no evaluation of this version and content stands for.
SELECT o.id AS opportunity_id, o.naics, o.country, o.active, o.content_hash, p.id AS profile_id, p.version AS profile_version,
       p.naics_codes, p.target_countries
  FROM app.icp_profiles p JOIN app.opportunities o ON o.tenant_id = p.tenant_id
 WHERE p.tenant_id = $1 AND p.closed_at IS NULL AND p.naics_codes <> '{}'
   AND NOT EXISTS (SELECT FROM app.opportunity_evaluations e WHERE e.tenant_id = $1 AND e.opportunity_id = o.id AND e.profile_id = p.id
                      AND e.profile_version = p.version AND e.content_hash = o.content_hash)
 ORDER BY o.id, p.id LIMIT $2

-- evaluate --
-- One a notice and profile; a newer version or content replaces what was said.
INSERT INTO app.opportunity_evaluations AS e (tenant_id, opportunity_id, profile_id, profile_version, content_hash, matched, fit, reasons, run_id)
SELECT $1, v.opportunity_id, v.profile_id, v.profile_version, decode(v.hash, 'hex'), v.matched, v.fit, v.reasons, $3
  FROM jsonb_to_recordset($2::jsonb) AS v(opportunity_id uuid, profile_id uuid, profile_version int, hash text, matched boolean, fit float8,
       reasons text[])
 ORDER BY v.opportunity_id, v.profile_id
ON CONFLICT (tenant_id, opportunity_id, profile_id) DO UPDATE SET profile_version = excluded.profile_version, matched = excluded.matched,
       content_hash = excluded.content_hash, fit = excluded.fit, reasons = excluded.reasons, run_id = excluded.run_id, updated_at = app.now()

-- list --
-- Newest first, keyset by id; with a profile, only what it matches.
SELECT o.id, o.source, o.notice_id, o.solicitation_number, o.title, o.agency, o.kind, o.naics, o.set_aside, o.posted_on, o.deadline_at,
       o.active, o.country, o.state, o.city, o.url, o.description_url, o.changed_at
  FROM app.opportunities o
 WHERE o.tenant_id = $1 AND o.id < $2
   AND ($3::text IS NULL OR EXISTS (SELECT FROM unnest(o.naics) n WHERE starts_with(n, $3)))
   AND ($4::date IS NULL OR o.posted_on >= $4)
   AND ($5::uuid IS NULL OR EXISTS (SELECT FROM app.opportunity_evaluations e WHERE e.tenant_id = $1 AND e.opportunity_id = o.id
                                       AND e.profile_id = $5 AND e.matched))
 ORDER BY o.id DESC LIMIT $6

-- show --
-- One notice.
SELECT o.id, o.source, o.notice_id, o.solicitation_number, o.title, o.agency, o.kind, o.naics, o.set_aside, o.posted_on, o.deadline_at,
       o.active, o.country, o.state, o.city, o.url, o.description_url, o.changed_at
  FROM app.opportunities o WHERE o.tenant_id = $1 AND o.id = $2

-- evaluations --
-- What open profiles say about these notices, best fit first.
SELECT e.opportunity_id, e.profile_id, p.name AS profile_name, e.matched, e.fit, e.reasons, e.profile_version
  FROM app.opportunity_evaluations e JOIN app.icp_profiles p ON p.tenant_id = e.tenant_id AND p.id = e.profile_id
 WHERE e.tenant_id = $1 AND e.opportunity_id = ANY($2::uuid[]) AND p.closed_at IS NULL ORDER BY e.matched DESC, e.fit DESC, e.profile_id

-- same_solicitation --
-- The other notices of a solicitation.
SELECT o.id, o.notice_id, o.title, o.posted_on FROM app.opportunities o
 WHERE o.tenant_id = $1 AND o.solicitation_number = $2 AND o.id <> $3 ORDER BY o.posted_on DESC NULLS LAST, o.id DESC LIMIT 50

-- house_runs --
-- The newest completed run and the newest of all.
SELECT r.id, r.status, r.created_at AS requested_at, r.started_at, r.finished_at AS completed_at, r.error_code
  FROM app.runs r WHERE r.tenant_id = $1 AND r.kind = 'opportunities' AND NOT r.dry_run AND ($2::text IS NULL OR r.status = $2)
 ORDER BY CASE WHEN $2::text IS NOT NULL THEN r.finished_at END DESC, r.id DESC LIMIT 1

-- run --
-- The documents' row of a run.
SELECT d.id, d.status, d.triggered_by, d.started_at, d.completed_at, d.duration_seconds::float8 AS duration_seconds, d.naics_codes,
       d.posted_from, d.posted_to, d.api_calls_made, d.opportunities_found, d.opportunities_new, d.opportunities_updated,
       d.opportunities_unchanged, d.evaluations_created, d.error_message
  FROM app.discovery_runs d WHERE d.tenant_id = $1 AND d.id = $2
