-- expire --
-- A stored answer past its time makes room for a new one.
UPDATE app.vendor_items SET live = false
 WHERE tenant_id = $1 AND vendor = $2 AND operation = $3 AND fingerprint = $4 AND live AND state = 'answered' AND expires_at <= app.now()

-- look --
-- The live row of an item, and whether the attempt that sent it is still at work. An answer past its time is none.
SELECT i.id, i.call_id, i.state, i.response,
       EXISTS (SELECT FROM app.job_executions e WHERE e.tenant_id = i.tenant_id AND e.id = c.execution_id
                  AND e.token = c.execution_token AND e.state = 'running') AS in_flight,
       c.billable
  FROM app.vendor_items i JOIN app.vendor_calls c ON c.tenant_id = i.tenant_id AND c.id = i.call_id
 WHERE i.tenant_id = $1 AND i.vendor = $2 AND i.operation = $3 AND i.fingerprint = $4 AND i.live
   AND (i.state <> 'answered' OR i.expires_at > app.now())

-- reserve --
-- Committed before the request leaves: from here on the money may be gone.
WITH call AS MATERIALIZED (
    SELECT app.uuidv7() AS id
), item AS (
    INSERT INTO app.vendor_items (tenant_id, call_id, vendor, operation, fingerprint, state, request)
    SELECT $1, c.id, $2, $3, $4, 'sent', $5 FROM call c
    ON CONFLICT DO NOTHING RETURNING id, call_id
)
INSERT INTO app.vendor_calls (tenant_id, id, vendor, operation, billable, state, units_reserved, run_id, execution_id, execution_token)
SELECT $1, i.call_id, $2, $3, $6, 'sent', $7::float8, $8, $9, $10 FROM item i
RETURNING id AS call_id, (SELECT i.id FROM item i) AS item_id

-- settle_item --
-- Store what was paid for, whoever asked: this is exempt from fencing (law 4). An answer that comes after it was
-- written off is an answer.
UPDATE app.vendor_items SET state = $3, response = $4, live = ($3 <> 'released'),
       expires_at = CASE WHEN $3 = 'answered' THEN app.now() + $5::float8 * interval '1 second' END
 WHERE tenant_id = $1 AND call_id = $2 AND live AND (state = 'sent' OR (state = 'forfeited' AND $3 = 'answered')) RETURNING id

-- settle_call --
-- And what it cost.
UPDATE app.vendor_calls SET state = $3, units_spent = $4::float8, error = left($5, 4000), settled_at = app.now()
 WHERE tenant_id = $1 AND id = $2 AND (state = 'sent' OR (state = 'forfeited' AND $3 = 'answered'))

-- link --
-- A run remembers what it read: replay follows the links.
INSERT INTO app.run_vendor_items (tenant_id, run_id, item_id, slice_id, page) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, run_id, item_id) DO NOTHING

-- calls_of_run --
-- What a run asked of vendors.
SELECT v.id, v.vendor, v.operation, v.billable, v.state, v.units_reserved, v.units_spent, v.error, v.sent_at, v.settled_at, v.execution_id
  FROM app.vendor_calls v WHERE v.tenant_id = $1 AND v.run_id = $2 ORDER BY v.id
