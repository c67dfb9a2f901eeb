-- expire --
-- Stored answers past their time make room for new ones.
UPDATE app.vendor_items SET live = false
 WHERE tenant_id = $1 AND vendor = $2 AND operation = $3 AND fingerprint = ANY($4::bytea[]) AND live AND state = 'answered' AND expires_at <= app.now()

-- look --
-- The live rows of items, and whether the attempt that sent them is still at work. An answer past its time is none. One that was taken for
-- dead while it paid may be: if its worker has beaten since, or might in a moment ($6 seconds), it has as long as the vendor may take ($5 seconds).
SELECT i.fingerprint, i.id, i.call_id, i.state, i.outcome, i.response, i.units_spent, i.vendor_ref, i.note, coalesce(i.said_at, c.sent_at) AS said_at,
       i.estimated, i.raw, c.billable, c.units_reserved, c.state AS call_state, c.execution_id, c.execution_token,
       c.account, ((c.sent_at - interval '5 minutes') AT TIME ZONE 'UTC')::date = ((app.now() + interval '5 minutes') AT TIME ZONE 'UTC')::date AS same_day,
       c.state = 'sent' AND EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = i.tenant_id AND e.id = c.execution_id
                                       AND e.token = c.execution_token AND e.state = 'running')
       OR c.state = 'sent' AND c.billable AND c.sent_at > app.now() - $5::float8 * interval '1 second' AND EXISTS (
           SELECT FROM app.job_attempts a JOIN app.workers w ON w.id = a.worker_id
            WHERE a.tenant_id = i.tenant_id AND a.execution_id = c.execution_id AND a.token = c.execution_token AND a.outcome = 'crashed'
              AND w.stopped_at IS NULL AND (w.beat_at > a.ended_at OR a.ended_at > app.now() - $6::float8 * interval '1 second')) AS in_flight
  FROM app.vendor_items i JOIN app.vendor_calls c ON c.tenant_id = i.tenant_id AND c.id = i.call_id
 WHERE i.tenant_id = $1 AND i.vendor = $2 AND i.operation = $3 AND i.fingerprint = ANY($4::bytea[]) AND i.live
   AND (i.state <> 'answered' OR i.expires_at > app.now())

-- reserve --
-- Committed before the request leaves: from here on the money may be gone. Items first, in key order, then the budgets: everybody locks in
-- this order. No row: somebody else was quicker with one of the items.
WITH call AS MATERIALIZED (
    SELECT app.uuidv7() AS id
), item AS (
    INSERT INTO app.vendor_items (tenant_id, call_id, vendor, operation, fingerprint, state, request)
    SELECT $1, c.id, $2, $3, w.fingerprint, 'sent', w.request FROM call c, unnest($4::bytea[], $5::jsonb[]) AS w(fingerprint, request)
     ORDER BY w.fingerprint
    ON CONFLICT DO NOTHING RETURNING id, call_id, fingerprint
), got AS MATERIALIZED (
    SELECT count(*) AS n, array_agg(i.id ORDER BY i.fingerprint) AS ids FROM item i
), held AS MATERIALIZED (
    SELECT g.ids, CASE WHEN $6 AND $8::float8 > 0 THEN app.hold_units($2, $7, $8, $9, $10) ELSE '[]'::jsonb END AS holds
      FROM got g WHERE g.n = cardinality($4)
)
INSERT INTO app.vendor_calls (tenant_id, id, vendor, operation, billable, state, unit, units_reserved, holds, credential, account, run_id, execution_id, execution_token)
SELECT $1, c.id, $2, $3, $6, 'sent', $7, $8, h.holds, $11, $14, $9, $12, $13 FROM call c, held h
RETURNING id AS call_id, (SELECT h.ids FROM held h) AS item_ids

-- adopt --
-- Go on with a call whose sender died or lost the answer; one attempt only gets it. `$3` to `$5` is how it stood when it was looked at.
UPDATE app.vendor_calls SET state = 'sent', execution_id = $6, execution_token = $7
 WHERE tenant_id = $1 AND id = $2 AND state = $3 AND execution_id IS NOT DISTINCT FROM $4 AND execution_token IS NOT DISTINCT FROM $5 RETURNING id

-- items_of_call --
-- What a call asked, in the order it asked.
SELECT i.id, i.fingerprint, i.request FROM app.vendor_items i WHERE i.tenant_id = $1 AND i.call_id = $2 AND i.live AND i.state = 'sent' ORDER BY i.fingerprint

-- store --
-- What was paid for is stored, whoever asked: this is exempt from fencing (law 4). An answer that comes after it was written off is an answer.
-- The vendor's own records stand in `raw`, those of a page's hits beside each hit.
WITH call AS MATERIALIZED (
    SELECT v.id FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.id = $2 FOR UPDATE
)
UPDATE app.vendor_items i
   SET state = 'answered', outcome = a.outcome, response = a.response, units_spent = a.units, vendor_ref = a.vendor_ref, note = a.note, said_at = a.said_at,
       estimated = a.estimated, raw = a.raw, raw_expires_at = CASE WHEN a.raw IS NOT NULL OR jsonb_path_exists(a.response, '$.*[*].raw') THEN app.now() + $4::float8 * interval '1 second' END,
       expires_at = app.now() + a.keep_s * interval '1 second'
  FROM (SELECT r.id, r.outcome, nullif(r.response, 'null') AS response, r.units, r.vendor_ref, r.note, r.said_at, coalesce(r.estimated, false) AS estimated,
               nullif(r.raw, 'null') AS raw, r.keep_s
          FROM jsonb_to_recordset($3::jsonb) AS r(id uuid, outcome text, response jsonb, units float8, vendor_ref text, note text, said_at timestamptz,
                                                  estimated boolean, raw jsonb, keep_s float8)) a, call c
 WHERE i.tenant_id = $1 AND i.call_id = c.id AND i.id = a.id AND i.live AND i.state IN ('sent', 'forfeited')

-- lock_call --
-- The call first, then its items, then the budgets: everybody locks in this order. No row: it has another sender now.
SELECT v.id FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.id = $2 AND v.execution_id IS NOT DISTINCT FROM $3 AND v.execution_token IS NOT DISTINCT FROM $4
   FOR UPDATE

-- write_off --
-- No answer will come: `released` makes room for another request, `forfeited` does not.
UPDATE app.vendor_items SET state = $3, live = ($3 <> 'released') WHERE tenant_id = $1 AND call_id = $2 AND live AND state = 'sent'

-- settle --
-- And what it cost.
SELECT s.reserved, s.overrun FROM app.settle_call($1, $2, $3, $4, $5::int[], $6, $7) s

-- link --
-- A run remembers what it read: replay follows the links.
INSERT INTO app.run_vendor_items AS l (tenant_id, run_id, item_id, slice_id, page) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, run_id, item_id) DO UPDATE SET slice_id = excluded.slice_id, page = excluded.page
 WHERE l.slice_id IS NULL AND excluded.slice_id IS NOT NULL

-- link_all --
-- The same for look-ups, which belong to no page.
INSERT INTO app.run_vendor_items (tenant_id, run_id, item_id)
SELECT $1, r.id, u.item_id FROM app.runs r, unnest($3::uuid[]) AS u(item_id) WHERE r.tenant_id = $1 AND r.id = $2 ORDER BY u.item_id
ON CONFLICT (tenant_id, run_id, item_id) DO NOTHING

-- calls_of_run --
-- What a run asked of vendors.
SELECT v.id, v.vendor, v.operation, v.billable, v.state, v.units_reserved, v.units_spent, v.error, v.sent_at, v.settled_at, v.execution_id
  FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.run_id = $2 ORDER BY v.id

-- spent --
-- What a run spent, by vendor and operation.
SELECT v.vendor, v.operation, v.unit, v.billable, count(*)::int AS calls, sum(v.units_spent)::float8 AS spent,
       coalesce(sum(v.units_reserved) FILTER (WHERE v.settled_at IS NULL), 0)::float8 AS reserved,
       (count(*) FILTER (WHERE v.state = 'forfeited'))::int AS forfeited, sum(v.found)::int AS found, sum(v.missed)::int AS missed
  FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.run_id = $2 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3

-- resend --
-- An operator lets a forfeited item be bought again; what it cost stays on the books.
UPDATE app.vendor_items SET live = false, resent_at = app.now(), resent_by = $3
 WHERE tenant_id = $1 AND id = $2 AND state = 'forfeited' AND live RETURNING vendor, operation, call_id

-- item --
-- Where one item stands.
SELECT i.id, i.vendor, i.operation, i.state, i.live, i.resent_at FROM app.vendor_items i WHERE i.tenant_id = $1 AND i.id = $2

-- forfeited --
-- Items that were paid for and lost, newest first, of one vendor or of all.
SELECT i.id, i.vendor, i.operation, i.request, v.units_spent, v.run_id, v.error, v.sent_at
  FROM app.vendor_items i JOIN app.vendor_calls v ON v.tenant_id = i.tenant_id AND v.id = i.call_id
 WHERE i.tenant_id = $1 AND i.state = 'forfeited' AND i.live AND ($2::text IS NULL OR i.vendor = $2) ORDER BY i.id DESC LIMIT $3

-- adrift --
-- Calls without an answer whose sender is gone and that nobody has asked for again for a day, all tenants.
SELECT v.tenant_id, v.id, v.billable, v.state, v.units_reserved, v.execution_id, v.execution_token FROM app.vendor_calls v
 WHERE v.settled_at IS NULL AND v.sent_at < app.now() - $1::float8 * interval '1 second'
   AND (v.state = 'unknown' OR NOT EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = v.tenant_id AND e.id = v.execution_id
                                              AND e.token = v.execution_token AND e.state = 'running'))
 ORDER BY v.tenant_id, v.id LIMIT 1000

-- drop_raw --
-- Vendors' own records past their time. Of a page's hits, what was read out of them stays.
UPDATE app.vendor_items i SET raw = NULL, raw_expires_at = NULL, response = CASE WHEN jsonb_path_exists(i.response, '$.*[*].raw') THEN (
           SELECT jsonb_object_agg(m.key, CASE jsonb_typeof(m.value) WHEN 'object' THEN m.value - 'raw' WHEN 'array' THEN coalesce((
                      SELECT jsonb_agg(CASE WHEN jsonb_typeof(h.value) = 'object' THEN h.value - 'raw' ELSE h.value END ORDER BY h.place)
                        FROM jsonb_array_elements(m.value) WITH ORDINALITY h(value, place)), '[]') ELSE m.value END)
             FROM jsonb_each(i.response) m) ELSE i.response END
 WHERE i.raw_expires_at <= app.now()
