-- Where a slice was left when the day's calls were spent: the next run goes on there. NULL: it was read to its end, or begins anew. (ADR 0051)
ALTER TABLE app.source_cursors ADD COLUMN place varchar(500);

-- Records that stand beside a page's hits are forgotten as all vendors' records are; of those stored before, nobody had noted when.
UPDATE app.vendor_items SET raw_expires_at = coalesce(said_at, created_at) + interval '60 days'
 WHERE state = 'answered' AND raw_expires_at IS NULL AND jsonb_path_exists(response, '$.*[*].raw');
