-- ask --
-- Leads that may be enriched: the ones named, or the oldest that are new. Locked, so that two who ask at once do not ask twice.
SELECT l.id, l.status, l.icp_profile_id,
       (SELECT r.id FROM app.source_records r WHERE r.tenant_id = l.tenant_id AND r.lead_id = l.id ORDER BY r.id LIMIT 1) AS record_id,
       (SELECT count(*) FROM app.enrichments e WHERE e.tenant_id = l.tenant_id AND e.lead_id = l.id)::int AS before
  FROM app.leads l
 WHERE l.tenant_id = $1 AND CASE WHEN cardinality($2::uuid[]) > 0 THEN l.id = ANY($2::uuid[]) ELSE l.status = 'new' END AND l.merged_into IS NULL
 ORDER BY l.id LIMIT $3 FOR NO KEY UPDATE OF l

-- mark --
-- Asked for: the lead is not new any more.
UPDATE app.leads SET status = 'processing', updated_at = app.now() WHERE tenant_id = $1 AND id = ANY($2::uuid[])

-- begin --
-- The record of this enrichment; a job that starts again finds its own. A lead nobody has marked yet is being worked on (S2.05).
WITH marked AS (
    UPDATE app.leads SET status = 'processing', updated_at = app.now() WHERE tenant_id = $1 AND id = $2 AND status = 'new'
)
INSERT INTO app.enrichments (tenant_id, lead_id, cause) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, lead_id, cause) DO UPDATE SET lead_id = EXCLUDED.lead_id
RETURNING id, state, payload->'report' AS report, started_at, extract(epoch FROM app.now() - started_at)::float8 AS age_s

-- keep_site --
-- What the site said: the next attempt of the same enrichment need not ask it again.
UPDATE app.enrichments SET payload = jsonb_build_object('report', $3::jsonb) WHERE tenant_id = $1 AND id = $2 AND state = 'PENDING'

-- subject --
-- Who is to be enriched: lead, company, contact.
SELECT l.id AS lead_id, l.icp_profile_id, c.id AS company_id, c.name AS company_name, c.domain, c.country, c.city, c.registry_id,
       c.employees, c.industry, p.id AS contact_id, p.name AS contact_name, p.title AS contact_title, p.email AS contact_email, l.merged_into
  FROM app.leads l
  JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
  LEFT JOIN app.contacts p ON p.tenant_id = l.tenant_id AND p.id = l.contact_id
 WHERE l.tenant_id = $1 AND l.id = $2

-- lock_subject --
-- Entity locks in order: company, then lead.
SELECT c.merged_into FROM app.companies c WHERE c.tenant_id = $1 AND c.id = $2 FOR NO KEY UPDATE

-- finish --
-- The end of an enrichment, once.
UPDATE app.enrichments SET state = $4, payload = $5, cost_usd = $6, error_code = $7, error = left($8, 4000), finished_at = app.now()
 WHERE tenant_id = $1 AND lead_id = $2 AND cause = $3 AND state = 'PENDING' RETURNING id

-- reopen --
-- An operator has its job retried: what was said at its end is taken back.
UPDATE app.enrichments SET state = 'PENDING', error_code = NULL, error = NULL, finished_at = NULL
 WHERE tenant_id = $1 AND lead_id = $2 AND cause = $3 AND state = 'FAILED' RETURNING id

-- lead_status --
-- Where the lead stands now (S2.05).
UPDATE app.leads SET status = $3, contact_id = coalesce(contact_id, $4), updated_at = app.now() WHERE tenant_id = $1 AND id = $2

-- company --
-- The values that survive: only what is better than nothing; a domain or registry id is never overwritten. What tells companies apart being new,
-- it is compared again.
UPDATE app.companies SET
       employees = coalesce($3, employees), industry = coalesce($4, industry), description = coalesce($5, description),
       phone = coalesce($6, phone), naics = CASE WHEN cardinality($7::text[]) > 0 THEN $7 ELSE naics END,
       city = coalesce(city, $8), country = coalesce(country, $9), updated_at = app.now(),
       compared_at = CASE WHEN coalesce($6, phone) IS DISTINCT FROM phone OR (city IS NULL AND $8::text IS NOT NULL) THEN NULL ELSE compared_at END
 WHERE tenant_id = $1 AND id = $2

-- add_contact --
-- A person who was not known by this address.
INSERT INTO app.contacts (tenant_id, id, company_id, name, title, email, phone, linkedin_url) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- contact --
-- What is new about a person: what was empty is filled, the standing of their address is replaced. Another address of theirs takes the place of
-- one that is known less surely, never of an objection.
UPDATE app.contacts p SET name = coalesce(p.name, $3), title = coalesce(p.title, $4), phone = coalesce(p.phone, $5),
       linkedin_url = coalesce(p.linkedin_url, $6), email = CASE WHEN n.moves THEN $8 ELSE p.email END,
       email_status = CASE WHEN n.moves THEN $7 WHEN n.same THEN coalesce($7, p.email_status) ELSE p.email_status END,
       email_checked_at = CASE WHEN (n.moves OR n.same) AND $7::text IS NOT NULL THEN app.now() ELSE p.email_checked_at END, updated_at = app.now()
  FROM (SELECT o.id, lower(o.email) = $8 AS same, o.email IS NULL OR (lower(o.email) <> $8 AND coalesce($7 = 'valid', false)
               AND o.email_status IS DISTINCT FROM 'valid' AND o.email_status IS DISTINCT FROM 'suppress') AS moves
          FROM app.contacts o WHERE o.tenant_id = $1 AND o.id = $2) n
 WHERE p.tenant_id = $1 AND p.id = $2 AND n.id = p.id

-- add_steps --
-- What became of each vendor that was asked.
INSERT INTO app.waterfall_steps (tenant_id, enrichment_id, field, place, operation, outcome, reason, stored, units, cost_usd, explored,
                                 shadow_id, shadow_cost_usd, shadow_found,
                                 active_cost_usd, active_found, item_id)
SELECT $1, $2, s.field, s.place, s.operation, s.outcome, left(s.reason, 200), s.stored, s.units, s.cost_usd, s.explored, s.shadow_id, s.shadow_cost, s.shadow_found, s.active_cost, s.active_found, s.item_id
  FROM unnest($3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::float8[], $10::float8[], $11::boolean[],
              $12::uuid[], $13::float8[], $14::float8[], $15::float8[], $16::float8[], $17::uuid[])
       AS s(field, place, operation, outcome, reason, stored, units, cost_usd, explored, shadow_id, shadow_cost, shadow_found, active_cost, active_found, item_id)
ON CONFLICT DO NOTHING

-- count_ended --
-- How many leads have been through.
SELECT count(*)::int FROM app.leads WHERE tenant_id = $1 AND status IN ('enriched', 'failed')

-- costs --
-- What the steps of all enrichments came to, by vendor.
SELECT operation, count(*)::int AS asked, count(*) FILTER (WHERE stored)::int AS stored, count(*) FILTER (WHERE outcome = 'accepted')::int AS accepted,
       sum(units) AS units FROM app.waterfall_steps WHERE tenant_id = $1 AND outcome <> 'skipped' GROUP BY operation ORDER BY operation

-- sites --
-- Requests to each site, how its walk ended, vendors' questions, whether an answer was lost, and how many were not ready.
SELECT (SELECT c.domain FROM app.leads l JOIN app.companies c ON c.tenant_id = l.tenant_id AND c.id = l.company_id
         WHERE l.tenant_id = e.tenant_id AND l.id = e.lead_id) AS domain,
       payload->'site'->>'outcome' AS outcome, coalesce((payload->'site'->>'requests')::int, 0) AS requests,
       coalesce((payload->'site'->>'seconds')::float8, 0) AS seconds,
       (SELECT count(*)::int FROM app.waterfall_steps s WHERE s.tenant_id = e.tenant_id AND s.enrichment_id = e.id
           AND s.outcome <> 'skipped' AND NOT s.stored) AS asked,
       ARRAY(SELECT s.operation FROM app.waterfall_steps s WHERE s.tenant_id = e.tenant_id AND s.enrichment_id = e.id
                AND s.outcome <> 'skipped' ORDER BY s.field, s.place) AS operations,
       EXISTS (SELECT FROM app.waterfall_steps s WHERE s.tenant_id = e.tenant_id AND s.enrichment_id = e.id AND s.reason = 'forfeited') AS lost,
       (SELECT count(*)::int FROM app.job_executions x JOIN app.job_attempts a ON a.tenant_id = x.tenant_id AND a.execution_id = x.id
         WHERE x.tenant_id = e.tenant_id AND x.job = 'enrichment.run' AND x.scope = 'once' AND x.key = 'enrichment.run:' || e.lead_id || ':' || e.cause
           AND a.outcome = 'snoozed' AND a.error_class = 'pending') AS put_off
  FROM app.enrichments e WHERE tenant_id = $1

-- calls --
-- Where the paid calls of a tenant stand.
SELECT state, count(*)::int AS n FROM app.vendor_calls WHERE tenant_id = $1 AND billable GROUP BY state ORDER BY state

-- paid --
-- Requests of a tenant that cost something and whose answers are kept.
SELECT count(*)::int FROM app.vendor_calls WHERE tenant_id = $1 AND billable AND state = 'answered' AND units_spent > 0

-- list --
-- Enrichments of a lead, newest first.
SELECT id, lead_id, cause, state AS status, payload, cost_usd, error_code, error, started_at, finished_at
  FROM app.enrichments WHERE tenant_id = $1 AND lead_id = $2 ORDER BY id DESC LIMIT 50

-- steps --
-- Every step of some enrichments, in order.
SELECT enrichment_id, field, place, operation, outcome, reason, stored, units, cost_usd, explored, item_id
  FROM app.waterfall_steps WHERE tenant_id = $1 AND enrichment_id = ANY($2::uuid[]) ORDER BY enrichment_id, field, place

-- latest --
-- The newest enrichment of each of these leads.
SELECT DISTINCT ON (lead_id) lead_id, id, state AS status, cost_usd, error, started_at, finished_at
  FROM app.enrichments WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[]) ORDER BY lead_id, id DESC
