-- columns --
-- The text and JSON columns of our tables, with what an update has to know of them.
SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type, a.attnotnull AS needed
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
   AND c.relname = ANY($1::text[])
 ORDER BY c.relname, a.attnum

-- contacts --
-- Rows of the person, merged ones too: by id, address, or the last digits of a number.
WITH RECURSIVE mine AS (
    SELECT p.id, p.merged_into FROM app.contacts p
     WHERE p.tenant_id = $1 AND (p.id = $2 OR lower(p.email) = ANY($3::text[])
           OR right(regexp_replace(p.phone, '\D', '', 'g'), 9) = ANY($4::text[]))
    UNION
    SELECT p.id, p.merged_into FROM app.contacts p JOIN mine m ON p.id = m.merged_into OR p.merged_into = m.id WHERE p.tenant_id = $1
)
SELECT p.id, p.company_id, p.name, p.email, p.phone, p.linkedin_url FROM app.contacts p JOIN mine m ON m.id = p.id WHERE p.tenant_id = $1 ORDER BY p.id

-- shared --
-- Which of these numbers, by their last digits, others have too: a switchboard's names nobody.
SELECT right(regexp_replace(p.phone, '\D', '', 'g'), 9) AS tail FROM app.contacts p
 WHERE p.tenant_id = $1 AND p.id <> ALL($2::uuid[]) AND right(regexp_replace(p.phone, '\D', '', 'g'), 9) = ANY($3::text[])
UNION
SELECT right(regexp_replace(c.phone, '\D', '', 'g'), 9) FROM app.companies c
 WHERE c.tenant_id = $1 AND right(regexp_replace(c.phone, '\D', '', 'g'), 9) = ANY($3::text[])

-- facts --
-- What sources called the person.
SELECT f.field, f.value FROM app.field_values f
 WHERE f.tenant_id = $1 AND f.kind = 'contact' AND f.entity_id = ANY($2::uuid[]) AND jsonb_typeof(f.value) = 'string'

-- addresses --
-- Addresses that their keys hold.
SELECT k.value FROM app.entity_keys k
 WHERE k.tenant_id = $1 AND k.kind = 'contact' AND k.key_type = 'email' AND k.entity_id = ANY($2::uuid[])

-- leads --
-- Leads through which the person was to be reached.
SELECT l.id, l.company_id FROM app.leads l WHERE l.tenant_id = $1 AND l.contact_id = ANY($2::uuid[]) ORDER BY l.id
