-- subjects --
-- Leads with the company that stands for theirs by now, the contact a salesperson would call, and what they are worth.
WITH RECURSIVE up AS (
    SELECT l.id AS lead_id, l.company_id AS id, 0 AS depth FROM app.leads l WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])
    UNION ALL
    SELECT u.lead_id, c.merged_into, u.depth + 1 FROM up u JOIN app.companies c ON c.tenant_id = $1 AND c.id = u.id
     WHERE c.merged_into IS NOT NULL AND u.depth < 20
), top AS (
    SELECT DISTINCT ON (u.lead_id) u.lead_id, u.id FROM up u ORDER BY u.lead_id, u.depth DESC
)
SELECT l.id AS lead_id, f.name AS profile,
       jsonb_build_object('id', c.id, 'name', c.name, 'domain', c.domain, 'country', c.country, 'city', c.city, 'phone', c.phone) AS company,
       (SELECT jsonb_build_object('id', p.id, 'name', p.name, 'title', p.title, 'email', p.email, 'phone', p.phone, 'email_status', p.email_status)
          FROM app.contacts p
         WHERE p.tenant_id = $1 AND p.merged_into IS NULL AND p.email_status IS DISTINCT FROM 'suppress'
           AND (p.company_id = c.id OR p.id = l.contact_id) AND coalesce(p.name, p.email, p.phone) IS NOT NULL
         ORDER BY p.id = l.contact_id DESC NULLS LAST, p.email_status = 'valid' DESC NULLS LAST, p.email IS NOT NULL DESC, p.id LIMIT 1) AS contact,
       s.band, s.score, s.rationale, coalesce(s.rejected, false) AS rejected, l.merged_into
  FROM top t JOIN app.leads l ON l.tenant_id = $1 AND l.id = t.lead_id JOIN app.companies c ON c.tenant_id = $1 AND c.id = t.id
  LEFT JOIN app.icp_profiles f ON f.tenant_id = $1 AND f.id = l.icp_profile_id
  LEFT JOIN LATERAL (SELECT q.band, q.score, q.rationale, q.rejected FROM app.score_predictions q
                      WHERE q.tenant_id = $1 AND q.lead_id = l.id AND q.decides ORDER BY q.id DESC LIMIT 1) s ON true
 ORDER BY l.id

-- losers --
-- Companies that were merged into this one, by however many steps.
WITH RECURSIVE down AS (
    SELECT c.id, 1 AS depth FROM app.companies c WHERE c.tenant_id = $1 AND c.merged_into = $2
    UNION ALL
    SELECT c.id, d.depth + 1 FROM down d JOIN app.companies c ON c.tenant_id = $1 AND c.merged_into = d.id WHERE d.depth < 20
)
SELECT id FROM down ORDER BY id

-- links --
-- What of these things stands in the CRM.
SELECT k.id, k.system, k.model, k.local_id, k.external_id, k.remote_id, k.last_hash, k.last_values, k.state, k.detail, k.last_error, k.pushed_at
  FROM app.crm_links k WHERE k.tenant_id = $1 AND k.system = $2 AND k.local_id = ANY($3::uuid[])

-- keep --
-- What stands in the CRM from now on. In key order: two leads of one company write the same link.
INSERT INTO app.crm_links AS k (tenant_id, system, model, local_id, external_id, remote_id, last_hash, last_values, state, detail, last_error,
       last_run_id, pushed_at)
SELECT $1, $2, g.model, g.local_id, g.external_id, g.remote_id, decode(g.hash, 'hex'), g.last_values, g.state, g.detail, left(g.last_error, 4000), $4,
       CASE WHEN g.pushed THEN app.now() END
  FROM jsonb_to_recordset($3::jsonb) AS g(model text, local_id uuid, external_id text, remote_id bigint, hash text, last_values jsonb, state text,
       detail jsonb, last_error text, pushed boolean)
 ORDER BY g.model, g.local_id
ON CONFLICT (tenant_id, system, model, local_id) DO UPDATE SET remote_id = excluded.remote_id, last_hash = excluded.last_hash,
       last_values = excluded.last_values, state = excluded.state, detail = excluded.detail, last_error = excluded.last_error,
       last_run_id = coalesce(excluded.last_run_id, k.last_run_id), pushed_at = coalesce(excluded.pushed_at, k.pushed_at), updated_at = app.now()

-- note_push --
-- What came of a push; the last word of a cause counts. A lead that is gone has none.
INSERT INTO app.crm_pushes AS p (tenant_id, lead_id, cause, outcome, reason, records)
SELECT $1, l.id, $3, $4, left($5, 500), $6 FROM app.leads l WHERE l.tenant_id = $1 AND l.id = $2
ON CONFLICT (tenant_id, lead_id, cause) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, records = excluded.records, at = app.now()

-- list_links --
-- Newest first, keyset by id.
SELECT k.id, k.system, k.model, k.local_id, k.external_id, k.remote_id, k.state, k.detail, k.last_error, k.pushed_at, k.created_at, k.updated_at
  FROM app.crm_links k
 WHERE k.tenant_id = $1 AND k.id < $2 AND ($3::text IS NULL OR k.state = $3) AND ($4::text IS NULL OR k.model = $4)
   AND ($5::uuid IS NULL OR k.local_id = $5)
 ORDER BY k.id DESC LIMIT $6

-- lock_link --
-- One link, for whoever decides about it.
SELECT k.id, k.state, k.detail, k.external_id, k.model, k.local_id FROM app.crm_links k WHERE k.tenant_id = $1 AND k.id = $2 FOR NO KEY UPDATE

-- resolve --
-- What a person has decided. The next push does it.
UPDATE app.crm_links SET detail = detail || jsonb_build_object('resolution', $3::text), updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- list_pushes --
-- Newest first, keyset by id.
SELECT p.id, p.lead_id, p.cause, p.outcome, p.reason, p.records, p.at FROM app.crm_pushes p
 WHERE p.tenant_id = $1 AND p.id < $2 AND ($3::uuid IS NULL OR p.lead_id = $3) AND ($4::text IS NULL OR p.cause = $4)
   AND ($5::text IS NULL OR p.outcome = $5)
 ORDER BY p.id DESC LIMIT $6

-- link --
-- One link, whatever came of it.
SELECT k.id, k.model, k.local_id, k.external_id, k.remote_id, k.detail ->> 'place' AS place FROM app.crm_links k WHERE k.tenant_id = $1 AND k.id = $2

-- erased --
-- What its record says of a person is gone there too: $3 is how it stands by now.
UPDATE app.crm_links SET last_values = NULL, last_hash = NULL, last_error = NULL, state = 'linked', updated_at = app.now(),
       detail = jsonb_strip_nulls(jsonb_build_object('place', detail -> 'place', 'lead_id', detail -> 'lead_id', 'erased', true)) || jsonb_build_object('seen', $3::jsonb)
 WHERE tenant_id = $1 AND id = $2

-- run_leads --
-- The leads of a run, oldest first.
SELECT l.id FROM app.leads l WHERE l.tenant_id = $1 AND l.run_id = $2 ORDER BY l.id LIMIT $3

-- run_exists --
-- Is there such a run?
SELECT id FROM app.runs WHERE tenant_id = $1 AND id = $2

-- count_run_leads --
-- How many leads a run has.
SELECT count(*)::int FROM app.leads l WHERE l.tenant_id = $1 AND l.run_id = $2

-- new_id --
-- A name for one sync.
SELECT app.uuidv7()
