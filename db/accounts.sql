-- subjects --
-- Who is looked at: companies that ordered, by themselves or under a name that was merged into theirs, and those judged before.
WITH RECURSIVE up(id, merged_into) AS (
    SELECT c.id, c.merged_into FROM app.companies c
     WHERE c.tenant_id = $1 AND c.id IN (SELECT o.company_id FROM app.orders o WHERE o.tenant_id = $1)
    UNION SELECT c.id, c.merged_into FROM app.companies c JOIN up ON c.id = up.merged_into WHERE c.tenant_id = $1
)
SELECT id FROM up WHERE merged_into IS NULL
UNION SELECT a.company_id FROM app.accounts a WHERE a.tenant_id = $1
ORDER BY 1

-- drop_merged --
-- Whoever was merged into another is no account of its own.
DELETE FROM app.accounts a USING app.companies c
 WHERE a.tenant_id = $1 AND c.tenant_id = $1 AND c.id = a.company_id AND c.merged_into IS NOT NULL RETURNING a.company_id

-- gather --
-- What the orders of these companies say, up to $3; which of them was the first; what has not changed is not written.
WITH RECURSIVE family(id, root) AS (
    SELECT c.id, c.id FROM app.companies c WHERE c.tenant_id = $1 AND c.id = ANY($2::uuid[]) AND c.merged_into IS NULL
    UNION SELECT c.id, f.root FROM app.companies c JOIN family f ON c.merged_into = f.id WHERE c.tenant_id = $1
), placed AS (
    SELECT f.root, o.id, o.ordered_at, o.value, o.is_first_order, row_number() OVER w = 1 AS first, o.ordered_at - lag(o.ordered_at) OVER w AS gap
      FROM family f JOIN app.orders o ON o.tenant_id = $1 AND o.company_id = f.id WHERE o.ordered_at <= $3::timestamptz
    WINDOW w AS (PARTITION BY f.root ORDER BY o.ordered_at, o.id)
), marked AS (
    UPDATE app.orders o SET is_first_order = p.first, updated_at = app.now() FROM placed p
     WHERE o.tenant_id = $1 AND o.id = p.id AND o.is_first_order <> p.first RETURNING o.id
), facts AS (
    SELECT f.id, count(p.id)::int AS orders, min(p.ordered_at) AS first_at, max(p.ordered_at) AS last_at,
           coalesce(sum(p.value) FILTER (WHERE p.ordered_at > $3::timestamptz - interval '1 year'), 0) AS value_12m,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.gap)::float8 / 86400) FILTER (WHERE p.gap > interval '0') AS gap
      FROM family f LEFT JOIN placed p ON p.root = f.id WHERE f.id = f.root GROUP BY f.id
), kept AS (
    INSERT INTO app.accounts AS a (tenant_id, company_id, orders, first_order_at, last_order_at, value_12m, median_gap_days)
    SELECT $1, f.id, f.orders, f.first_at, f.last_at, round(f.value_12m::numeric, 6)::float8, round(f.gap::numeric, 6)::float8 FROM facts f ORDER BY f.id
    ON CONFLICT (tenant_id, company_id) DO UPDATE
       SET orders = excluded.orders, first_order_at = excluded.first_order_at, last_order_at = excluded.last_order_at,
           value_12m = excluded.value_12m, median_gap_days = excluded.median_gap_days, updated_at = app.now()
     WHERE (a.orders, a.first_order_at, a.last_order_at, a.value_12m, a.median_gap_days)
           IS DISTINCT FROM (excluded.orders, excluded.first_order_at, excluded.last_order_at, excluded.value_12m, excluded.median_gap_days)
    RETURNING a.company_id
)
SELECT (SELECT count(*) FROM kept)::int AS changed, (SELECT count(*) FROM marked)::int AS marked

-- judge --
-- Types, the first that fits. $3 new, $4 active, $5 dormant, $7 least days; $6 factor; $8 where the top share begins; $9 orders of a KEY.
WITH top AS (
    SELECT percentile_disc($8::float8) WITHIN GROUP (ORDER BY a.value_12m) AS least FROM app.accounts a WHERE a.tenant_id = $1 AND a.value_12m > 0
), judged AS (
    SELECT a.company_id, a.account_type AS before,
           CASE WHEN a.orders = 0 THEN 'PROSPECT'
                WHEN a.last_order_at <= $2::timestamptz - $5::int * interval '1 day' THEN 'DORMANT'
                WHEN extract(epoch FROM $2::timestamptz - a.last_order_at) / 86400
                     > CASE WHEN a.median_gap_days IS NULL THEN $4::int ELSE greatest($6::float8 * a.median_gap_days, $7::int) END THEN 'AT_RISK'
                WHEN a.orders >= $9::int AND a.value_12m >= t.least THEN 'KEY'
                WHEN a.first_order_at > $2::timestamptz - $3::int * interval '1 day' THEN 'NEW'
                ELSE 'ACTIVE' END AS now
      FROM app.accounts a CROSS JOIN top t WHERE a.tenant_id = $1 AND NOT a.company_id = ANY($10::uuid[])
), changed AS (
    UPDATE app.accounts a SET account_type = j.now, previous_type = j.before, type_changed_at = $2, updated_at = app.now()
      FROM judged j WHERE a.tenant_id = $1 AND a.company_id = j.company_id AND j.before <> j.now RETURNING j.before, j.now
)
SELECT before, now, count(*)::int AS n FROM changed GROUP BY 1, 2 ORDER BY 1, 2

-- types --
-- How many there are of each.
SELECT a.account_type, count(*)::int AS n FROM app.accounts a WHERE a.tenant_id = $1 GROUP BY 1 ORDER BY 1

-- list --
-- Accounts by company, keyset.
SELECT a.company_id, c.name, a.account_type, a.previous_type, a.type_changed_at, a.orders, a.first_order_at, a.last_order_at, a.value_12m,
       a.median_gap_days, a.updated_at
  FROM app.accounts a JOIN app.companies c ON c.tenant_id = a.tenant_id AND c.id = a.company_id
 WHERE a.tenant_id = $1 AND a.company_id < $2 AND ($3::text IS NULL OR a.account_type = $3)
   AND ($4::timestamptz IS NULL OR a.last_order_at < $4)
 ORDER BY a.company_id DESC LIMIT $5

-- orders --
-- Orders of a company and of those merged into it, newest first, keyset by time and id.
WITH RECURSIVE family(id) AS (
    SELECT $2::uuid UNION SELECT c.id FROM app.companies c JOIN family f ON c.merged_into = f.id WHERE c.tenant_id = $1
)
SELECT o.id, o.source, o.ext_id, o.ordered_at, o.delivered_at, o.is_first_order, o.value
  FROM family f JOIN app.orders o ON o.tenant_id = $1 AND o.company_id = f.id
 WHERE $3::timestamptz IS NULL OR (o.ordered_at, o.id) < ($3, $4::uuid) ORDER BY o.ordered_at DESC, o.id DESC LIMIT $5

-- show --
-- One company as a customer; without a row it has never ordered.
SELECT c.id AS company_id, c.name, coalesce(a.account_type, 'PROSPECT') AS account_type, a.previous_type, a.type_changed_at,
       coalesce(a.orders, 0) AS orders, a.first_order_at, a.last_order_at, coalesce(a.value_12m, 0) AS value_12m, a.median_gap_days, a.updated_at
  FROM app.companies c LEFT JOIN app.accounts a ON a.tenant_id = c.tenant_id AND a.company_id = c.id WHERE c.tenant_id = $1 AND c.id = $2
